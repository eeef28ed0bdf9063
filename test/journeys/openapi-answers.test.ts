/**
 * What a busy project reads is as documented: mail in every state, both ways, with failing hooks and failed
 * tasks.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Bootstrapped, bootstrap, type DnsServer, eventually, startDns } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { type Found, type Published, published } from './openapi.ts';
import { openSmtp, send } from './raw-smtp.ts';

/** Operations of the instance, not of a project. */
const OPERATORS_ONLY = new Set(['mta.instance_dns.get', 'mta.retention.get']);
const MULTIPART = [
  'From: =?utf-8?B?44GT44KT?= <writer@elsewhere.test>',
  'To: in@sender.test',
  'Subject: with parts',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'text',
  '--b',
  'Content-Type: image/png; name=a.png',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename=a.png',
  '',
  'iVBORw0KGgo=',
  '--b',
  'Content-Type: application/octet-stream',
  'Content-Disposition: attachment',
  '',
  'nameless',
  '--b--',
  '',
].join('\r\n');

describe('answers of a busy project', () => {
  let dns: DnsServer;
  let journey: Journey;
  let api: Published;
  let operator: Bootstrapped;
  before(async () => {
    dns = await startDns();
    dns.set('sender.test', 'MX', [{ preference: 10, exchange: 'mail.sender.test' }]);
    journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address }, 'admin', [
      ...['--fail', '*@refused.test=550', '--fail', '*@later.test=451'],
    ]);
    api = await published(journey);
    operator = await bootstrap(journey.service.env, 'ops.test', '--project', 'ops', '--role', 'operator');
    const { who } = journey;
    const call = async (method: string, path: string, body?: Json) => {
      const { status, json } = await journey.call(method, path, body);
      assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
      return json;
    };
    const topic = { self: `http://x/edj/v1/topics/${who.topic_id}` };
    const names = ['accepted', 'delivered', 'deferred', 'bounced', 'held', 'cancelled'];
    await call('POST', `/mta/v1/domains/${who.domain_id}/event_rules`, { names, topic });
    await call('POST', `/mta/v1/domains/${who.domain_id}/outgoing_rules`, { topic });
    const hooks: string[] = [];
    for (const path of ['hook', 'nothing'])
      hooks.push(
        (
          await call('POST', `/edj/v1/topics/${who.topic_id}/subscribers`, {
            type: 'http',
            url: `${journey.sink.http}/${path}`,
          })
        ).id,
      );
    const mail = (to: string[], subject: string) => ({
      procedure: 'send_message',
      arguments: {
        self: who.domain_url,
        from: ['a@sender.test'],
        to,
        subject,
        content_type: 'text/plain; charset=UTF-8',
        body: '本文',
      },
    });
    await call('POST', '/mta/v1/queues', { action: 'suspend', filter: { domain: 'held.test' } });
    await call('POST', '/mta/v1/tasks', mail(['x@up.test', 'x@later.test', 'x@held.test'], 'several'));
    await call('POST', '/mta/v1/tasks', mail(['x@refused.test', 'b@sender.test'], 'refused and here'));
    await call('POST', '/mta/v1/tasks', mail(['x@later.test'], 'to be cancelled'));
    await call('POST', `/mta/v1/domains/${who.domain_id}/dns/check`);
    await using smtp = await openSmtp(journey.service.ready.mx);
    const taken = await send(smtp, '', ['in@sender.test'], Buffer.from(MULTIPART));
    assert.match(taken, /^250 /);
    await eventually('all is tried, hooks too', async () => {
      const waiting = (await call('GET', '/mta/v1/queues/recipients')).items;
      const { items } = await call('GET', `/edj/v1/topics/${who.topic_id}/events?limit=500`);
      const seen = new Set(items.map((item: Json) => item.name));
      const told: string[] = [];
      for (const hook of hooks)
        for (const { state } of (await call('GET', `/edj/v1/subscribers/${hook}/deliveries`)).items)
          told.push(state);
      return (
        waiting.every((one: Json) => one.state !== 'queued') &&
        ['done', 'retry'].every((state) => told.includes(state)) &&
        ['incoming', 'outgoing', 'delivered', 'deferred', 'bounced', 'held'].every((name) => seen.has(name))
      );
    });
    await call('POST', '/mta/v1/queues', { action: 'cancel', filter: { domain: 'later.test' } });
  });
  after(async () => {
    await journey[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });
  async function read(found: Found, ids: readonly string[], query = ''): Promise<Json> {
    let next = 0;
    const path = found.path.replace(/\{\w+\}/g, () => ids[next++]!);
    const asker = OPERATORS_ONLY.has(found.id) ? operator : undefined;
    const { status, json, headers } = await journey.call('GET', `${path}${query}`, undefined, asker);
    assert.equal(status, 200, `${found.id}: ${JSON.stringify(json)}`);
    assert.equal(api.judge(found, status, headers.get('content-type'), json), null);
    return json;
  }

  test('every list, page by page, and every resource a list leads to', async () => {
    const reads = api.operations.filter(({ method, path }) => method === 'GET' && !path.endsWith('/raw'));
    const states = new Set<string>();
    let resources = 0;
    /** Fills the placeholders: the ids of one list fill the paths below it. */
    async function follow(found: Found, ids: readonly string[]): Promise<void> {
      const paged = found.operation.parameters?.some(({ name }: Json) => name === 'cursor');
      let cursor: string | null = null;
      do {
        const query: string = paged
          ? `?limit=2${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
          : '';
        const json = await read(found, ids, query);
        resources++;
        for (const item of json.items ?? [json]) {
          if (item.state !== undefined) states.add(item.state);
          for (const one of item.recipients ?? []) states.add(one.state);
        }
        cursor = json.next_cursor ?? null;
        for (const { id } of json.items ?? []) {
          // A predefined role has no id.
          if (typeof id !== 'string') continue;
          for (const below of reads.filter(({ path }) => leadsTo(found.path, path)))
            await follow(below, [...ids, id]);
        }
      } while (cursor !== null);
    }
    for (const found of reads.filter(({ path }) => !path.includes('{'))) await follow(found, []);
    for (const { id } of (await journey.call('GET', `/edj/v1/topics/${journey.who.topic_id}/subscribers`))
      .json.items)
      await follow(reads.find(({ id: name }) => name === 'edj.deliveries.list')!, [id]);
    assert.ok(resources > 60, `${resources} answers were read`);
    for (const state of ['delivered', 'bounced', 'cancelled', 'held', 'done', 'retry'])
      assert.ok(states.has(state), `${state} of ${[...states]}`);
  });
  test('a task that failed says why, as the problem it would have been', async () => {
    const wrong = {
      procedure: 'send_message',
      arguments: {
        self: journey.who.domain_url,
        from: ['a@other.test'],
        to: ['x@up.test'],
        subject: 's',
        content_type: 'text/plain',
        body: 'b',
      },
    };
    const { status, json } = await journey.call('POST', '/mta/v1/tasks', wrong);
    assert.deepEqual([status, json.status, json.error.type], [202, 'failed', '/problems/sender-domain']);
    const again = await read(api.operations.find(({ id }) => id === 'mta.tasks.get')!, [json.id]);
    assert.deepEqual(again, json);
    const sync = await journey.call('POST', '/mta/v1/tasks?is_sync=true', wrong);
    assert.deepEqual(sync.json, json.error);
    assert.equal(sync.status, 422);
  });
});

/** `/topics` leads to `/topics/{id}` and `/topics/{id}/subscribers`, and no further. */
function leadsTo(list: string, path: string): boolean {
  return path.startsWith(`${list}/{`) && !path.slice(list.length + 2).includes('{');
}
