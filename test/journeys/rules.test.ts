/**
 * The table of receive rules, over real SMTP: who takes which recipient, with one event per matched rule and
 * message.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bootstrap, eventually } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { openSmtp } from './raw-smtp.ts';

let journey: Journey;
before(async () => {
  journey = await startJourney();
});
after(() => journey[Symbol.asyncDispose]());

interface Place {
  readonly domain: string;
  readonly id: string;
  readonly topics: Record<string, string>;
  readonly defaultTopic: string;
}
let made = 0;

/** A new verified domain with the given rules; every rule publishes to its own topic, named by its key. */
async function place(rules: Record<string, { type: string; local_part?: string }>): Promise<Place> {
  const domain = `rules-${made++}.test`;
  const who = await bootstrap(journey.service.env, domain, '--project', 'journey');
  const existing = await journey.call('GET', `/mta/v1/domains/${who.domain_id}/incoming_rules`);
  for (const rule of existing.json.items) {
    const gone = await journey.call('DELETE', `/mta/v1/domains/${who.domain_id}/incoming_rules/${rule.id}`);
    assert.equal(gone.status, 204);
  }
  const topics: Record<string, string> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const topic = await journey.call('POST', '/edj/v1/topics', { name: `${domain}-${name}` });
    assert.equal(topic.status, 201, JSON.stringify(topic.json));
    topics[name] = topic.json.id;
    const created = await journey.call('POST', `/mta/v1/domains/${who.domain_id}/incoming_rules`, {
      ...rule,
      topic: { self: topic.json.self },
    });
    assert.equal(created.status, 201, JSON.stringify(created.json));
  }
  return { domain, id: who.domain_id, topics, defaultTopic: who.topic_id };
}

/**
 * Sends one message to the local parts; returns the reply per recipient, and for each rule's topic the
 * recipients of its event.
 */
async function receive(where: Place, locals: readonly string[]) {
  await using client = await openSmtp(journey.service.ready.mx);
  assert.match(await client.command('MAIL FROM:<writer@elsewhere.test>'), /^250/);
  const replies: Record<string, string> = {};
  for (const local of locals) replies[local] = await client.command(`RCPT TO:<${local}@${where.domain}>`);
  const subject = `rules ${made++}`;
  const any = Object.values(replies).some((answer) => answer.startsWith('250'));
  if (any) {
    const done = await client.data(
      Buffer.from(`From: <writer@elsewhere.test>\r\nSubject: ${subject}\r\n\r\nhello\r\n`),
    );
    assert.match(done, /^250 2\.0\.0 accepted /);
  }
  const events: Record<string, string[][]> = {};
  for (const [name, topic] of Object.entries({ ...where.topics, default: where.defaultTopic })) {
    const { json } = await journey.call('GET', `/edj/v1/topics/${topic}/events?limit=500`);
    events[name] = json.items
      .filter((event: { summary: string }) => any && event.summary.includes(`Subject: ${subject}\n`))
      .map((event: { content: { envelope: { recipients: string[] } } }) =>
        event.content.envelope.recipients.map((address) => address.split('@')[0]!).sort(),
      );
  }
  return { replies, events };
}

const ACCOUNT_A = { type: 'account', local_part: 'a' };
const ACCOUNT_A2 = { type: 'account', local_part: 'a' };
const ACCOUNT_B = { type: 'account', local_part: 'b' };
const ALL = { type: 'all' };
const CATCH = { type: 'catch_all' };

const table: {
  name: string;
  rules: Record<string, { type: string; local_part?: string }>;
  to: string[];
  refused?: string[];
  events: Record<string, string[][]>;
}[] = [
  {
    name: 'one account rule takes its local part',
    rules: { a: ACCOUNT_A },
    to: ['a'],
    events: { a: [['a']] },
  },
  {
    name: 'the local part is compared without case',
    rules: { a: ACCOUNT_A },
    to: ['A'],
    events: { a: [['A']] },
  },
  {
    name: 'the plus tag is kept',
    rules: { a: ACCOUNT_A },
    to: ['a+tag'],
    refused: ['a+tag'],
    events: { a: [] },
  },
  {
    name: 'an unknown local part is refused',
    rules: { a: ACCOUNT_A },
    to: ['nobody'],
    refused: ['nobody'],
    events: { a: [] },
  },
  {
    name: 'two account rules for one local part both run',
    rules: { a: ACCOUNT_A, a2: ACCOUNT_A2 },
    to: ['a'],
    events: { a: [['a']], a2: [['a']] },
  },
  {
    name: 'two accounts, one message for both: one event each',
    rules: { a: ACCOUNT_A, b: ACCOUNT_B },
    to: ['a', 'b'],
    events: { a: [['a']], b: [['b']] },
  },
  { name: 'all takes every recipient', rules: { all: ALL }, to: ['x', 'y'], events: { all: [['x', 'y']] } },
  {
    name: 'account and all both run',
    rules: { a: ACCOUNT_A, all: ALL },
    to: ['a', 'z'],
    events: { a: [['a']], all: [['a', 'z']] },
  },
  { name: 'catch-all takes what nobody took', rules: { c: CATCH }, to: ['x'], events: { c: [['x']] } },
  {
    name: 'catch-all does not run where an account rule matched',
    rules: { a: ACCOUNT_A, c: CATCH },
    to: ['a'],
    events: { a: [['a']], c: [] },
  },
  {
    name: 'catch-all runs only for the recipients nobody took',
    rules: { a: ACCOUNT_A, c: CATCH },
    to: ['a', 'x'],
    events: { a: [['a']], c: [['x']] },
  },
  {
    name: 'catch-all never runs beside all',
    rules: { all: ALL, c: CATCH },
    to: ['x'],
    events: { all: [['x']], c: [] },
  },
  {
    name: 'account, all and catch-all',
    rules: { a: ACCOUNT_A, all: ALL, c: CATCH },
    to: ['a', 'x'],
    events: { a: [['a']], all: [['a', 'x']], c: [] },
  },
  {
    name: 'of several recipients the unknown one alone is refused',
    rules: { a: ACCOUNT_A, b: ACCOUNT_B },
    to: ['a', 'nobody', 'b'],
    refused: ['nobody'],
    events: { a: [['a']], b: [['b']] },
  },
  {
    name: 'postmaster without a rule goes to the default topic',
    rules: { a: ACCOUNT_A },
    to: ['postmaster'],
    events: { a: [], default: [['postmaster']] },
  },
  {
    name: 'Postmaster in any case',
    rules: {},
    to: ['PostMaster'],
    events: { default: [['PostMaster']] },
  },
  {
    name: 'postmaster with an account rule goes there',
    rules: { p: { type: 'account', local_part: 'postmaster' } },
    to: ['postmaster'],
    events: { p: [['postmaster']], default: [] },
  },
  { name: 'no rule at all refuses', rules: {}, to: ['x'], refused: ['x'], events: { default: [] } },
];

for (const { name, rules, to, refused = [], events } of table) {
  test(name, async () => {
    const where = await place(rules);
    const result = await receive(where, to);
    for (const local of to) {
      assert.match(
        result.replies[local]!,
        refused.includes(local) ? /^550 5\.1\.1 / : /^250 /,
        `${local}: ${result.replies[local]}`,
      );
    }
    for (const [topic, expected] of Object.entries(events))
      assert.deepEqual(result.events[topic], expected, topic);
  });
}

test('a domain nobody has set up, or not proved, is not relayed for', async () => {
  const owned = await journey.call('POST', '/iam/v1/domains', { name: 'unproved.test' });
  assert.equal(owned.status, 201);
  const topics = await journey.call('GET', '/edj/v1/topics');
  const early = await journey.call('POST', '/mta/v1/domains', {
    domain: { self: owned.json.self },
    default_topic: { self: topics.json.items[0].self },
  });
  assert.equal(early.status, 409);
  assert.match(early.json.type, /domain-not-verified$/);
  await using client = await openSmtp(journey.service.ready.mx);
  assert.match(await client.command('MAIL FROM:<writer@elsewhere.test>'), /^250/);
  assert.match(await client.command('RCPT TO:<x@unproved.test>'), /^550 5\.7\.1/);
  assert.match(await client.command('RCPT TO:<x@never-heard-of.test>'), /^550 5\.7\.1/);
});

test('mail from a hosted domain to itself and to another project goes to the receive rules', async () => {
  const other = await bootstrap(journey.service.env, 'neighbour.test', '--project', 'neighbour');
  const sent = await journey.call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: journey.who.domain_url,
      from: ['sender@sender.test'],
      to: ['own@sender.test', 'other@neighbour.test', 'far@out.test'],
      subject: 'to all three',
      content_type: 'text/plain; charset=UTF-8',
      body: 'x\n',
    },
  });
  assert.equal(sent.status, 200, JSON.stringify(sent.json));
  await eventually('the outside gets its copy', async () =>
    (await journey.sink.messages()).some(
      ({ rcpt_to }) => rcpt_to.length === 1 && rcpt_to[0] === 'far@out.test',
    ),
  );
  for (const [who, address] of [
    [journey.who, 'own@sender.test'],
    [other, 'other@neighbour.test'],
  ] as const) {
    await eventually(`${address} in its inbox topic`, async () => {
      const { json } = await journey.call('GET', `/edj/v1/topics/${who.topic_id}/events`, undefined, who);
      return json.items.some((event: { content?: { envelope?: { recipients: string[] } } }) =>
        event.content?.envelope?.recipients?.includes(address),
      );
    });
  }
});

test('a domain registered here for sending only goes to its own MX', async () => {
  const only = await bootstrap(journey.service.env, 'sendonly.test', '--project', 'journey');
  const changed = await journey.call('PATCH', `/mta/v1/domains/${only.domain_id}`, { receiving: false });
  assert.equal(changed.status, 200, JSON.stringify(changed.json));
  const sent = await journey.call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: journey.who.domain_url,
      from: ['sender@sender.test'],
      to: ['x@sendonly.test'],
      subject: 'out',
      content_type: 'text/plain',
      body: 'x\n',
    },
  });
  assert.equal(sent.status, 200, JSON.stringify(sent.json));
  await eventually('it leaves by the route', async () =>
    (await journey.sink.messages()).some(({ rcpt_to }) => rcpt_to.includes('x@sendonly.test')),
  );
  await using client = await openSmtp(journey.service.ready.mx);
  await client.command('MAIL FROM:<writer@elsewhere.test>');
  assert.match(await client.command('RCPT TO:<x@sendonly.test>'), /^550 5\.7\.1/);
});
