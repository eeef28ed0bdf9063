/** Counts and repeated answers belong to the own project; matrix.test.ts tests ids of others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrap } from './harness.ts';
import { authorization, startJourney } from './journey.ts';

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
