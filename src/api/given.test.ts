/** Absence, null and text in the requests of every operation. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { EXAMPLE, EXAMPLE_URL, OWN_EXAMPLE } from '../contract/example-ids.ts';
import type { OperationSpec } from '../contract/operation.ts';
import { OPERATIONS } from '../contract/operations/index.ts';
import { type ApiRig, openApiRig } from '../testing/api-rig.ts';
import { mayBeAbsent, takesNull, withoutNulls } from './given.ts';
import { kindExamples, readable } from './kinds.ts';

// biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes
type Json = any;
const IDS = { ...EXAMPLE, ...OWN_EXAMPLE };
const pathOf = ({ path, params = {} }: OperationSpec): string =>
  path.replace(/\{(\w+)\}/g, (_all, name: string) => IDS[params[name]!]);
const WITH_BODY = OPERATIONS.filter(({ body }) => body !== undefined);
const examplesOf = ({ body, examples = {} }: OperationSpec): Json[] =>
  Object.values({ ...kindExamples(body!), ...examples }).map(({ value }) => value);
/** Operations that a key of a project may call, and that a rig without mail and DNS can answer. */
const callable = ({ access = 'project', people }: OperationSpec) => access === 'project' && people !== true;

/** The value with null in every optional field that it lacks, and the places of these nulls. */
function withNulls(
  schema: Json,
  value: Json,
  at = '',
  places: string[] = [],
): { value: Json; places: string[] } {
  if (Array.isArray(value))
    return {
      value: value.map((item, i) => withNulls(schema.items ?? {}, item, `${at}[${i}]`, places).value),
      places,
    };
  if (typeof value !== 'object' || value === null) return { value, places };
  const filled: Json = {};
  const { properties = {}, required = [], patternProperties = {} } = schema;
  for (const [name, inner] of Object.entries<Json>(value))
    filled[name] = withNulls(properties[name] ?? {}, inner, at === '' ? name : `${at}.${name}`, places).value;
  const maps = Object.keys(patternProperties).length > 0 ? { 'X-Null': patternProperties } : {};
  for (const [name, of] of Object.entries<Json>({ ...properties, ...maps })) {
    if (name in filled || required.includes(name) || takesNull(of)) continue;
    filled[name] = null;
    places.push(at === '' ? name : `${at}.${name}`);
  }
  return { value: filled, places };
}

describe('null', () => {
  test('for an optional field without a meaning for null is its absence, in every body of the contract', () => {
    let tried = 0;
    for (const operation of WITH_BODY) {
      const schema = readable(operation.body!);
      for (const example of examplesOf(operation)) {
        const { value, places } = withNulls(schema, example);
        assert.deepEqual(withoutNulls(schema, value), example, operation.id);
        assert.ok(Value.Check(schema, withoutNulls(schema, value)), `${operation.id} ${places}`);
        assert.equal(withoutNulls(schema, example), example, 'without nulls the body stays the same object');
        tried += places.length;
      }
    }
    assert.ok(tried > 40, `${tried} nulls`);
  });
  test('keeps its meaning where the schema has one', () => {
    const body = {
      dkim: { rotation_days: null, enabled: null },
      limits: { per_minute: null },
      receiving: null,
    };
    const { body: schema } = OPERATIONS.find(({ id }) => id === 'mta.domains.update')!;
    assert.deepEqual(withoutNulls(schema as TSchema, body), {
      dkim: { rotation_days: null },
      limits: { per_minute: null },
    });
  });
  test('for a required field, in a list, and for an unknown field is wrong as before', () => {
    const { body: schema } = OPERATIONS.find(({ id }) => id === 'mta.domains.send')!;
    for (const body of [
      { procedure: 'send_message', arguments: { subject: null } },
      { procedure: 'send_message', arguments: { to: [null] } },
      { procedure: 'send_message', arguments: { surprise: null } },
    ])
      assert.equal(withoutNulls(schema as TSchema, body), body);
  });
});

describe('over HTTP', () => {
  let rig: ApiRig;
  before(async () => {
    rig = await openApiRig();
  });
  after(() => rig[Symbol.asyncDispose]());
  const called = OPERATIONS.filter(callable);

  test('no operation finds fault with a null that stands for absence', async () => {
    for (const operation of WITH_BODY.filter(callable)) {
      const schema = readable(operation.body!);
      for (const example of examplesOf(operation)) {
        const { value, places } = withNulls(schema, example);
        const { status, json } = await rig.call(operation.method, pathOf(operation), value);
        const blamed = status === 400 && places.includes(json.field);
        assert.ok(!blamed, `${operation.id}: ${json?.detail}`);
      }
    }
  });

  test('half of a surrogate pair is refused at every text of every operation, naming its place', async () => {
    let tried = 0;
    for (const operation of WITH_BODY.filter(callable))
      for (const example of examplesOf(operation))
        for (const [place, broken] of texts(example)) {
          const octets = JSON.stringify(broken);
          const { status, json } = await rig.call(operation.method, pathOf(operation), undefined, { octets });
          assert.deepEqual([status, json.field], [400, place], `${operation.id} ${place}`);
          assert.match(json.detail, /half of a surrogate pair/);
          tried++;
        }
    assert.ok(tried > 60, `${tried} texts`);
    const key = await rig.call('POST', '/edj/v1/topics', undefined, { octets: '{"name":"x","\\udc00":1}' });
    assert.deepEqual([key.status, key.json.field], [400, '\ufffd']);
    const whole = await rig.call('POST', '/edj/v1/topics', undefined, {
      octets: '{"name":"\\ud83d\\ude00"}',
    });
    assert.deepEqual([whole.status, whole.json.name], [201, '😀']);
  });

  test('a query: empty and null are absence, a parameter given twice and an unknown one are refused', async () => {
    let tried = 0;
    for (const operation of called.filter(({ method }) => method === 'GET')) {
      const path = pathOf(operation);
      const plain = await rig.call('GET', path);
      const { properties = {} } = (operation.query ?? {}) as { properties?: Record<string, TSchema> };
      for (const [name, schema] of Object.entries(properties))
        for (const text of ['', 'null']) {
          if (Value.Check(schema, text)) continue;
          const { status } = await rig.call('GET', `${path}?${name}=${text}`);
          assert.equal(status, plain.status, `${operation.id}?${name}=${text}`);
          tried++;
        }
      const unknown = await rig.call('GET', `${path}?surprise=1`);
      assert.deepEqual([unknown.status, unknown.json.field], [400, 'surprise'], operation.id);
      const twice = await rig.call('GET', `${path}?limit=5&limit=5`);
      assert.deepEqual([twice.status, twice.json.field], [400, 'limit'], operation.id);
      assert.match(twice.json.detail, 'limit' in properties ? /more than once/ : /more than once|known/);
    }
    assert.ok(tried > 60, `${tried} parameters`);
    for (const query of ['%ff', '%ed%a0%80', 'cursor=%c3']) {
      const { status, json } = await rig.call('GET', `/edj/v1/topics?${query}`);
      assert.deepEqual([status, json.type], [400, '/problems/bad-request'], query);
    }
  });

  test('a body that needs nothing may be left out; one that no operation reads is refused', async () => {
    for (const operation of called.filter(({ method }) => method !== 'GET')) {
      const path = pathOf(operation);
      const none = await rig.call(operation.method, path);
      if (operation.body === undefined) {
        const given = await rig.call(operation.method, path, { surprise: 1 });
        assert.deepEqual([given.status, given.json.field], [400, 'body'], operation.id);
        assert.notEqual((await rig.call(operation.method, path, {})).json?.field, 'body', operation.id);
      }
      assert.equal(none.json?.field === 'body', operation.body !== undefined && !mayBeAbsent(operation.body));
    }
    const key = await rig.call('POST', `/iam/v1/api_clients/${rig.owner.client.id}/static_keys`);
    assert.equal(key.status, 201, key.text);
  });

  test('a field without a name is named by its place', async () => {
    for (const [body, field] of [
      [{ name: 'x', '': 1 }, '""'],
      [{ procedure: 'publish', arguments: { self: EXAMPLE_URL, message: 'm', '': 1 } }, 'arguments.""'],
    ] as const) {
      const path = 'name' in body ? '/edj/v1/topics' : '/edj/v1/tasks';
      const { json } = await rig.call('POST', path, body);
      assert.deepEqual([json.field, json.detail], [field, `${field}: is not a known field`]);
    }
  });
});

/** Each text of a value by its place, and the value with half a pair there. */
function texts(whole: Json): [string, Json][] {
  const found: [string, Json][] = [];
  const walk = (value: Json, place: string, put: (text: string) => Json): void => {
    if (typeof value === 'string') found.push([place, put(`${value}\ud800`)]);
    else if (Array.isArray(value))
      for (const [i, item] of value.entries())
        walk(item, `${place}[${i}]`, (text) => put(value.with(i, text as never) as never));
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value))
        walk(inner, place === '' ? name : `${place}.${name}`, (text) =>
          put({ ...value, [name]: text } as never),
        );
  };
  walk(whole, '', (text) => text);
  return found;
}
