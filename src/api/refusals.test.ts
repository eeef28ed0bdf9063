/** Refused attempts in the audit log: who, operation, target and reason; a flood of them is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../contract/operations/index.ts';
import * as make from '../store/conformance/samples.ts';
import { openApiRig } from '../testing/api-rig.ts';
import { createFakeClock } from '../testing/fake-clock.ts';

const MINUTE = 60_000;
const GUESSED = '0198c0de-dead-7000-8000-00000000beef';

// biome-ignore lint/suspicious/noExplicitAny: entries as JSON
const refusedOf = async (rig: Awaited<ReturnType<typeof openApiRig>>): Promise<any[]> => {
  const { json } = await rig.call('GET', '/iam/v1/audit_events?limit=500');
  return json.items.filter(({ reason }: { reason: string | null }) => reason !== null).toReversed();
};

test('a refused attempt is recorded with caller, operation, target, fields and reason', async () => {
  await using rig = await openApiRig({}, createFakeClock());
  const reader = await rig.caller('reader', ['reader']);
  const clerk = await rig.caller('clerk', ['iam.api_clients.delete', 'iam.roles.create']);
  for (const [method, path, body] of [
    ['DELETE', `/iam/v1/members/${GUESSED}`, undefined],
    ['POST', '/edj/v1/topics', { name: 'x' }],
    ['GET', '/mta/v1/retention?', undefined],
    ['POST', '/iam/v1/projects', { name: 'x' }],
  ] as const)
    assert.equal((await rig.call(method, path, body, { as: reader })).status, 403, path);
  const holder = `/iam/v1/api_clients/${rig.owner.client.id}`;
  assert.equal((await rig.call('DELETE', holder, undefined, { as: clerk })).status, 403);
  const handing = { name: 'boss', operations: ['mta.domains.send'] };
  assert.equal((await rig.call('POST', '/iam/v1/roles', handing, { as: clerk })).status, 403);
  const lacks = (operation: string) => `operation-not-permitted: the role lacks the operation ${operation}`;
  assert.deepEqual(
    (await refusedOf(rig)).map(({ actor, operation, target, fields, outcome, reason, times, address }) => [
      ...[actor.id === reader.client.id ? 'reader' : actor.name, operation, target],
      ...[fields, outcome, reason, times, address],
    ]),
    [
      ['reader', 'iam.members.delete', `/iam/v1/members/${GUESSED}`, [], lacks('iam.members.delete')],
      ['reader', 'edj.topics.create', '/edj/v1/topics', ['name'], lacks('edj.topics.create')],
      ['reader', 'mta.retention.get', '/mta/v1/retention', [], lacks('mta.retention.get')],
      ['reader', 'iam.projects.create', '/iam/v1/projects', ['name'], lacks('iam.projects.create')],
      [
        ...['clerk', 'iam.api_clients.delete', holder, []],
        `${lacks('mta.domains.create')}, so it cannot change or remove a holder of it`,
      ],
      [
        ...['clerk', 'iam.roles.create', '/iam/v1/roles', ['name', 'operations']],
        `${lacks('mta.domains.send')}, so it cannot be granted`,
      ],
    ].map(([actor, operation, target, fields, reason]) => [
      ...[actor, operation, target, fields, 'failed'],
      ...[reason, 1, '127.0.0.1'],
    ]),
  );
});

test('a flood is counted for each caller and operation: one entry at once, one for each minute after', async () => {
  const clock = createFakeClock();
  await using rig = await openApiRig({}, clock);
  const reader = await rig.caller('reader', ['reader']);
  const other = await rig.caller('other', ['reader']);
  const flood = async (times: number, as = reader) => {
    for (let i = 0; i < times; i++) await rig.call('POST', '/edj/v1/topics', { name: `${i}` }, { as });
  };
  const counts = async () => (await refusedOf(rig)).map(({ times }) => times);
  await flood(20);
  assert.deepEqual(await counts(), [1]);
  await flood(1, other);
  await rig.call('DELETE', `/edj/v1/topics/${GUESSED}`, undefined, { as: reader });
  assert.deepEqual(
    await counts(),
    [1, 1, 1],
    'another caller and another operation have entries of their own',
  );
  await clock.advance(MINUTE);
  await rig.store.transact(rig.project.id, () => {});
  assert.deepEqual(await counts(), [1, 1, 1, 19]);
  await flood(3);
  await clock.advance(MINUTE);
  await rig.store.transact(rig.project.id, () => {});
  assert.deepEqual(await counts(), [1, 1, 1, 19, 3]);
  await clock.advance(2 * MINUTE);
  await flood(1);
  assert.deepEqual(
    await counts(),
    [1, 1, 1, 19, 3, 1],
    'after a quiet minute the next one is written at once',
  );
});

test('many operations of one caller: a bounded number of entries, and every attempt is counted', async () => {
  const clock = createFakeClock();
  let attempts = 0;
  await using rig = await openApiRig({}, clock);
  const nobody = await rig.caller('nobody', []);
  for (const { method, path, access = 'project', projectOfPath } of OPERATIONS.filter(
    ({ people }) => !people,
  )) {
    if (access === 'open' || projectOfPath) continue;
    const target = path.replaceAll(/\{\w+\}/g, GUESSED);
    for (let i = 0; i < 2; i++) {
      const { status } = await rig.call(method, target, undefined, { as: nobody });
      if (status === 403) attempts++;
    }
  }
  const times = async () => (await refusedOf(rig)).map((event) => event.times);
  assert.ok(attempts > 40, `${attempts} attempts`);
  assert.ok((await times()).length <= 30);
  for (let i = 0; i < 100; i++) await clock.advance(MINUTE);
  await rig.store.transact(rig.project.id, () => {});
  const all = await times();
  assert.equal(
    all.reduce((sum, one) => sum + one, 0),
    attempts,
  );
});

test('the store that cannot take the entry does not change the answer', async () => {
  const rig = await openApiRig({}, createFakeClock());
  await using _ = rig;
  const reader = await rig.caller('reader', ['reader']);
  await rig.store.transact(rig.project.id, (tx) => tx.insertTopic(make.topic(rig.project)));
  const { transact } = rig.store;
  Object.assign(rig.store, {
    transact: () => Promise.reject(new Error('the disk is gone')),
  });
  const { status, json } = await rig.call('POST', '/edj/v1/topics', { name: 'y' }, { as: reader });
  Object.assign(rig.store, { transact });
  assert.deepEqual([status, json.type], [403, '/problems/operation-not-permitted']);
});
