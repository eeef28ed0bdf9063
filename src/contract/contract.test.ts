/** The contract is consistent: names are unique, examples fit their schemas, and every open answer has its reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { documented } from '../api/kinds.ts';
import { EVENT_CONTENTS } from './event-contents.ts';
import { EVENT_EXAMPLES } from './event-examples.ts';
import { EVENT_NAMES, EVENTS } from './events.ts';
import { type Answer, grantsOf, nameOf, permissionOf } from './operation.ts';
import { OPERATIONS } from './operations/index.ts';
import { OPERATOR_PERMISSIONS, PERMISSIONS } from './permissions.ts';
import { RESOURCES, resourceName } from './resources/index.ts';

/** The open parts of answers, each with the reason. */
const OPEN: Readonly<Record<string, string>> = {
  'MessageHead.facts': 'what is known of a session or call; grows with what is looked at',
  'Message.facts': 'the same',
  'Message.recipients.attempts.detail': 'of what other servers answered',
  'Message.recipients.last_result': 'the same',
  'Delivery.last_result': 'of what hooks answered',
  'Event.content.authentication': 'of SPF, DKIM and DMARC, with what they found',
  'WholeEvent.content.authentication': 'the same',
  'WholeEvent.raw.authentication': 'the same',
  'Event.content.header_map': 'by the names of header fields',
  'WholeEvent.content.header_map': 'the same',
  'WholeEvent.raw.header_map': 'the same',
  'DnsAccount.settings': 'of a kind: GET /mta/v1/dns_providers tells them',
  PasskeyCreation: 'WebAuthn Level 3 §5.4, as JSON',
  'PasskeyCreation.excludeCredentials': 'the same',
  PasskeyRequest: 'WebAuthn Level 3 §5.5, as JSON',
  'PasskeyRequest.allowCredentials': 'the same',
  'ProjectExport.project': 'as the resource of that name',
  'ProjectExport.domains': 'the same',
  'ProjectExport.mta_domains': 'the same, with its rules and keys',
  'ProjectExport.event_rules': 'the same',
  'ProjectExport.topics': 'the same, with its subscribers',
  'ProjectExport.api_clients': 'the same, with its keys',
};
type Walked = TSchema & {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: object;
  readonly additionalProperties?: unknown;
  readonly items?: TSchema;
  readonly anyOf?: readonly TSchema[];
};
/** The paths at which a schema accepts fields or values that it does not name. */
function openIn(given: TSchema, path: string): string[] {
  const { type, properties, patternProperties, additionalProperties, items, anyOf, ...rest } =
    given as Walked;
  const below = [
    ...Object.entries(properties ?? {}).flatMap(([name, one]) => openIn(one, `${path}.${name}`)),
    ...(items === undefined ? [] : openIn(items, path)),
    ...(anyOf ?? []).flatMap((one) => openIn(one, path)),
  ];
  const isOpenObject =
    type === 'object' && (additionalProperties !== false || patternProperties !== undefined);
  const saysNothing = type === undefined && anyOf === undefined && !('enum' in rest) && !('const' in rest);
  return isOpenObject || saysNothing ? [path, ...below] : below;
}
const schemaOf = (answer: Answer): TSchema | null => {
  if (answer === null || 'octets' in answer) return null;
  if ('list' in answer) return answer.list;
  return 'streamed' in answer ? answer.streamed : answer;
};

test('the walk finds what is open', () => {
  assert.deepEqual(openIn({ type: 'object', properties: { a: {} } } as TSchema, 'x'), ['x', 'x.a']);
});
test('no answer takes what it does not name, but for what is named here with its reason', () => {
  const answers = OPERATIONS.flatMap(({ answers: all }) => Object.values(all)).map(schemaOf);
  const schemas = new Set(answers.filter((schema) => schema !== null));
  assert.ok(schemas.size > 50, `${schemas.size} schemas`);
  const open = new Set<string>();
  for (const schema of schemas) {
    const name = resourceName(schema);
    assert.notEqual(name, null, 'an answer has no name among the resources');
    for (const path of openIn(documented(schema), name!)) open.add(path);
  }
  assert.deepEqual([...open].sort(), Object.keys(OPEN).sort());
});
test('every operation has a name and a way of its own; every resource is answered somewhere', () => {
  const ids = OPERATIONS.map(({ id }) => id);
  const ways = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(new Set(ways).size, ways.length);
  const text = JSON.stringify(
    OPERATIONS.map(({ answers }) =>
      Object.values(answers)
        .map(schemaOf)
        .map((s) => s && resourceName(s)),
    ),
  );
  for (const name of Object.keys(RESOURCES).filter((one) => one !== 'Problem'))
    assert.ok(text.includes(`"${name}"`), `${name} is answered nowhere`);
});
test('every permission is asked for by an operation, and each grant is a permission', () => {
  const known = new Set([...PERMISSIONS, ...OPERATOR_PERMISSIONS]);
  assert.deepEqual(
    PERMISSIONS.filter((name) => OPERATOR_PERMISSIONS.includes(name)),
    [],
  );
  for (const spec of OPERATIONS) {
    const permission = permissionOf(spec);
    if (permission !== null) assert.ok(known.has(permission), spec.id);
    for (const grant of grantsOf(spec.permission ?? spec.id))
      if (permission !== null) assert.ok(known.has(nameOf(grant)), spec.id);
  }
});
test('examples of bodies fit the documented bodies', () => {
  let examples = 0;
  for (const { id, body, examples: given = {} } of OPERATIONS)
    for (const [name, { value }] of Object.entries(given)) {
      examples += 1;
      const validator = Compile(documented(body!));
      assert.ok(validator.Check(value), `${id} ${name}: ${JSON.stringify(validator.Errors(value))}`);
    }
  assert.ok(examples > 50, `${examples} examples`);
});
test('every event has contents and an example', () => {
  for (const list of [EVENT_CONTENTS, EVENT_EXAMPLES])
    assert.deepEqual(Object.keys(list).sort(), [...EVENT_NAMES].sort());
  for (const name of EVENT_NAMES) {
    const validator = Compile(EVENT_CONTENTS[name]);
    const { content } = EVENT_EXAMPLES[name];
    assert.ok(validator.Check(content), `${name}: ${JSON.stringify(validator.Errors(content))}`);
    assert.match(EVENTS[name].when.en, /\.$/);
  }
});
