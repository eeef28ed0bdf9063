/**
 * The cross-tenant matrix: every operation of the OpenAPI documents, with each place of an id (path, body,
 * cursor, filter, download), is called with another project's id, a deleted id and an unknown id. The answers
 * have the same octets, reveal nothing about the other project and change nothing in it. An operation or a
 * place that the matrix does not know fails the test.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EXAMPLE, type ProjectExampleName } from '../../src/contract/example-ids.ts';
import { OPERATOR_PERMISSIONS } from '../../src/contract/permissions.ts';
import { type DnsServer, startDns } from './harness.ts';
import { authorization, type Journey, type Json, startJourney } from './journey.ts';
import { exampleBodies, type Found, type Published, pathParameters, published } from './openapi.ts';
import { type Prepared, prepareProject } from './prepared-project.ts';

const GUESSED = '0198c0de-dead-7000-8000-00000000beef';
/**
 * Query parameters without an id: the service looks at their values only in the caller's own project, or not
 * at all.
 */
const NO_IDS = [
  'limit',
  'wait',
  'is_sync',
  'full',
  'as',
  'inline',
  'state',
  'all',
  'instance',
  'operation',
  'from',
  'to',
  'accepted_before',
  'site',
  'domain',
  'sender',
  'event',
];
/** They also report about the project's own resource after its removal. */
const OUTLIVE = ['mta.domains.usage.get'];
const nameOf = (example: string) =>
  (Object.keys(EXAMPLE) as ProjectExampleName[]).find((name) => EXAMPLE[name] === example);

describe('the cross-tenant matrix', () => {
  let dns: DnsServer;
  let journey: Journey;
  let api: Published;
  let victim: Prepared;
  let stranger: Prepared;
  /** Ids that the stranger's own project had until just now. */
  const deleted = new Map<ProjectExampleName, string>();
  let untouched: Record<string, unknown>;

  before(async () => {
    dns = await startDns();
    journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address });
    victim = await prepareProject(journey, 'victim.test', 'victim');
    stranger = await prepareProject(journey, 'stranger.test', 'stranger');
    api = await published(journey);
    for (const found of api.operations.filter(({ method }) => method === 'DELETE')) {
      const collection = found.path.replace(/\/\{\w+\}$/, '');
      const maker = api.operations.find(({ method, path }) => method === 'POST' && path === collection);
      const parents = pathParameters(found)
        .slice(0, -1)
        .map(({ example }) => stranger.real(example!));
      const id = maker === undefined ? await stranger.anew(found) : await made(maker, parents);
      assert.ok(id !== undefined, `${found.path}: nothing makes what it removes`);
      const gone = await send(found, [...parents, id], undefined, stranger);
      assert.equal(gone.status, 204, `${found.id}: ${gone.text}`);
      deleted.set(nameOf(pathParameters(found).at(-1)!.example!)!, id);
    }
    await send(one('mta.domains.dns.check'), [victim.ids.domain], undefined, victim);
    untouched = await state();
  });
  after(async () => {
    await stranger[Symbol.asyncDispose]();
    await victim[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });

  test('every place of an id in the documents is one the matrix knows', () => {
    // people-foreign.test.ts tries ids that no key may name; it finds them in the same documents.
    for (const found of api.operations) {
      for (const { name, example } of pathParameters(found))
        assert.ok(nameOf(example ?? '') !== undefined, `${found.id}: {${name}} has no known example`);
      for (const parameter of found.operation.parameters ?? [])
        if (parameter.in === 'query')
          assert.ok(
            [...NO_IDS, 'cursor', 'after', 'project', 'actor'].includes(parameter.name),
            `${found.id}: ?${parameter.name} is not in the matrix`,
          );
      const shown = exampleBodies(found).flatMap(([, body]) => idPlaces(body));
      const schema = found.operation.requestBody?.content['application/json'].schema;
      for (const place of referencesIn(schema))
        assert.ok(shown.includes(place), `${found.id}: no example has ${place}`);
    }
  });

  test('ids in paths, downloads included', async () => {
    let tried = 0;
    for (const found of api.operations) {
      const parameters = pathParameters(found).map(({ example }) => nameOf(example!)!);
      const body = stranger.real(exampleBodies(found)[0]?.[1]);
      for (const [i, kind] of parameters.entries()) {
        const answers: Record<string, string> = {};
        for (const [what, id] of Object.entries(foreign(kind))) {
          if (what === 'deleted' && OUTLIVE.includes(found.id)) continue;
          // The other places are filled once with the stranger's own ids, once with the victim's.
          for (const others of [stranger, victim]) {
            const ids = parameters.map((name, at) => (at === i ? id : others.ids[name]));
            const { status, text } = await send(found, ids, body, stranger);
            // What a removed domain sent and received is still shown, but only to its own project.
            if (found.id === 'mta.domains.usage.get' && what === 'deleted') {
              assert.equal(status, 200, text);
              assert.equal(leak(text), null);
              continue;
            }
            answers[`${what}, ${others.domain}`] = `${status} ${text}`;
            tried++;
          }
        }
        sameEverywhere(found, answers);
        assert.match(Object.values(answers)[0]!, unseen(found), found.id);
      }
    }
    assert.ok(tried > 150, `${tried} requests`);
  });

  test('ids in bodies', async () => {
    let tried = 0;
    for (const found of api.operations) {
      const ids = pathParameters(found).map(({ example }) => stranger.real(example!));
      for (const [name, example] of exampleBodies(found)) {
        for (const place of idPlaces(example)) {
          const answers: Record<string, string> = {};
          const kind = kindAt(example, place);
          for (const [what, id] of Object.entries(foreign(kind))) {
            // A task with its own id reports later refusals.
            const sync = found.operation.parameters?.some(({ name }: Json) => name === 'is_sync');
            const body = replaced(example, place, id);
            const { status, text } = await send(found, ids, body, stranger, sync ? 'is_sync=true' : '');
            answers[what] = `${status} ${text}`;
            tried++;
          }
          sameEverywhere(found, answers);
          assert.match(Object.values(answers)[0]!, /^4(?:00|04) /, `${found.id} ${name} ${place}`);
        }
      }
    }
    assert.ok(tried >= 30, `${tried} requests`);
  });

  test('projects in queries', async () => {
    let tried = 0;
    for (const found of api.operations) {
      const names = (found.operation.parameters ?? []).map((parameter: Json) => parameter.name);
      if (!names.includes('project')) continue;
      const body = exampleBodies(found)[0]?.[1];
      const answers: Record<string, string> = {};
      for (const [what, id] of Object.entries({
        guessed: GUESSED,
        foreign: victim.ids.project,
        'no id': 'x',
      })) {
        const { status, text } = await send(found, [], body, stranger, `project=${id}`);
        answers[what] = `${status} ${text}`;
        assert.match(answers[what], unseen(found), found.id);
        assert.equal(answers[what], answers['guessed'], found.id);
        tried++;
      }
    }
    assert.ok(tried >= 6, `${tried} requests`);
    const all = await send(one('mta.limit_requests.list'), [], undefined, stranger, 'all=true');
    assert.equal(all.status, 403, 'what all projects ask for is for operators');
    assert.equal(leak(all.text), null);
  });

  test('cursors, event ids and filters', async () => {
    for (const found of api.operations.filter(({ method }) => method === 'GET')) {
      const ids = pathParameters(found).map(({ example }) => stranger.real(example!));
      const names = (found.operation.parameters ?? []).map((parameter: Json) => parameter.name);
      const queries: string[] = [];
      if (names.includes('cursor'))
        for (const id of Object.values(victim.ids)) {
          queries.push(`cursor=${Buffer.from(id).toString('base64url')}`);
          queries.push(`cursor=${Buffer.from(`${victim.who.project_id} ${id}`).toString('base64url')}`);
        }
      if (names.includes('after')) queries.push(`after=${victim.ids.event}`, `after=${GUESSED}`);
      for (const filter of ['site', 'domain', 'sender'].filter((name) => names.includes(name)))
        queries.push(`${filter}=${filter === 'sender' ? `shop@${victim.domain}` : 'elsewhere.test'}`);
      if (names.includes('actor'))
        queries.push(`actor=${victim.ids.member}`, `actor=${victim.ids.apiClient}`);
      for (const query of queries) {
        const { status, text } = await send(found, ids, undefined, stranger, query);
        assert.ok(status === 200 || status === 400, `${found.id}?${query}: ${status} ${text}`);
        assert.equal(leak(text), null, `${found.id}?${query}`);
      }
    }
    // A cursor that the victim really got.
    for (const found of api.operations.filter(({ operation }) =>
      operation.parameters?.some(({ name }: Json) => name === 'cursor'),
    )) {
      const own = pathParameters(found).map(({ example }) => victim.real(example!));
      const page = JSON.parse((await send(found, own, undefined, victim, 'limit=1')).text);
      if (page.next_cursor === null) continue;
      const ids = pathParameters(found).map(({ example }) => stranger.real(example!));
      const query = `cursor=${encodeURIComponent(page.next_cursor)}`;
      assert.equal(leak((await send(found, ids, undefined, stranger, query)).text), null, found.id);
    }
  });

  test('an Idempotency-Key answers only the project it is of', async () => {
    const publish = one('edj.topics.publish');
    const [, example] = exampleBodies(publish)[0]!;
    const body = victim.real(example);
    const first = await send(publish, [], body, victim, 'is_sync=true', { 'idempotency-key': 'mine' });
    assert.equal(first.status, 200);
    const other = await send(publish, [], body, stranger, 'is_sync=true', { 'idempotency-key': 'mine' });
    assert.equal(other.status, 400);
    assert.equal(leak(other.text), null);
    untouched = await state();
  });

  test('after all of it nothing has changed in the other project', async () => {
    assert.ok(Object.keys(untouched).length > 20);
    assert.deepEqual(await state(), untouched);
  });

  /** Operations for operators are refused before any id is looked at. */
  const unseen = ({ operation }: Found): RegExp =>
    OPERATOR_PERMISSIONS.includes(operation['x-operation']) ? /^403 / : /^404 /;
  const one = (id: string): Found => api.operations.find((found) => found.id === id)!;
  async function made(maker: Found, parents: readonly string[]): Promise<string> {
    const body = stranger.real(exampleBodies(maker)[0]?.[1]);
    const { status, text } = await send(maker, parents, body, stranger);
    assert.equal(status, 201, `${maker.id}: ${text}`);
    return JSON.parse(text).id;
  }
  function foreign(kind: ProjectExampleName): Record<string, string> {
    const gone = deleted.get(kind);
    return {
      guessed: GUESSED,
      foreign: victim.ids[kind],
      ...(gone === undefined ? {} : { deleted: gone }),
      'no id': 'x',
    };
  }
  function sameEverywhere(found: Found, answers: Record<string, string>): void {
    for (const [what, answer] of Object.entries(answers)) {
      // A body with something that is not an id gets that answer: it reveals nothing about anyone.
      if (what === 'no id' && found.operation.requestBody !== undefined) continue;
      assert.equal(answer, Object.values(answers)[0], `${found.id}: ${what}`);
      assert.equal(leak(answer), null, `${found.id}: ${what}`);
    }
  }
  /** What belongs to the victim in a text, or null. */
  function leak(text: string): string | null {
    const secrets = [...Object.values(victim.ids), victim.who.key.id, 'of victim', victim.domain];
    return secrets.find((secret) => text.includes(secret)) ?? null;
  }
  /** Everything that the victim's own key can read, except what changes by itself. */
  async function state(): Promise<Record<string, unknown>> {
    const seen: Record<string, unknown> = {};
    for (const found of api.operations.filter(({ method }) => method === 'GET')) {
      if (/\busage\b/.test(found.id)) continue; // windows roll
      const ids = pathParameters(found).map(({ example }) => victim.real(example!));
      const { status, text } = await send(found, ids, undefined, victim);
      const isOperators = OPERATOR_PERMISSIONS.includes(found.operation['x-operation']);
      assert.equal(status, isOperators ? 403 : 200, `${found.id}: ${text}`);
      seen[found.id] = text.replace(
        /"(?:checked_at|next_due_at|last_used_at|taken_at)":(?:null|"[^"]*")/g,
        '',
      );
    }
    return seen;
  }
  async function send(
    found: Found,
    ids: readonly string[],
    body: unknown,
    who: Prepared,
    query = '',
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> {
    let next = 0;
    const path = found.path.replace(/\{\w+\}/g, () => ids[next++]!);
    const response = await fetch(
      `http://${journey.service.ready.http}${path}${query === '' ? '' : `?${query}`}`,
      {
        method: found.method,
        headers: {
          authorization: authorization(who.who),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    );
    return { status: response.status, text: await response.text() };
  }
  /** Paths of strings that contain an example id, such as `arguments.self`. */
  function idPlaces(value: Json, at = ''): string[] {
    if (typeof value === 'string') return Object.values(EXAMPLE).some((id) => value.includes(id)) ? [at] : [];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, inner]) =>
      idPlaces(inner, at === '' ? name : `${at}.${name}`),
    );
  }
  function valueAt(value: Json, place: string): Json {
    return place.split('.').reduce((inner, name) => inner[name], value);
  }
  function kindAt(example: Json, place: string): ProjectExampleName {
    const text: string = valueAt(example, place);
    return (Object.keys(EXAMPLE) as ProjectExampleName[]).find((name) => text.includes(EXAMPLE[name]))!;
  }
  /** The example with the stranger's own ids, except in one place. */
  function replaced(example: Json, place: string, id: string): Json {
    const body = structuredClone(stranger.real(example));
    const names = place.split('.');
    const holder = names.slice(0, -1).reduce((inner: Json, name) => inner[name], body);
    holder[names.at(-1)!] = valueAt(example, place).replace(EXAMPLE[kindAt(example, place)], id);
    return body;
  }
  /** Properties of a body that refer to something. */
  function referencesIn(schema: Json, at = ''): string[] {
    return Object.entries<Json>(schema?.properties ?? {}).flatMap(([name, inner]) => {
      const place = at === '' ? name : `${at}.${name}`;
      // The sender invents a Message-ID.
      const refers = name === 'self' || name === 'suspension' || (/_id$/.test(name) && name !== 'message_id');
      if (refers) return [place];
      return referencesIn(inner, place);
    });
  }
});
