/**
 * Ids of other members and of other people's projects, and control characters in every string, in all
 * operations that no key may call. The test finds them in the documents, so it also tries a new operation.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OWN_EXAMPLE } from '../../src/contract/example-ids.ts';
import { type Browser, ORIGIN, openBrowser, softwareAuthenticator } from './browser.ts';
import { eventually, type Running, startService } from './harness.ts';
import type { Json } from './journey.ts';
import { exampleBodies, type Found, pathParameters } from './openapi.ts';
import { type PeopleDocuments, peopleDocuments } from './people-documents.ts';
import { linkIn, OWNER, PASSWORD, setUp, visit } from './people-steps.ts';
import { EVIL, planted, stringPlaces } from './planting.ts';

const GUESSED = '0198c0de-dead-7000-8000-00000000beef';

describe('members and what is not theirs', () => {
  let service: Running;
  let owner: Browser;
  /** A member of another project than the owner's. */
  let stranger: Browser;
  let documents: PeopleDocuments;
  const victim = { project: '', passkey: '', session: '', member: '' };
  before(async () => {
    service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
    owner = openBrowser(service.ready.http);
    documents = await peopleDocuments(service);
    const token = await eventually('the link is printed', async () =>
      service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
    );
    await setUp(owner, token, { email: OWNER });
    const { ask } = documents;
    const options = (await ask(owner, 'iam.me.passkeys.options')).json;
    const passkey = { name: 'mine', response: softwareAuthenticator().create(options) };
    victim.passkey = (await ask(owner, 'iam.me.passkeys.create', passkey)).json.id;
    victim.session = (await ask(owner, 'iam.me.sessions.list')).json.items[0].id;
    victim.project = (await ask(owner, 'iam.projects.create', { name: 'letters' })).json.id;
    victim.member = (await ask(owner, 'iam.sessions.current')).json.member.id;
    const shared = (await ask(owner, 'iam.projects.create', { name: 'shared' })).json.id;
    owner.project = shared;
    const invited = await ask(owner, 'iam.invitations.create', {
      email: 'stranger@example.test',
      roles: ['owner'],
    });
    stranger = visit(service);
    await setUp(stranger, invited.json.sign_in_url.split('/').at(-1));
  });
  after(() => service[Symbol.asyncDispose]());
  const answerTo = async (found: Found, id: string): Promise<string> => {
    const { status, json } = await documents.ask(stranger, found.id, exampleBodies(found)[0]?.[1], id);
    return `${status} ${JSON.stringify(json)}`;
  };
  /** The victim's data. */
  async function state(): Promise<Json> {
    owner.project = victim.project;
    const seen: Json[] = [];
    for (const id of ['iam.me.passkeys.list', 'iam.members.list', 'iam.roles.list', 'iam.projects.list'])
      seen.push((await documents.ask(owner, id)).json);
    const { items } = (await documents.ask(owner, 'iam.me.sessions.list')).json;
    return [seen, items.map(({ id }: Json) => id)];
  }

  test('ids in paths: foreign ones are as unknown as guessed ones', async () => {
    const before = await state();
    const tried: string[] = [];
    for (const found of documents.api.others) {
      const [parameter] = pathParameters(found);
      if (parameter === undefined) continue;
      const own = (Object.keys(OWN_EXAMPLE) as (keyof typeof OWN_EXAMPLE)[]).find(
        (name) => OWN_EXAMPLE[name] === parameter.example,
      );
      const kind = own ?? (found.path.startsWith('/iam/v1/projects/') ? 'project' : 'member');
      const guessed = await answerTo(found, GUESSED);
      // Operations for operators are refused before any id is looked at.
      assert.match(guessed, kind === 'member' ? /^403 / : /^404 /, found.id);
      for (const id of [victim[kind], 'x']) assert.equal(await answerTo(found, id), guessed, found.id);
      tried.push(found.id);
    }
    assert.ok(tried.length >= 6, tried.join());
    assert.deepEqual(await state(), before);
  });

  test('the header that names a project: one that is not the member’s is as unknown as a guessed one', async () => {
    let tried = 0;
    for (const found of documents.api.operations) {
      const body = exampleBodies(found)[0]?.[1];
      const answers: string[] = [];
      for (const id of [GUESSED, victim.project, 'x']) {
        stranger.project = id;
        const path = found.path.replace(
          /\{\w+\}/g,
          found.path.startsWith('/iam/v1/projects/') ? id : GUESSED,
        );
        const { status, json } = await stranger.call(found.method, path, body);
        answers.push(`${status} ${JSON.stringify(json)}`);
      }
      stranger.project = null;
      assert.match(answers[0]!, /^404 /, found.id);
      assert.deepEqual(new Set(answers).size, 1, `${found.id}: ${answers.join('\n')}`);
      tried++;
    }
    assert.ok(tried > 60, `${tried} operations`);
  });

  test('control characters in every string of a body: refused, and nothing of them comes back in a header', async () => {
    let tried = 0;
    for (const found of documents.api.others) {
      const schema = found.operation.requestBody?.content['application/json'].schema;
      const open = found.operation.security.length === 0;
      const examples = exampleBodies(found).map(([, value]) => value);
      for (const place of stringPlaces(schema)) {
        const has = (body: Json) => place.reduce((inner, step) => inner?.[step], body) !== undefined;
        const body = examples.find(has) ?? examples[0];
        for (const [name, text] of Object.entries(EVIL)) {
          const browser = open ? visit(service) : owner;
          if (found.operation.responses['409']?.['x-problems']?.includes('no-second-factor'))
            await documents.ask(browser, 'iam.sessions.password', { email: OWNER, password: PASSWORD });
          const { status, json, headers } = await documents.ask(
            browser,
            found.id,
            planted(body, place, text),
            victim.project,
          );
          const where = `${found.id} ${place.join('.')} ${name}: ${status} ${JSON.stringify(json)}`;
          assert.ok(status >= 400 && status < 500, where);
          assert.equal(headers.get('x-injected'), null, where);
          tried++;
        }
      }
    }
    assert.ok(tried >= 70, `${tried} requests`);
  });
});
