/** Rows that another version wrote: names that this program does not know are not shown and stand in nobody's way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRuleName } from '../../src/contract/events.ts';
import type { ProjectId } from '../../src/runtime/ids.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openBeside } from './beside.ts';
import { startJourney } from './journey.ts';

test('roles, rules, API clients and DNS accounts with unknown names are shown without them, can be changed and be deleted', async () => {
  await using journey = await startJourney();
  const { who, call } = journey;
  const project = who.project_id as ProjectId;
  const random = createRandom();
  const [first, second, rule] = [random.id(), random.id(), random.id()] as const;
  const [client, latest, account] = [random.id(), random.id(), random.id()] as const;
  {
    await using beside = await openBeside(journey);
    await beside.transact(project, (tx) => {
      for (const [id, name] of [
        [first, 'later'],
        [second, 'latest'],
      ] as const)
        tx.insertRole({
          id: id as never,
          projectId: project,
          name,
          operations: ['mta.domains.list', 'future.operation'],
          createdAt: 1,
        });
      tx.insertRule({
        id: rule as never,
        projectId: project,
        family: 'event',
        domainId: null,
        topicId: who.topic_id as never,
        names: ['limit.exceeded', 'future.event' as EventRuleName],
        createdAt: 1,
      });
      for (const [id, roles] of [
        [client, ['sender', 'later', 'future.operation', 'future-role']],
        [latest, ['future-role']],
      ] as const)
        tx.insertApiClient({ id: id as never, projectId: project, name: id, roles, createdAt: 1 });
      tx.insertDnsAccount({
        id: account as never,
        projectId: project,
        provider: 'future',
        name: 'mine',
        settings: {},
        sealedSettings: Buffer.from('x'),
        createdAt: 1,
      });
    });
  }
  const holder = await call('GET', `/iam/v1/api_clients/${client}`);
  assert.deepEqual([holder.status, holder.json.roles], [200, ['sender', 'later']]);
  const unread = await call('PATCH', `/mta/v1/dns_accounts/${account}`, { settings: { token: 'x' } });
  assert.deepEqual([unread.status, unread.json.field], [400, 'settings']);
  assert.match(unread.json.detail, /does not know the provider future/);
  const renamed = await call('PATCH', `/mta/v1/dns_accounts/${account}`, { name: 'ours' });
  assert.deepEqual([renamed.status, renamed.json.name], [200, 'ours']);
  const replaced = await call('PATCH', `/iam/v1/api_clients/${client}`, { roles: ['reader'] });
  assert.deepEqual([replaced.status, replaced.json.roles], [200, ['reader']]);
  const role = await call('GET', `/iam/v1/roles/${first}`);
  assert.deepEqual([role.status, role.json.operations], [200, ['mta.domains.list']]);
  const rules = await call('GET', '/mta/v1/event_rules');
  assert.deepEqual(
    rules.json.items.map(({ names }: { names: unknown }) => names),
    [['limit.exceeded']],
  );
  const changed = await call('PATCH', `/iam/v1/roles/${first}`, { operations: ['mta.queues.list'] });
  assert.deepEqual([changed.status, changed.json.operations], [200, ['mta.queues.list']]);
  for (const path of [`/mta/v1/dns_accounts/${account}`, `/iam/v1/api_clients/${latest}`])
    assert.equal((await call('DELETE', path)).status, 204, path);
  for (const path of [`/iam/v1/roles/${first}`, `/iam/v1/roles/${second}`, `/mta/v1/event_rules/${rule}`])
    assert.equal((await call('DELETE', path)).status, 204, path);
});
