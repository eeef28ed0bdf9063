/**
 * The manual's order, from an empty project to a received message at a hook, by the API alone and by the
 * commands alone: domain, DNS, topic and hook, MTA domain, role, API client, static key, receive rule, a
 * message to oneself.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bootstrapped, type DnsServer, eventually, hikyaku, startDns } from './harness.ts';
import { authorization, type Journey, type Json, startJourney } from './journey.ts';
import { published } from './openapi.ts';

type Key = Bootstrapped['key'];
/** A reference to a resource, for the API its URL, for the commands its id. */
interface Reference {
  readonly path: string;
  readonly id: string;
}
type Fields = Record<string, string | readonly string[] | Reference>;
/** Calls an operation of the documents with a key; returns its answer, or the text of the refusal. */
type Do = (
  key: Key,
  operation: string,
  ids: readonly string[],
  fields?: Fields,
) => Promise<{ readonly answer: Json } | { readonly refusal: string }>;

/** What bodies need in addition to the fields; commands add values that have only one possibility. */
const AROUND: Record<string, (fields: Json) => Json> = {
  'mta.domains.send': (fields) => ({ procedure: 'send_message', arguments: fields }),
};
async function byApi(journey: Journey): Promise<Do> {
  const { operations } = await published(journey);
  const base = `http://${journey.service.ready.http}`;
  return async (key, id, ids, fields) => {
    const operation = operations.find((one) => one.id === id);
    assert.ok(operation !== undefined, id);
    const rest = [...ids];
    const value = (name: string, given: Fields[string]) => {
      if (typeof given !== 'object' || !('path' in given)) return given;
      const self = `${base}${given.path}/${given.id}`;
      return name === 'self' ? self : { self };
    };
    const around = AROUND[id] ?? ((given: Json) => given);
    const body =
      fields === undefined
        ? undefined
        : around(
            Object.fromEntries(Object.entries(fields).map(([name, given]) => [name, value(name, given)])),
          );
    const response = await fetch(base + operation.path.replace(/\{\w+\}/g, () => rest.shift()!), {
      method: operation.method,
      headers: {
        authorization: authorization({ key } as Bootstrapped),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as Json;
    return response.ok ? { answer: json } : { refusal: `${response.status} ${json.detail}` };
  };
}
async function byCommands(journey: Journey): Promise<Do> {
  return async (key, operation, ids, fields = {}) => {
    const flags = Object.entries(fields).flatMap(([name, given]) => {
      const flag = `--${name.replaceAll('_', '-')}`;
      if (typeof given === 'string') return [flag, given];
      return 'path' in given ? [flag, given.id] : given.flatMap((one) => [flag, one]);
    });
    const { status, stdout, stderr } = await hikyaku(['api', operation, ...ids, ...flags], {
      PATH: process.env['PATH'] ?? '',
      HIKYAKU_API_URL: `http://${journey.service.ready.http}`,
      HIKYAKU_API_KEY_ID: key.id,
      HIKYAKU_API_KEY_SECRET: key.secret,
    });
    return status === 0 ? { answer: JSON.parse(stdout) } : { refusal: stderr };
  };
}

/** Publishes the records that the customer is asked to publish. */
function publish(dns: DnsServer, records: readonly Json[]): void {
  for (const { type, name, value } of records)
    if (type === 'TXT') dns.set(name, 'TXT', [value.match(/.{1,255}/g)]);
    else if (type === 'MX') {
      const [preference, exchange] = value.split(' ');
      dns.set(name, 'MX', [{ preference: Number(preference), exchange }]);
    }
}

for (const [way, waysOf] of [
  ['the API', byApi],
  ['the commands', byCommands],
] as const)
  test(`by ${way} alone: from a domain to the event of a received message`, async () => {
    await using dns = await startDns();
    await using journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address }, 'owner');
    // The operator's own record: without it, every customer's SPF would be broken.
    dns.set('_spf.mail.sender.test', 'TXT', [['v=spf1 ip4:192.0.2.1 -all']]);
    const carryOut = await waysOf(journey);
    const owner = journey.who.key;
    const act = async (operation: string, ids: readonly string[], fields?: Fields, key = owner) => {
      const done = await carryOut(key, operation, ids, fields);
      assert.ok('answer' in done, `${operation}: ${'refusal' in done ? done.refusal : ''}`);
      return done.answer;
    };

    const named = await act('iam.domains.create', [], { name: 'letters.test' });
    const early = await carryOut(owner, 'iam.domains.verify', [named.id]);
    assert.ok('refusal' in early && early.refusal.includes('409'), JSON.stringify(early));
    dns.set(named.ownership.name, 'TXT', [[named.ownership.value]]);
    await eventually('the challenge is seen', async () => {
      const done = await carryOut(owner, 'iam.domains.verify', [named.id]);
      return 'answer' in done && done.answer.verified;
    });

    const topic = await act('edj.topics.create', [], { name: 'inbox' });
    const hook = await act('edj.subscribers.create', [topic.id], {
      type: 'http',
      url: `${journey.sink.http}/hook`,
    });
    assert.equal(hook.type, 'http');
    const domain = await act('mta.domains.create', [], {
      domain: { path: '/iam/v1/domains', id: named.id },
      default_topic: { path: '/edj/v1/topics', id: topic.id },
    });
    publish(dns, (await act('mta.domains.dns.get', [domain.id])).records);
    await eventually('DNS is as it should be', async () => {
      const checked = await act('mta.domains.dns.check', [domain.id]);
      return checked.mx_seen && checked.records.every((one: Json) => !one.required || one.state === 'ok');
    });

    const role = await act('iam.roles.create', [], {
      name: 'mailer',
      operations: ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'],
    });
    const client = await act('iam.api_clients.create', [], { name: 'shop', roles: [role.name] });
    const key: Key = await act('iam.static_keys.create', [client.id], {});
    await act('mta.incoming_rules.create', [domain.id], {
      type: 'account',
      local_part: 'orders',
      topic: { path: '/edj/v1/topics', id: topic.id },
    });
    const forbidden = await carryOut(key, 'edj.topics.list', []);
    assert.ok('refusal' in forbidden && forbidden.refusal.includes('403'), JSON.stringify(forbidden));
    const task = await act(
      'mta.domains.send',
      [],
      {
        self: { path: '/mta/v1/domains', id: domain.id },
        from: ['shop@letters.test'],
        to: ['orders@letters.test'],
        subject: `By ${way}`,
        content_type: 'text/plain; charset=UTF-8',
        body: 'Thank you.\n',
      },
      key,
    );
    assert.ok(task.id !== undefined, JSON.stringify(task));
    const { headers, body } = await eventually('the hook is told', async () =>
      (await journey.sink.events()).find((event) => event.body.name === 'incoming'),
    );
    assert.ok(body.content !== undefined && headers['content-type']?.includes('json'), JSON.stringify(body));
    assert.deepEqual(body.content.envelope.recipients, ['orders@letters.test']);
    assert.ok(body.summary.includes(`By ${way}`), body.summary);
  });
