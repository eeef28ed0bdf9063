/** Subscribers that are changed, paused and resumed through the API of a running service. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { type FakeSlack, startFakeSlack } from '../../src/testing/fake-slack.ts';
import { bootstrap, eventually } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';

interface Call {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
async function openHooks() {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part;
    calls.push({ path: request.url!, headers: request.headers, body });
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    calls,
    url: (path: string) => `http://127.0.0.1:${port}/${path}`,
    messages: (path: string) =>
      calls.filter((call) => call.path === `/${path}`).map(({ body }) => JSON.parse(body).content.message),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('subscribers are changed', () => {
  let journey: Journey;
  let slack: FakeSlack;
  let hooks: Awaited<ReturnType<typeof openHooks>>;
  let subscribers: string;
  let topic: Json;
  before(async () => {
    [journey, slack, hooks] = await Promise.all([startJourney(), startFakeSlack(), openHooks()]);
    topic = (await journey.call('GET', `/edj/v1/topics/${journey.who.topic_id}`)).json;
    subscribers = `/edj/v1/topics/${topic.id}/subscribers`;
  });
  after(async () => {
    await Promise.all([journey, slack, hooks].map((one) => one[Symbol.asyncDispose]()));
  });
  async function add(body: object): Promise<Json> {
    const { status, json } = await journey.call('POST', subscribers, body);
    assert.equal(status, 201, JSON.stringify(json));
    return json;
  }
  const patch = (id: string, body: unknown) => journey.call('PATCH', `${subscribers}/${id}`, body);
  async function publish(message: string): Promise<void> {
    const task = { procedure: 'publish', arguments: { self: topic.self, message } };
    assert.equal((await journey.call('POST', '/edj/v1/tasks?is_sync=true', task)).status, 200);
  }
  const came = (path: string, message: string) =>
    eventually(`${message} at ${path}`, async () => hooks.messages(path).includes(message));

  test('another URL: the next event goes there, signed with the same secret', async () => {
    const { id, secret, ...made } = await add({ type: 'http', url: hooks.url('old') });
    const { status, json } = await patch(id, { url: hooks.url('new') });
    assert.equal(status, 200);
    assert.deepEqual(json, { ...made, id, url: hooks.url('new') });
    assert.deepEqual((await journey.call('GET', `${subscribers}/${id}`)).json, json);
    await publish('to the new one');
    await came('new', 'to the new one');
    assert.deepEqual(hooks.messages('old'), []);
    const { headers, body } = hooks.calls.find(({ path }) => path === '/new')!;
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    const signed = createHmac('sha256', key)
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
      .digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${signed}`);
  });

  test('a secret setting that is not given stays', async () => {
    const { id } = await add({ type: 'slack', url: slack.webhook });
    const { status, json } = await patch(id, { language: 'ja', note: 'from the shop' });
    assert.deepEqual([status, json.language, json.note, json.url], [200, 'ja', 'from the shop', undefined]);
    await publish('for the channel');
    await eventually('Slack got it', async () => slack.messages.length === 1);
    assert.ok(slack.messages[0]!.shown.includes('from the shop'));
    assert.equal((await patch(id, { note: null })).json.note, undefined);
    await journey.call('DELETE', `${subscribers}/${id}`);
  });

  test('paused, a subscriber is sent nothing; resumed, it gets what waited', async () => {
    const { id } = await add({ type: 'http', url: hooks.url('paused') });
    await add({ type: 'http', url: hooks.url('beside') });
    const paused = await patch(id, { paused: true });
    assert.equal(paused.status, 200);
    assert.match(paused.json.paused_at, /^\d{4}-/);
    assert.equal((await patch(id, { paused: true })).json.paused_at, paused.json.paused_at);
    for (const n of [1, 2, 3]) await publish(`while paused ${n}`);
    for (const n of [1, 2, 3]) await came('beside', `while paused ${n}`);
    assert.deepEqual(hooks.messages('paused'), []);
    const deliveries = await journey.call('GET', `/edj/v1/subscribers/${id}/deliveries`);
    assert.deepEqual(
      deliveries.json.items.map(({ state, attempts }: Json) => [state, attempts]),
      Array(3).fill(['pending', 0]),
    );
    const resumed = await patch(id, { paused: false });
    assert.deepEqual([resumed.status, resumed.json.paused_at], [200, null]);
    for (const n of [1, 2, 3]) await came('paused', `while paused ${n}`);
    assert.equal(hooks.messages('paused').length, 3);
  });

  test('what cannot be changed is refused, and names the field', async () => {
    const { id, url } = await add({ type: 'http', url: hooks.url('bad') });
    for (const [body, at] of [
      [{ url: 'ftp://a.example/' }, 'url'],
      [{ url: null }, 'url'],
      [{ colour: 'red' }, 'colour'],
      [{ paused: 'yes' }, 'paused'],
      [{ inline: 'yes' }, 'inline'],
      [{ secret: 'whsec_mine' }, 'secret'],
      [{ type: 'slack' }, 'type'],
    ] as const) {
      const { status, json } = await patch(id, body);
      assert.equal(status, 400, JSON.stringify([body, json]));
      assert.ok(JSON.stringify(json).includes(at), JSON.stringify(json));
    }
    assert.equal((await journey.call('GET', `${subscribers}/${id}`)).json.url, url);
    const other = await bootstrap(journey.service.env, 'other.test', '--project', 'other');
    const path = `${subscribers}/${id}`;
    assert.equal((await journey.call('PATCH', path, { paused: true }, other)).status, 404);
  });
});
