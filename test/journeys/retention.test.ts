/**
 * Expired data is gone for every reader: the message, its octets, its event; and the setting that decides
 * when.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import type { ProjectId } from '../../src/runtime/ids.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import * as make from '../../src/store/conformance/samples.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { bootstrap, hikyaku } from './harness.ts';
import { authorization, startJourney } from './journey.ts';
import { openSmtp, send } from './raw-smtp.ts';

const DAY_MS = 86_400_000;

test('mail is kept for retention_days and then answers as if it had never been', async () => {
  await using journey = await startJourney();
  const { call, service, who } = journey;
  assert.equal((await call('GET', '/mta/v1/settings')).json.retention_days, 30);
  for (const days of [0, 401, 1.5]) {
    const refused = await call('PATCH', '/mta/v1/settings', { retention_days: days });
    assert.equal(refused.status, 400);
  }
  const set = await call('PATCH', '/mta/v1/settings', { retention_days: 7 });
  assert.deepEqual([set.status, set.json.retention_days, set.json.over_limit], [200, 7, 'reject']);

  await using client = await openSmtp(service.ready.mx);
  const receive = (subject: string) =>
    send(
      client,
      'writer@elsewhere.test',
      ['reader@sender.test'],
      Buffer.from(`From: <writer@elsewhere.test>\r\nSubject: ${subject}\r\n\r\nx\r\n`),
    );
  await receive('first');
  const events = `/edj/v1/topics/${who.topic_id}/events`;
  const [event] = (await call('GET', events)).json.items;
  const rawOf = async () =>
    (await fetch(event.content.raw_url, { headers: { authorization: authorization(who) } })).status;
  assert.equal(await rawOf(), 200);

  await using beside = await openSqliteStore({
    directory: service.directory,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
    lock: false,
  });
  async function sweep(now: number): Promise<void> {
    while ((await beside.sweep(now)).more);
  }
  await sweep(Date.now() + 6 * DAY_MS);
  assert.equal(await rawOf(), 200);
  await sweep(Date.now() + 8 * DAY_MS);
  assert.equal(await rawOf(), 404);
  const gone = await call('GET', `/mta/v1/messages/${event.content.id}`);
  assert.deepEqual([gone.status, gone.json.type], [404, '/problems/not-found']);
  assert.deepEqual((await call('GET', events)).json.items, []);

  // a reader that had read up to the removed event continues after it
  await receive('second');
  const next = (await call('GET', `${events}?after=${event.id}`)).json.items;
  assert.equal(next.length, 1);
  assert.match(next[0].summary, /Subject: second/);
});

test('operators are told what is over and still there: by the API, by doctor', async () => {
  await using journey = await startJourney();
  const { call, service, who } = journey;
  const ops = await bootstrap(service.env, 'ops.test', '--project', 'ops', '--role', 'operator');
  const standing = () => call('GET', '/mta/v1/retention', undefined, ops);
  const doctor = async () => {
    const { stdout } = await hikyaku(['doctor', '--json'], service.env);
    const found = JSON.parse(stdout).find(({ check }: { check: string }) => check === 'retention');
    return [found.status, found.detail];
  };
  assert.equal((await call('GET', '/mta/v1/retention')).status, 403);
  assert.deepEqual((await standing()).json, {
    due_messages: 0,
    behind_since: null,
    late: false,
    round: null,
  });
  assert.deepEqual(await doctor(), ['ok', 'no message is kept beyond its retention time']);

  await using beside = await openSqliteStore({
    directory: service.directory,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
    lock: false,
  });
  const project = await beside.read.project(who.project_id as ProjectId);
  const keepUntil = Date.now() - 3 * DAY_MS;
  await beside.transact(project!.id, (tx) => tx.insertMessage(make.message(project!, { keepUntil })));
  const { json } = await standing();
  assert.deepEqual(
    [json.due_messages, json.behind_since, json.late],
    [1, new Date(keepUntil).toISOString(), true],
  );
  const [status, detail] = await doctor();
  assert.equal(status, 'warning');
  assert.match(detail, /^at least 1 messages are past their retention time, the oldest since /);
});
