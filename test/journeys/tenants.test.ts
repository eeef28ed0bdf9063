/** One project's key against another's resources: the same 404 octets as for an id that never was, on every route. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrap } from './harness.ts';
import { authorization, startJourney } from './journey.ts';

const NOWHERE = '00000000-0000-7000-8000-000000000000';

test('every route of the OpenAPI documents is closed to other projects', async () => {
  await using journey = await startJourney();
  const { who } = journey;
  const other = await bootstrap(journey.service.env, 'other.test', '--project', 'other');
  const topic = `/edj/v1/topics/${who.topic_id}`;
  const subscriber = await journey.call('POST', `${topic}/subscribers`, {
    type: 'http',
    url: 'https://hook.example/',
  });
  const rule = (await journey.call('GET', `/mta/v1/domains/${who.domain_id}/incoming_rules`)).json.items[0]
    .id;
  const make = async (path: string, body: object) =>
    (await journey.call('POST', path, body)).json.id as string;
  const topicRef = { topic: { self: `http://x${topic}` } };
  const outgoing = await make(`/mta/v1/domains/${who.domain_id}/outgoing_rules`, topicRef);
  const event = await make(`/mta/v1/domains/${who.domain_id}/event_rules`, {
    names: ['delivered'],
    ...topicRef,
  });
  const projectEvent = await make('/mta/v1/event_rules', { names: ['domain.dns_error'], ...topicRef });
  const sent = await journey.call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: who.domain_url,
      from: ['sender@sender.test'],
      to: ['x@out.test'],
      subject: 's',
      content_type: 'text/plain',
      body: 'b',
    },
  });
  const published = await journey.call('POST', '/edj/v1/tasks?is_sync=true', {
    procedure: 'publish',
    arguments: { self: `http://x${topic}`, message: 'hi' },
  });
  const role = await make('/iam/v1/roles', { name: 'watcher', operations: ['mta.queues.list'] });
  const invitation = await make('/iam/v1/invitations', { email: 'b@example.test', roles: ['reader'] });
  await bootstrap(journey.service.env, 'sender.test', '--project', 'journey', '--email', 'a@example.test');
  const member = (await journey.call('GET', '/iam/v1/members')).json.items[0];
  const owned = (await journey.call('GET', '/iam/v1/domains')).json.items[0].id;
  const asked = await make('/mta/v1/limit_requests', { per_minute: 900, reason: 'r' });
  const dnsAccount = await make('/mta/v1/dns_accounts', {
    provider: 'cloudflare',
    name: 'dns',
    settings: { api_token: 'secret' },
  });
  const dnsAccountRef = { account: { self: `http://x/mta/v1/dns_accounts/${dnsAccount}` } };
  const dkimKey = (await journey.call('GET', `/mta/v1/domains/${who.domain_id}/dkim_keys`)).json.items[0].id;
  /** Ids by the path they stand in; a route that is missing here fails the test. */
  const ids: Record<string, Record<string, string>> = {
    '/mta/v1/domains/{id}': { id: who.domain_id },
    '/mta/v1/domains/{id}/dkim_keys/{key}': { id: who.domain_id, key: dkimKey },
    '/mta/v1/domains/{id}/incoming_rules/{rule}': { id: who.domain_id, rule },
    '/mta/v1/domains/{id}/outgoing_rules/{rule}': { id: who.domain_id, rule: outgoing },
    '/mta/v1/domains/{id}/event_rules/{rule}': { id: who.domain_id, rule: event },
    '/mta/v1/event_rules/{rule}': { rule: projectEvent },
    '/mta/v1/messages/{id}': { id: sent.json.result.id },
    '/mta/v1/messages/{id}/raw': { id: sent.json.result.id },
    '/mta/v1/tasks/{id}': { id: sent.json.id },
    '/mta/v1/limit_requests/{id}': { id: asked },
    '/mta/v1/limit_requests/{id}/cancel': { id: asked },
    '/mta/v1/limit_requests/{id}/approve': { id: asked },
    '/mta/v1/limit_requests/{id}/refuse': { id: asked },
    '/edj/v1/topics/{id}': { id: who.topic_id },
    '/edj/v1/topics/{id}/subscribers': { id: who.topic_id },
    '/edj/v1/topics/{id}/subscribers/{subscriber}': { id: who.topic_id, subscriber: subscriber.json.id },
    '/edj/v1/topics/{id}/events': { id: who.topic_id },
    '/edj/v1/subscribers/{id}/deliveries': { id: subscriber.json.id },
    '/edj/v1/tasks/{id}': { id: published.json.id },
    '/iam/v1/projects/{id}': { id: who.project_id },
    '/iam/v1/projects/{id}/close': { id: who.project_id },
    '/iam/v1/projects/{id}/reopen': { id: who.project_id },
    '/iam/v1/projects/{id}/export': { id: who.project_id },
    '/iam/v1/roles/{id}': { id: role },
    '/iam/v1/invitations/{id}': { id: invitation },
    '/iam/v1/members/{id}': { id: member.id },
    '/iam/v1/api_clients/{id}': { id: who.api_client_id },
    '/iam/v1/api_clients/{id}/static_keys': { id: who.api_client_id },
    '/iam/v1/api_clients/{id}/static_keys/{key}': { id: who.api_client_id, key: who.key.id },
    '/iam/v1/domains/{id}': { id: owned },
    '/iam/v1/domains/{id}/verify': { id: owned },
    '/mta/v1/dns_accounts/{id}': { id: dnsAccount },
    '/mta/v1/dns_accounts/{id}/test': { id: dnsAccount },
  };
  for (const part of [
    'dkim_keys',
    'dns',
    'dns/check',
    'dns/plan',
    'dns/apply',
    'dns/undo',
    'dns/changes',
    'usage',
    'incoming_rules',
    'outgoing_rules',
    'event_rules',
  ]) {
    ids[`/mta/v1/domains/{id}/${part}`] = { id: who.domain_id };
  }
  const bodies: Record<string, object> = {
    incoming_rules: { type: 'all', ...topicRef },
    outgoing_rules: topicRef,
    event_rules: { names: ['delivered'], ...topicRef },
    subscribers: { type: 'http', url: 'https://hook.example/' },
    topics: { name: 'x' },
    refuse: { reason: 'r' },
    roles: { operations: [] },
    members: { roles: [] },
    projects: { name: 'x' },
    dns_accounts: { name: 'x' },
    plan: dnsAccountRef,
    apply: { ...dnsAccountRef, plan_id: NOWHERE },
    undo: { change_id: NOWHERE },
  };
  /** Nobody's in a project: refused before any id is looked at. */
  const operators = new Set(['/mta/v1/limit_requests/{id}/approve', '/mta/v1/limit_requests/{id}/refuse']);
  let tried = 0;
  for (const part of ['mta', 'edj', 'iam']) {
    const document = (await journey.call('GET', `/${part}/v1/openapi.json`)).json;
    assert.equal(document.openapi, '3.1.0');
    for (const [path, methods] of Object.entries(document.paths) as [string, object][]) {
      if (!path.includes('{')) continue;
      // Of members' own accounts and of the instance: no key gets there, whoever's it is (people.test.ts).
      const closedToKeys = path.startsWith('/iam/v1/me/') || path === '/iam/v1/members/{id}/reset';
      if (closedToKeys) ids[path] = { id: NOWHERE };
      assert.ok(path in ids, `${path} is not in the matrix`);
      for (const method of Object.keys(methods)) {
        const fill = (values: Record<string, string>) =>
          path.replace(/\{(\w+)\}/g, (_, name: string) => values[name]!);
        const collection = path.split('/').at(-1)!;
        const named = Object.keys(bodies).find(
          (name) => collection === name || path.endsWith(`/${name}/{id}`),
        );
        const ask = async (values: Record<string, string>) => {
          const response = await fetch(`http://${journey.service.ready.http}${fill(values)}`, {
            method: method.toUpperCase(),
            headers: { authorization: authorization(other), 'content-type': 'application/json' },
            ...(method === 'post' || method === 'patch'
              ? { body: JSON.stringify(named === undefined ? {} : bodies[named]) }
              : {}),
          });
          return `${response.status} ${await response.text()}`;
        };
        const foreign = await ask(ids[path]!);
        const unknown = await ask(Object.fromEntries(Object.keys(ids[path]!).map((name) => [name, NOWHERE])));
        const wanted = operators.has(path) ? /^403 / : closedToKeys ? /^40[03] / : /^404 /;
        assert.match(foreign, wanted, `${method} ${path}: ${foreign}`);
        assert.equal(foreign, unknown, `${method} ${path}`);
        tried++;
      }
    }
  }
  assert.ok(tried > 30, `${tried} routes were tried`);
  const still = await journey.call('GET', `/mta/v1/domains/${who.domain_id}`);
  assert.equal(still.status, 200);
});

test('the queue depth is the own project’s', async () => {
  await using journey = await startJourney({ HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1' });
  const other = await bootstrap(journey.service.env, 'other.test', '--project', 'other');
  await journey.call('POST', '/mta/v1/tasks?is_sync=true', {
    procedure: 'send_message',
    arguments: {
      self: journey.who.domain_url,
      from: ['sender@sender.test'],
      to: ['x@out.test'],
      subject: 's',
      content_type: 'text/plain',
      body: 'b',
    },
  });
  const waiting = async (who: typeof other) => {
    const { json } = await journey.call('GET', '/mta/v1/queues', undefined, who);
    return json.depth.queued + json.depth.deferred;
  };
  assert.equal(await waiting(journey.who), 1);
  assert.equal(await waiting(other), 0);
});

test('Idempotency-Key: one mail, one answer; another body is a conflict; secrets are not repeated', async () => {
  await using journey = await startJourney();
  const post = async (path: string, body: object, key: string) => {
    const response = await fetch(`http://${journey.service.ready.http}${path}`, {
      method: 'POST',
      headers: {
        authorization: authorization(journey.who),
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };
  const mail = (subject: string) => ({
    procedure: 'send_message',
    arguments: {
      self: journey.who.domain_url,
      from: ['sender@sender.test'],
      to: ['x@out.test'],
      subject,
      content_type: 'text/plain',
      body: 'b',
    },
  });
  const path = '/mta/v1/tasks?is_sync=true';
  const first = await post(path, mail('a'), 'k1');
  assert.equal(first.status, 200);
  assert.deepEqual(await post(path, mail('a'), 'k1'), first);
  assert.equal((await post(path, mail('b'), 'k1')).status, 409);
  const { json } = await journey.call('GET', '/mta/v1/messages');
  assert.equal(json.items.length, 1);
  const powerless = await journey.call('POST', '/iam/v1/api_clients', { name: 'powerless', roles: [] });
  const itsKey = await journey.call('POST', `/iam/v1/api_clients/${powerless.json.id}/static_keys`, {});
  const replay = await fetch(`http://${journey.service.ready.http}${path}`, {
    method: 'POST',
    headers: {
      authorization: authorization({ ...journey.who, key: itsKey.json }),
      'content-type': 'application/json',
      'idempotency-key': 'k1',
    },
    body: JSON.stringify(mail('a')),
  });
  assert.equal(replay.status, 403, 'an earlier answer is told only to whom the call is permitted');
  const keys = `/iam/v1/api_clients/${journey.who.api_client_id}/static_keys`;
  const made = await post(keys, {}, 'k2');
  const again = await post(keys, {}, 'k2');
  assert.equal(typeof made.json['secret'], 'string');
  assert.deepEqual(again.json, { ...made.json, secret: null });
});
