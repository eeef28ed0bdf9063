/** Subscribers by mail over real SMTP: the letter arrives, signed, and no way of coming back makes a loop. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bootstrap, eventually } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp, send } from './raw-smtp.ts';

let journey: Journey;
before(async () => {
  journey = await startJourney({}, 'admin', ['--fail', 'nobody@far.test=550']);
});
after(() => journey[Symbol.asyncDispose]());

interface Place {
  readonly domain: string;
  readonly topic: Json;
  /** The domain in the API. */
  readonly path: string;
}
/** A verified domain whose catch-all rule publishes to its topic. */
async function place(domain: string): Promise<Place> {
  const who = await bootstrap(journey.service.env, domain, '--project', 'journey');
  const topic = await ok('GET', `/edj/v1/topics/${who.topic_id}`);
  return { domain, topic, path: `/mta/v1/domains/${who.domain_id}` };
}
async function ok(method: string, path: string, body?: object): Promise<Json> {
  const { status, json } = await journey.call(method, path, body);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}
const subscribe = ({ domain, topic }: Place, to: string) =>
  ok('POST', `/edj/v1/topics/${topic.id}/subscribers`, { type: 'mail', to, from: `events@${domain}` });
const publish = ({ topic }: Place, message: string) =>
  ok('POST', '/edj/v1/tasks?is_sync=true', {
    procedure: 'publish',
    arguments: { self: topic.self, message },
  });
/** The names of the topic's events, and what became of each delivery, once all are settled and there are so many. */
async function settled({ topic }: Place, subscriber: Json, count: number) {
  return eventually(`${count} deliveries`, async () => {
    const events: Json[] = (await ok('GET', `/edj/v1/topics/${topic.id}/events?limit=500`)).items;
    const deliveries: Json[] = (await ok('GET', `/edj/v1/subscribers/${subscriber.id}/deliveries?limit=500`))
      .items;
    if (deliveries.length < count || deliveries.some(({ state }) => state !== 'done')) return undefined;
    const results = deliveries.map(({ event_id, last_result }) => ({
      name: events.find(({ id }) => id === event_id)?.name as string,
      skipped: last_result.skipped as string | undefined,
    }));
    return {
      mailed: results.filter(({ skipped }) => skipped === undefined).map(({ name }) => name),
      skipped: results.filter(({ skipped }) => skipped !== undefined),
    };
  });
}
const letterTo = (address: string): Promise<Buffer> =>
  eventually(`a letter to ${address}`, async () => {
    const found = (await journey.sink.messages()).find(({ rcpt_to }) => rcpt_to.includes(address));
    return found === undefined ? undefined : Buffer.from(found.raw_base64, 'base64');
  });

test('a letter that bounces: the bounced event in the same topic makes no other letter', async () => {
  const one = await place('bounces.test');
  const names = ['accepted', 'bounced'];
  await ok('POST', `${one.path}/event_rules`, { names, topic: { self: one.topic.self } });
  const subscriber = await subscribe(one, 'nobody@far.test');
  await publish(one, 'the shop opens');
  const { mailed, skipped } = await settled(one, subscriber, 3);
  assert.deepEqual(mailed, ['publish']);
  assert.deepEqual(skipped.map(({ name }) => name).sort(), names);
});

test('a letter to an address of our own, whose rule publishes to the same topic', async () => {
  const one = await place('ourselves.test');
  const subscriber = await subscribe(one, 'staff@ourselves.test');
  await publish(one, 'the shop opens');
  const { mailed, skipped } = await settled(one, subscriber, 2);
  assert.deepEqual(mailed, ['publish']);
  assert.deepEqual(
    skipped.map(({ name }) => name),
    ['incoming'],
  );
});

test('a forwarder sends the letter back, as it is and under a header of its own', async () => {
  const one = await place('forwarded.test');
  const subscriber = await subscribe(one, 'away@far.test');
  await publish(one, 'the shop opens');
  const letter = await letterTo('away@far.test');
  const text = letter.toString('latin1');
  assert.match(text, /^DKIM-Signature: [\s\S]*?d=forwarded\.test/m);
  assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
  const end = text.indexOf('\r\n\r\n');
  const [type] = /^Content-Type: [\s\S]*?\r\n(?=\S)/m.exec(`${text.slice(0, end)}\r\nX`)!;
  const renewed = `From: <away@far.test>\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n${type}${text.slice(end + 2)}`;
  const plain = 'From: <away@far.test>\r\nSubject: mine\r\n\r\nSomething else.\r\n';
  for (const message of [letter, Buffer.from(renewed, 'latin1'), Buffer.from(plain)]) {
    await using client = await openSmtp(journey.service.ready.mx);
    assert.match(await send(client, 'away@far.test', ['in@forwarded.test'], message), /^250 /);
  }
  const { mailed, skipped } = await settled(one, subscriber, 4);
  // His own mail is none of ours, and is mailed.
  assert.deepEqual(mailed.sort(), ['incoming', 'publish']);
  assert.equal(skipped.length, 2);
  for (const { skipped: why } of skipped) assert.match(why!, /would make a loop/);
});

test('a sender at a domain of somebody else is refused, and named', async () => {
  const one = await place('mine.test');
  await bootstrap(journey.service.env, 'theirs.test', '--project', 'others');
  const path = `/edj/v1/topics/${one.topic.id}`;
  const to = 'staff@far.test';
  const { id } = await subscribe(one, to);
  for (const from of ['events@theirs.test', 'events@nobody.test', 'no address'])
    for (const [method, where] of [
      ['POST', `${path}/subscribers`],
      ['POST', `${path}/subscriber_previews`],
      ['PATCH', `${path}/subscribers/${id}`],
    ] as const) {
      const body = method === 'PATCH' ? { from } : { type: 'mail', to, from };
      const { status, json } = await journey.call(method, where, body);
      assert.deepEqual([status, json.field], [400, 'from'], `${method} ${from}: ${JSON.stringify(json)}`);
    }
});
