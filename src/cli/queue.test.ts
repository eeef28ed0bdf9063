/** The words of `hikyaku queue`: which it refuses before anything is asked, and what it asks on a terminal. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Project } from '../iam/projects.ts';
import * as make from '../store/conformance/samples.ts';
import { projectNamed } from './find-project.ts';
import { run } from './queue.ts';
import { announcement, type Change, type Changed, changeQueue } from './queue-change.ts';
import { UsageError } from './usage.ts';

const signal = new AbortController().signal;
/** A configuration that no command gets as far as to read. */
const env = { HIKYAKU_STORE: 'nonsense' };

const WRONG: Readonly<Record<string, RegExp>> = {
  cancel:
    /queue cancel needs a filter \(--project, .*\), or --all for everything that waits, of all projects/,
  bounce: /queue bounce needs a filter/,
  suspend: /queue suspend needs a filter/,
  'suspend --for 1h': /queue suspend needs a filter/,
  'cancel --dry-run': /queue cancel needs a filter/,
  'cancel --reason x --yes': /queue cancel needs a filter/,
  'cancel --project=': /--project is empty/,
  'bounce --domain=': /--domain is empty/,
  'bounce --project p --domain=': /--domain is empty/,
  'suspend --sender= --site=': /--(sender|site) is empty/,
  'cancel --all --domain a.test': /--all means everything .* with --domain leave it out/,
  'bounce --all --project p': /--all means everything .* with --project leave it out/,
  'cancel --id 1': /queue cancel takes no --id; it takes --project/,
  'retry --until-resumed': /queue retry takes no --until-resumed/,
  'suspend --state held': /queue suspend takes no --state: a suspension holds mail of every state/,
  'resume --state held': /queue resume takes no --state: a suspension holds mail of every state/,
  'suspend --reason x':
    /queue suspend needs a filter \(--project, --site, --domain, --sender, --older-than\), or --all/,
  'suspend --domain a.test --id 1': /^queue suspend takes no --id; it takes (?!.*--state)/,
  'suspend --domain a.test --until 2020-01-01T00:00:00Z':
    /^--until 2020-01-01T00:00:00Z is in the past: give a time in the next 366 days$/,
  'suspend --domain a.test --until 2999-01-01T00:00:00Z':
    /^--until 2999-01-01T00:00:00Z is too far ahead: a suspension ends within 366 days; --until-resumed sets no end$/,
  'suspend --domain a.test --for 400d':
    /^--for 400d is too long: a suspension lasts 366d at most; --until-resumed sets no end$/,
  'resume --id 1': /^--id 1 is not the id of a suspension/,
  'suspend --domain a.test --state held': /takes no --state: a suspension holds mail of every state/,
  'suspend --domain a.test --for 1h --until-resumed': /of --for, --until-resumed only one/,
  'suspend --domain a.test --until tomorrow': /--until needs a time with a zone/,
  resume: /queue resume needs --id, a filter or --all/,
  'resume --id 1 --all': /--id names one suspension/,
  'resume --id 1 --domain a.test': /--id names one suspension/,
  'cancel --project journey --project other': /--project is given twice/,
  'suspend --domain a.test --for 1h --for=2h': /--for is given twice/,
  'cancel --all --yes --yes': /--yes is given twice/,
  'list --project=': /--project is empty/,
  'suspend --domain *.test': /^--domain \*\.test is not a domain name$/,
  'cancel --domain a@b.test': /^--domain a@b\.test is not a domain name$/,
  'show --domain out.test..': /^--domain out\.test\.\. is not a domain name$/,
  'bounce --sender a': /^--sender a is not an e-mail address$/,
  'show --site a@b': /^--site a@b is not a destination site$/,
  explode: /no such action: explode; there are list, show, retry/,
};
for (const [words, message] of Object.entries(WRONG))
  test(`queue ${words} is wrong usage, and asks no service`, async () => {
    await assert.rejects(run(words.split(' '), { env, signal }), (error: unknown) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });

/** Changes over a service that counts 1,234 recipients of 12 projects. */
async function change(request: Change, typed: string | null) {
  const asked: Change[] = [];
  const output = new PassThrough();
  const input = new PassThrough();
  if (typed !== null) input.end(typed);
  const said = { out: '', err: '' };
  const status = await changeQueue(request, {
    async ask(one) {
      asked.push(one);
      const expires_at = one.until === null ? null : '2026-01-02T00:00:00.000Z';
      const changed = one.dry_run === true ? 0 : 1234;
      return { status: 200, json: { matched: 1234, projects: 12, changed, expires_at } };
    },
    project: null,
    json: true,
    terminal: typed === null ? null : { input, output },
    signal,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
  });
  return { status, asked, ...said, question: String(output.read() ?? '') };
}
const BOUNCE: Change = { action: 'bounce', all: true, dry_run: false };

test('on a terminal the number is shown and asked for, and only a yes changes something', async () => {
  for (const typed of ['n\n', '\n', 'yeah\n', '']) {
    const { status, asked, err, out, question } = await change(BOUNCE, typed);
    assert.equal(question, 'This will bounce 1,234 recipients of 12 projects. Go on? [y/N] ');
    assert.deepEqual([status, err, out], [1, 'nothing was changed\n', '']);
    assert.deepEqual(asked, [{ ...BOUNCE, dry_run: true }]);
  }
  for (const typed of ['y\n', 'YES\n', ' y \n']) {
    const { status, asked, out } = await change(BOUNCE, typed);
    assert.deepEqual([status, JSON.parse(out).changed], [0, 1234]);
    assert.deepEqual(asked, [{ ...BOUNCE, dry_run: true }, BOUNCE]);
  }
});
test('without a terminal it acts; a count and a retry ask nothing', async () => {
  assert.deepEqual((await change(BOUNCE, null)).asked, [BOUNCE]);
  for (const request of [
    { ...BOUNCE, dry_run: true },
    { action: 'retry', dry_run: false },
  ] as const) {
    const { asked, question } = await change(request, 'n\n');
    assert.deepEqual([asked, question], [[request], '']);
  }
});
test('the question before a suspension says when it ends', () => {
  const counted = { matched: 1, projects: 1 };
  assert.equal(
    announcement('suspend', { ...counted, expires_at: null }, null),
    'This will suspend 1 recipient of 1 project, and new mail of the same kind, until it is resumed.',
  );
  assert.match(
    announcement('suspend', { ...counted, expires_at: '2026-01-02' }, null),
    /until 2026-01-02\.$/,
  );
});
test('a project that the command names is named, whether any of its mail waits or none', () => {
  const counted = { matched: 0, projects: 0, expires_at: null };
  assert.equal(announcement('cancel', counted, 'shop'), 'This will cancel 0 recipients of project shop.');
  assert.equal(announcement('cancel', counted, null), 'This will cancel 0 recipients.');
  assert.equal(
    announcement('bounce', { ...counted, matched: 1, projects: 1 }, 'shop'),
    'This will bounce 1 recipient of project shop.',
  );
});

const NONE: Changed = {
  ...{ matched: 0, changed: 0, in_flight: 0, suspension: null, expires_at: null, resumed: 0 },
};
const ID = '01998d7e-0000-7000-8000-000000000001';
const SAID: readonly [Change, Partial<Changed>, project: string | null, lines: readonly string[]][] = [
  [
    BOUNCE,
    { matched: 1234, changed: 1230, in_flight: 3, projects: 2 },
    null,
    [
      'bounced: 1,230 recipients of 2 projects',
      'left alone, because they were being tried: 3 recipients',
      'not changed, because they moved on meanwhile: 1 recipient',
    ],
  ],
  [
    { action: 'retry', dry_run: false },
    { matched: 3, changed: 1, projects: 1, silent_nodes: 1 },
    'shop',
    [
      'put forward: 1 recipient of project shop; the service tries now what nothing suspends',
      'not put forward, because they are due already or over a sending limit: 2 recipients',
      '1 other node gave no answer in time and may still be at work: what is done there is not counted here',
    ],
  ],
  [
    { action: 'cancel', all: true, dry_run: true },
    { matched: 5, projects: 1 },
    null,
    ['would cancel 5 recipients of 1 project; nothing was changed'],
  ],
  [
    { action: 'suspend', filter: { domain: 'out.test', sender: '<>' } },
    { matched: 2, projects: 1, suspension: ID, expires_at: '2026-01-02T00:00:00.000Z' },
    null,
    [
      'suspended mail with domain out.test, sender <> of all projects, until 2026-01-02T00:00:00Z: 2 recipients of 1 project that wait now, and new mail',
      `suspension ${ID}; to end it: hikyaku queue resume --id ${ID}`,
    ],
  ],
  [
    { action: 'suspend', dry_run: true },
    { matched: 0, projects: 0 },
    'shop',
    [
      'would suspend all mail of project shop, until it is resumed: 0 recipients that wait now, and new mail; nothing was changed',
    ],
  ],
  [
    { action: 'resume', suspension: ID },
    { suspension: ID, resumed: 1 },
    null,
    ['ended 1 suspension; the service tries the mail again that nothing else suspends'],
  ],
  [
    { action: 'resume', all: true, dry_run: true },
    { resumed: 2 },
    null,
    ['would end 2 suspensions; nothing was changed'],
  ],
];
for (const [request, answer, project, lines] of SAID)
  test(`without --json, ${request.action}${request.dry_run ? ' --dry-run' : ''} of ${project ?? 'all'} is said in words`, async () => {
    const said = { out: '', err: '' };
    const ask = async () => ({ status: 200, json: { ...NONE, ...answer } });
    const deps = { ask, project, terminal: null, signal, err: () => assert.fail('no error') };
    const out = (text: string) => {
      said.out += text;
    };
    assert.equal(await changeQueue(request, { ...deps, json: false, out }), 0);
    assert.deepEqual(said.out.split('\n'), [...lines, '']);
    said.out = '';
    assert.equal(await changeQueue(request, { ...deps, json: true, out }), 0);
    assert.deepEqual(JSON.parse(said.out), { ...NONE, ...answer });
  });
test('what the service refuses has the name of the command; a wrong request is wrong usage', async () => {
  for (const [status, exit] of [
    [400, 2],
    [404, 1],
    [503, 1],
  ] as const) {
    let said = '';
    const ended = await changeQueue(BOUNCE, {
      ...{ project: null, terminal: null, json: false, signal, out: () => assert.fail('no output') },
      ask: async () => ({ status, json: { detail: 'no' } }),
      err: (text) => {
        said += text;
      },
    });
    assert.deepEqual([ended, said], [exit, 'hikyaku queue: no\n']);
  }
});

test('a project is named by its id or its name; of several with the name the ids are listed', async () => {
  const [a, b, c] = [
    make.project({ name: 'shop' }),
    make.project({ name: 'news' }),
    make.project({ name: 'news' }),
  ];
  const all: Project[] = [a, b, c];
  const read = {
    project: async (id: string) => all.find((one) => one.id === id) ?? null,
    projectsByName: async (name: string) => all.filter((one) => one.name === name),
  };
  assert.equal(await projectNamed(read, 'shop'), a);
  assert.equal(await projectNamed(read, c.id), c);
  await assert.rejects(
    projectNamed(read, 'news'),
    new RegExp(`2 projects are named 'news': .*${b.id}, ${c.id}$`),
  );
  await assert.rejects(
    projectNamed(read, 'none'),
    /^UsageError: there is no project with the name or id 'none'/,
  );
  await assert.rejects(projectNamed(read, make.newId()), /^UsageError: there is no project/);
});
