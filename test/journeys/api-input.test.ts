/**
 * The HTTP API with input that is nearly right, with keys that try more than they may, and with open
 * connections when it stops.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { portOf } from './harness.ts';
import { authorization, startJourney } from './journey.ts';

const TASKS = '/mta/v1/tasks?is_sync=true';

test('a value of the wrong type is refused, naming its field, and nothing is sent', async () => {
  await using journey = await startJourney();
  const good = {
    self: journey.who.domain_url,
    from: ['sender@sender.test'],
    to: ['x@out.test'],
    subject: 's',
    content_type: 'text/plain',
    body: 'b',
  };
  const wrong: [string, unknown][] = [
    ['subject', 5],
    ['subject', null],
    ['subject', ['s']],
    ['body', true],
    ['to', 'x@out.test'],
    ['sender', 5],
    ['to', [null]],
    ['surprise', 1],
  ];
  for (const [name, value] of wrong) {
    const { status, json } = await journey.call('POST', TASKS, {
      procedure: 'send_message',
      arguments: { ...good, [name]: value },
    });
    assert.equal(status, 400, `${name} ${JSON.stringify(value)}`);
    assert.equal(json.field, `arguments.${name}${Array.isArray(value) && name === 'to' ? '[0]' : ''}`);
  }
  const typo = await journey.call('POST', '/mta/v1/tasks?is_sinc=true', {
    procedure: 'send_message',
    arguments: good,
  });
  assert.equal(typo.status, 400);
  assert.equal(typo.json.field, 'is_sinc');
  assert.deepEqual((await journey.call('GET', '/mta/v1/messages')).json.items, []);
});

test('what the service does not know is named as it was sent, and said in its own words', async () => {
  await using journey = await startJourney();
  const hooks = `/edj/v1/topics/${journey.who.topic_id}/subscribers`;
  const base = `http://${journey.service.ready.http}`;
  for (const [path, status] of [
    ['/%', 400],
    ['/healthz%ff', 400],
    [`/mta/v1/domains/${'a'.repeat(500)}`, 414],
  ] as const) {
    const answer = await fetch(base + path);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, path);
    const problem = (await answer.json()) as { type: string; detail: string };
    assert.doesNotMatch(JSON.stringify(problem), /FST_/);
    assert.equal(answer.status, status, path);
  }
  const unknown = await journey.call('GET', '/mta/v1/domain');
  assert.equal(unknown.status, 404);
  assert.match(unknown.json.detail, /no such path/);
  const text = await fetch(`${base}/edj/v1/topics`, {
    method: 'POST',
    headers: { authorization: authorization(journey.who), 'content-type': 'text/plain' },
    body: 'x',
  });
  assert.equal(text.status, 415);
  assert.match(await text.text(), /Content-Type: application\/json/);
  for (const [body, field, sentence] of [
    [{ name: 'x', 'a/b': 1 }, 'a/b', 'is not a known field'],
    [{ name: 'x', 'a~1b': 1 }, 'a~1b', 'is not a known field'],
    [{ name: 'x', 0: 1 }, '0', 'is not a known field'],
  ] as const) {
    const { status, json } = await journey.call('POST', '/edj/v1/topics', body);
    assert.deepEqual([status, json.field, json.detail], [400, field, `${field}: ${sentence}`]);
  }
  for (const [body, field, sentence] of [
    [{ type: 'http', url: true }, 'url', 'must be text'],
    [{ type: 'http', url: '' }, 'url', 'must not be empty'],
    [{ type: 'http', url: `https://x.test/${'a'.repeat(5000)}` }, 'url', 'must have at most 4096 characters'],
    [{ type: 'http', url: 'https://x.test/', inline: 'x' }, 'inline', 'must be true or false'],
    [{ type: 'http', url: null }, 'url', 'must be text'],
  ] as const) {
    const { status, json } = await journey.call('POST', hooks, body);
    assert.deepEqual([status, json.field, json.detail], [400, field, `${field}: ${sentence}`]);
  }
  const made = await journey.call('POST', hooks, { type: 'http', url: 'https://例え.test/é', inline: null });
  assert.deepEqual(
    [made.status, made.json.url, made.json.inline],
    [201, 'https://xn--r8jz45g.test/%C3%A9', false],
  );
});

test('invalid JSON is answered with its position, a poisoned key with its name', async () => {
  await using journey = await startJourney();
  const post = async (body: string) => {
    const response = await fetch(`http://${journey.service.ready.http}/edj/v1/topics`, {
      method: 'POST',
      headers: { authorization: authorization(journey.who), 'content-type': 'application/json' },
      body,
    });
    return { status: response.status, json: (await response.json()) as { type: string; detail: string } };
  };
  const broken = await post('{"name": }');
  assert.equal(broken.status, 400);
  assert.match(broken.json.detail, /\bposition 9\b|Unexpected token '}'/);
  const poisoned = await post('{"name":"x","__proto__":{"y":1}}');
  assert.equal(poisoned.status, 400);
  assert.match(poisoned.json.detail, /__proto__/);
  assert.equal((await post(JSON.stringify({ name: 'a\u0000\r\nb' }))).status, 400);
});

test('a key cannot hand out operations it does not hold', async () => {
  await using journey = await startJourney();
  const { who } = journey;
  const client = await journey.call('POST', '/iam/v1/api_clients', {
    name: 'clerk',
    roles: ['iam.api_clients.create', 'iam.static_keys.create'],
  });
  const key = await journey.call('POST', `/iam/v1/api_clients/${client.json.id}/static_keys`, {});
  const clerk = authorization({ key: key.json } as never);
  const as = (path: string, body: object) =>
    fetch(`http://${journey.service.ready.http}${path}`, {
      method: 'POST',
      headers: { authorization: clerk, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  assert.equal((await as(`/iam/v1/api_clients/${who.api_client_id}/static_keys`, {})).status, 403);
  assert.equal((await as('/iam/v1/api_clients', { name: 'boss', roles: ['owner'] })).status, 403);
  const own = await as('/iam/v1/api_clients', { name: 'junior', roles: ['iam.static_keys.create'] });
  assert.equal(own.status, 201);
  const past = await journey.call('POST', `/iam/v1/api_clients/${client.json.id}/static_keys`, {
    expires_at: '2001-01-01T00:00:00Z',
  });
  assert.equal(past.json.field, 'expires_at');
});

test('SIGTERM ends the service while callers keep connections and a long poll open', async () => {
  await using journey = await startJourney();
  const { service, who } = journey;
  const silent = connect(portOf(service.ready.http), '127.0.0.1');
  await once(silent, 'connect');
  const poll = connect(portOf(service.ready.http), '127.0.0.1');
  const ends = [once(silent, 'close'), once(poll, 'close')];
  poll.resume();
  poll.write(
    `GET /edj/v1/topics/${who.topic_id}/events?wait=30&after=ffffffff-0000-7000-8000-000000000000 HTTP/1.1\r\n` +
      `Host: x\r\nAuthorization: ${authorization(who)}\r\n\r\n`,
  );
  // An answer on another connection shows that the poll was read.
  await journey.call('GET', '/iam/v1/projects');
  const ended = once(service.child, 'exit', { signal: AbortSignal.timeout(20_000) });
  service.child.kill('SIGTERM');
  const [code] = await ended;
  assert.equal(code, 0);
  await Promise.all(ends);
});
