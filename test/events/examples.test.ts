/**
 * Every event happens in a running service, and a hook gets it: signed, as the published documents say, and of the form that
 * Gehirn EDJ describes. What the hook got, with stable ids, times and addresses, is the example in
 * contract/event-examples.ts. HIKYAKU_WRITE_EXAMPLES=1 writes that file anew: read what changed in it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { EVENT_EXAMPLES } from '../../src/contract/event-examples.ts';
import { EVENT_NAMES, type EventName } from '../../src/contract/events.ts';
import { EXAMPLE } from '../../src/contract/example-ids.ts';
import { DELIVERY_HEADERS } from '../../src/contract/hooks.ts';
import type { Json } from '../journeys/journey.ts';
import { GEHIRN_EVENT } from './gehirn-event.ts';
import { type Made, makeEvents } from './make-events.ts';
import { stable } from './stable.ts';

const FILE = fileURLToPath(new URL('../../src/contract/event-examples.ts', import.meta.url));
const IS_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;

function written(examples: Readonly<Record<string, Json>>): void {
  const head = `/**
 * An example of each event, as an HTTP hook got it from a running service, without the deprecated \`short\` and \`raw\`. Ids, times,
 * addresses and keys are replaced by stable ones. test/events/examples.test.ts writes this file and compares it.
 */
import type { EventContent } from './event-contents.ts';
import type { EventName } from './events.ts';
import type { Resources } from './resources/index.ts';

type Example<N extends EventName> = Omit<Resources['WholeEvent'], 'content'> & { readonly content: EventContent<N> };
`;
  writeFileSync(
    FILE,
    `${head}\nexport const EVENT_EXAMPLES: { readonly [N in EventName]: Example<N> } = ${JSON.stringify(examples, null, 2)};\n`,
  );
  const { status, error } = spawnSync('npx', ['biome', 'check', '--write', FILE], { stdio: 'inherit' });
  if (error !== undefined || status !== 0) throw error ?? new Error('biome did not format the file');
}

describe('events in hooks', () => {
  let made: Made;
  let events: readonly Json[];
  let isPublished: Readonly<Record<string, ValidateFunction>>;
  let isGehirns: ValidateFunction;
  before(async () => {
    made = await makeEvents();
    events = made.calls.map(({ body }) => JSON.parse(body.toString('utf8')));
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    ajv.addFormat('date-time', IS_TIME);
    ajv.addFormat('uri', (text: string) => URL.canParse(text));
    isGehirns = ajv.compile(GEHIRN_EVENT);
    isPublished = Object.fromEntries(
      EVENT_NAMES.map((name) => [
        name,
        ajv.compile(made.document.webhooks[name].post.requestBody.content['application/json'].schema),
      ]),
    );
  });
  /** The first event of each name, as it is recorded. */
  function firsts(): Record<string, Json> {
    const { ids, who } = made;
    const known = new Map([
      ...Object.entries(ids).map(([name, id]) => [id, EXAMPLE[name as keyof typeof ids]] as const),
      [who.api_client_id, EXAMPLE.apiClient],
    ]);
    const entries = EVENT_NAMES.map((name) => {
      const { short: _, raw: __, ...event } = events.find((one) => one.name === name);
      return [name, stable(event, known)] as const;
    });
    return Object.fromEntries(entries);
  }
  function mustFit(event: Json, where: string): void {
    for (const [whose, validate] of [
      ['the published schema', isPublished[event.name]],
      ["Gehirn's event object", isGehirns],
    ] as const)
      assert.ok(validate?.(event), `${where} is not ${whose}: ${JSON.stringify(validate?.errors)}`);
  }

  test('the recorded examples are what a hook gets', () => {
    const now = firsts();
    if (process.env['HIKYAKU_WRITE_EXAMPLES'] !== undefined) return written(now);
    for (const name of EVENT_NAMES)
      assert.deepEqual(
        now[name],
        EVENT_EXAMPLES[name],
        `${name}: a hook gets another event than is recorded: HIKYAKU_WRITE_EXAMPLES=1 npm run test:file -- test/events/examples.test.ts`,
      );
  });

  test('every event and every example fits the published schema and Gehirn’s event object', () => {
    assert.ok(events.length > EVENT_NAMES.length);
    for (const event of events) mustFit(event, `a real ${event.name}`);
    for (const name of EVENT_NAMES) mustFit(EVENT_EXAMPLES[name], `the example of ${name}`);
  });

  test('the schemas take no field that they do not name, and miss every field that they need', () => {
    const planted = (name: EventName, change: (event: Json) => void): Json => {
      const event = structuredClone(EVENT_EXAMPLES[name]) as Json;
      change(event);
      return event;
    };
    for (const name of EVENT_NAMES) {
      const more = planted(name, (event) => {
        event.surprise = 1;
      });
      assert.deepEqual([isPublished[name]!(more), isGehirns(more)], [false, false], name);
      const inside = planted(name, (event) => {
        event.content.surprise = 1;
      });
      assert.equal(isPublished[name]!(inside), false, `${name}: content`);
      for (const field of GEHIRN_EVENT.required) {
        const less = planted(name, (event) => {
          delete event[field];
        });
        assert.deepEqual([isPublished[name]!(less), isGehirns(less)], [false, false], `${name}: ${field}`);
      }
    }
  });

  test('the deprecated fields repeat the others', () => {
    for (const event of events) {
      assert.equal(event.short, event.summary);
      assert.deepEqual(event.raw, event.content);
      assert.equal(event.topic_id, made.ids.topic);
    }
  });

  test('the events of a recipient grow in sequence; no two of a topic have the same', () => {
    const told = events.filter(({ content }) => 'sequence' in content);
    const keyOf = ({ name, content }: Json) => `${content.recipient.id} ${content.sequence} ${name}`;
    const placeOf = ({ content }: Json) => `${content.recipient.id} ${content.sequence}`;
    assert.ok(told.length > 5);
    // A recipient may be told in several topics.
    assert.equal(new Set(told.map(placeOf)).size, new Set(told.map(keyOf)).size);
    for (const { name, content } of told) assert.equal(content.sequence === 1, name === 'accepted');
  });
  test('every delivery has the documented header fields, and the signature of its octets', async () => {
    const { isSigned } = await import(new URL('../../docs/verifiers/hook.mjs', import.meta.url).href);
    for (const { headers, body } of made.calls) {
      assert.deepEqual(Object.keys(headers).sort(), Object.keys(DELIVERY_HEADERS).sort());
      assert.equal(headers['content-length'], String(body.length));
      const id = String(headers['webhook-id']);
      assert.equal(id, JSON.parse(body.toString('utf8')).id);
      // The last ones come from a service whose clock is five days ahead.
      assert.ok(isSigned(headers, body, made.secret, Number(headers['webhook-timestamp'])), id);
    }
  });
});
