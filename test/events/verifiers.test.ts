/**
 * The verifiers that docs/events.md shows: each takes what the service signs, and nothing else. A language that is not
 * installed is skipped.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeWebhookSecret, webhookSigner } from '../../src/edj/webhook-signature.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { execute, has, temporaryDirectory } from '../journeys/harness.ts';

const NOW = 1_767_323_045;
const ID = '0198c0de-0000-7000-8000-000000000011';
const random = createRandom();
const [SECRET, OTHER] = [makeWebhookSecret(random), makeWebhookSecret(random)];
const BODY = Buffer.from(
  '{"summary":"件名: 飛脚 🏃\\n","content":{"message":"e\u0301 \uFFFD \u2028 \\u0000 \\ud83d\\ude00"}}\r\n',
);

type Headers = Record<string, string>;
interface Case {
  readonly name: string;
  readonly passes: boolean;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly secret: string;
  /** null: the verifier looks at its own clock. */
  readonly now: number | null;
}
function signed(body: Buffer, secrets: readonly string[] = [SECRET], at = NOW, id = ID): Headers {
  const signer = webhookSigner(id, at, secrets);
  signer.update(body);
  return signer.headers();
}
function cases(): Case[] {
  const all: Case[] = [];
  const add = (passes: boolean, name: string, one: Partial<Omit<Case, 'name' | 'passes'>> = {}) => {
    const { body = BODY, headers = signed(body), secret = SECRET, now = NOW } = one;
    all.push({ name, passes, headers, body, secret, now });
  };
  add(true, 'what the service signs');
  add(true, 'an empty body', { body: Buffer.alloc(0) });
  add(true, 'a body of every octet', { body: Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)) });
  add(true, 'a body of a mebibyte', { body: Buffer.alloc(1024 * 1024, 'é') });
  add(true, 'two signatures, the secret of the first', { headers: signed(BODY, [SECRET, OTHER]) });
  add(true, 'two signatures, the secret of the second', { headers: signed(BODY, [OTHER, SECRET]) });
  add(true, 'five minutes old', { headers: signed(BODY, [SECRET], NOW - 300) });
  add(true, 'five minutes ahead', { headers: signed(BODY, [SECRET], NOW + 300) });
  const present = Math.floor(Date.now() / 1000);
  add(true, 'now, by its own clock', { headers: signed(BODY, [SECRET], present), now: null });

  add(false, 'old, by its own clock', { headers: signed(BODY, [SECRET], present - 3600), now: null });
  add(false, 'older than five minutes', { headers: signed(BODY, [SECRET], NOW - 301) });
  add(false, 'more than five minutes ahead', { headers: signed(BODY, [SECRET], NOW + 301) });
  add(false, 'another secret', { secret: OTHER });
  add(false, 'another secret, two signatures', {
    headers: signed(BODY, [SECRET, OTHER]),
    secret: makeWebhookSecret(random),
  });
  const right = signed(BODY);
  for (let at = 0; at < BODY.length; at += 7) {
    const body = Buffer.from(BODY);
    body[at]! ^= 1;
    add(false, `octet ${at} is another one`, { body, headers: right });
  }
  add(false, 'an octet more', { body: Buffer.concat([BODY, Buffer.from('\n')]), headers: right });
  add(false, 'an octet less', { body: BODY.subarray(0, -1), headers: right });
  add(false, 'no body', { body: Buffer.alloc(0), headers: right });
  const other = (change: Headers) => ({ headers: { ...right, ...change } });
  add(false, 'another id', other({ 'webhook-id': ID.replace(/1$/, '2') }));
  add(false, 'another time', other({ 'webhook-timestamp': String(NOW + 1) }));
  for (const name of Object.keys(right)) {
    const { [name]: _, ...headers } = right;
    add(false, `without ${name}`, { headers });
    add(false, `with an empty ${name}`, other({ [name]: '' }));
  }
  const mac = right['webhook-signature']!.slice('v1,'.length);
  for (const signature of [
    mac,
    `v1a,${mac}`,
    `v2,${mac}`,
    `V1,${mac}`,
    `v1 ${mac}`,
    `v1,${mac},`,
    `v1,${mac}=`,
    `v1,${mac.replace('=', '')}`,
    `v1,${mac.slice(0, 10)}`,
    'v1,',
    ',',
    ' ',
    'v1,é飛脚',
  ])
    add(false, `the signature ${signature}`, other({ 'webhook-signature': signature }));
  // Signed as they stand, so only the form of the time is wrong.
  for (const at of [
    `${NOW}.0`,
    `+${NOW}`,
    `-${NOW}`,
    ` ${NOW}`,
    `${NOW} `,
    `${NOW}\n`,
    '1e9',
    '0x6957',
    'NaN',
    '９',
    '9'.repeat(30),
  ]) {
    const content = Buffer.concat([Buffer.from(`${ID}.${at}.`), BODY]);
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const signature = `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
    add(
      false,
      `the time ${JSON.stringify(at)}`,
      other({ 'webhook-timestamp': at, 'webhook-signature': signature }),
    );
  }
  // The same octets are signed, with the dot in another place.
  add(
    false,
    'a part of the time in the id',
    other({ 'webhook-id': `${ID}.${NOW}`, 'webhook-timestamp': '' }),
  );
  for (const secret of ['', 'whsec_', 'whsec_AA==', 'secret']) {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const made = createHmac('sha256', key).update(`${ID}.${NOW}.`).update(BODY).digest('base64');
    add(false, `the secret '${secret}', which anybody can guess`, {
      headers: { ...right, 'webhook-signature': `v1,${made}` },
      secret,
    });
  }
  // A reader of base64 that gives up gives an empty key in some languages.
  const empty = createHmac('sha256', '').update(`${ID}.${NOW}.`).update(BODY).digest('base64');
  for (const [name, secret] of [
    ['a character', `${SECRET.slice(0, -2)}=`],
    ['three characters', SECRET.slice(0, -3)],
    ['one too few of padding', SECRET.slice(0, -1)],
  ] as const)
    add(false, `a secret that was copied with ${name} left out, and an empty key`, {
      headers: { ...right, 'webhook-signature': `v1,${empty}` },
      secret,
    });
  return all;
}

const verifier = (ending: string) =>
  fileURLToPath(new URL(`../../docs/verifiers/hook.${ending}`, import.meta.url));
const driver = (ending: string) => fileURLToPath(new URL(`drivers/driver.${ending}`, import.meta.url));
interface Language {
  readonly title: string;
  readonly program: string;
  readonly ending: string;
  /** Prepares the directory; the arguments of the program. */
  readonly args?: (directory: string, cases: string) => readonly string[];
}
const LANGUAGES: readonly Language[] = [
  { title: 'Node.js', program: process.execPath, ending: 'mjs' },
  { title: 'Python', program: 'python3', ending: 'py' },
  {
    title: 'Go',
    program: 'go',
    ending: 'go',
    args(directory, file) {
      mkdirSync(join(directory, 'hook'));
      copyFileSync(verifier('go'), join(directory, 'hook/hook.go'));
      copyFileSync(driver('go'), join(directory, 'main.go'));
      writeFileSync(join(directory, 'go.mod'), 'module driver\n\ngo 1.19\n');
      return ['run', '.', file];
    },
  },
  { title: 'PHP', program: 'php', ending: 'php' },
  { title: 'Ruby', program: 'ruby', ending: 'rb' },
];
for (const { title, program, ending, args = () => [driver(ending), verifier(ending), 'cases'] } of LANGUAGES)
  test(`${title}: what is signed passes, and nothing else`, async (t) => {
    if (!(await has(program))) return t.skip(`${program} is not installed`);
    const directory = temporaryDirectory();
    const all = cases();
    const file = join(directory, 'cases');
    writeFileSync(
      file,
      all
        .map(({ body, ...one }) => `${JSON.stringify({ ...one, body: body.toString('base64') })}\n`)
        .join(''),
    );
    const env = { GO111MODULE: 'on', GOFLAGS: '', GOCACHE: join(directory, 'go'), CGO_ENABLED: '0' };
    const { status, output } = await execute(program, args(directory, file), { cwd: directory, env });
    assert.equal(status, 0, output);
    const said = output.trim().split('\n');
    assert.equal(said.length, all.length, output);
    for (const [i, { name, passes }] of all.entries())
      if (passes) assert.equal(said[i], 'true', name);
      else assert.notEqual(said[i], 'true', name);
    // Only a secret that is none is the program's own fault. Of one that is not whole, a reader may say so, too.
    const faults = all
      .filter(({ secret }, i) => said[i] === 'error' && !secret.startsWith(SECRET.slice(0, 20)))
      .map(({ secret }) => secret);
    assert.deepEqual(faults, ['', 'whsec_', 'whsec_AA==', 'secret']);
    rmSync(directory, { recursive: true, force: true });
  });
