import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATOR_PERMISSIONS } from '../contract/permissions.ts';
import { createAttemptLog } from '../ledger/attempt-log.ts';
import type { ApiClientId, ProjectId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createAttempts } from './attempts.ts';
import { createAuthenticator } from './authenticate.ts';
import { inClosedProject, isRole, operationsOf } from './policy.ts';
import type { IamReader, Role } from './projects.ts';
import { createStaticKey } from './static-keys.ts';

async function setUp(expiresAt: number | null = null) {
  const clock = createFakeClock();
  const random = createRandom();
  const sealer = createSealer(Buffer.alloc(32, 1));
  const project = {
    id: random.id() as ProjectId,
    name: 'p',
    sandbox: false,
    createdAt: 0,
    closedAt: null as number | null,
  };
  const client = {
    id: random.id() as ApiClientId,
    projectId: project.id,
    name: 'c',
    roles: ['sender'],
    createdAt: 0,
  };
  const { key, secret } = await createStaticKey(
    { random, sealer, now: clock.now() },
    { projectId: project.id, apiClientId: client.id, expiresAt },
  );
  const iam = {
    findKey: async (id: string) => (id === key.id ? { key, client, project, roles: custom } : null),
  } as unknown as IamReader;
  const custom: Role[] = [];
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const log = createAttemptLog({ read: store.read, transactor: store });
  const used: number[] = [];
  const authenticator = createAuthenticator({
    iam,
    attempts: createAttempts({ log, clock, random, sealer }),
    sealer,
    clock,
    noteUse: (_key, day) => void used.push(day),
  });
  return { clock, key, secret, client, project, custom, used, authenticator };
}

test('the right secret signs in, with the operations of its roles; it holds a colon and is stored nowhere', async () => {
  const { key, secret, authenticator } = await setUp();
  const result = await authenticator.authenticate(key.id, secret, '192.0.2.1');
  assert.equal(result.kind, 'ok');
  if (result.kind === 'ok')
    assert.deepEqual(
      [...result.principal.operations],
      ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'],
    );
  assert.match(secret, /^[A-Za-z0-9]{30}:\d{18}$/);
  assert.ok(!JSON.stringify(key).includes(secret));
});

test('a wrong secret, an unknown id and an expired key are refused alike', async () => {
  const { key, secret, authenticator } = await setUp();
  assert.deepEqual(await authenticator.authenticate(key.id, `${secret}x`, '192.0.2.1'), {
    kind: 'refused',
    key: key.id,
  });
  assert.deepEqual(
    await authenticator.authenticate('00000000-0000-7000-8000-000000000000', secret, '192.0.2.1'),
    { kind: 'refused', key: null },
  );
  assert.deepEqual(await authenticator.authenticate('no id', secret, '192.0.2.1'), {
    kind: 'refused',
    key: null,
  });
  const old = await setUp(Date.UTC(2025, 0, 1));
  assert.deepEqual(await old.authenticator.authenticate(old.key.id, old.secret, '192.0.2.1'), {
    kind: 'refused',
    key: old.key.id,
  });
});

test('ten failures a minute per address, fifty a day; other addresses are not locked out', async () => {
  const { clock, key, secret, authenticator } = await setUp();
  const fail = (i: number) =>
    authenticator.authenticate(`00000000-0000-7000-8000-${String(i).padStart(12, '0')}`, 'x', '192.0.2.1');
  for (let i = 0; i < 10; i++) assert.equal((await fail(i)).kind, 'refused');
  const eleventh = await fail(10);
  assert.ok(eleventh.kind === 'throttled' && eleventh.retryAfterMs > 0 && eleventh.retryAfterMs <= 60_000);
  assert.equal((await authenticator.authenticate(key.id, secret, '192.0.2.2')).kind, 'ok');
  for (let minute = 1; minute < 5; minute++) {
    await clock.advance(61_000);
    for (let i = 0; i < 10; i++) assert.equal((await fail(minute * 100 + i)).kind, 'refused');
  }
  await clock.advance(61_000);
  assert.equal((await fail(999)).kind, 'throttled');
});

test('an address that signed in with the key today is not locked out by what else came from it', async () => {
  const { key, secret, authenticator } = await setUp();
  assert.equal((await authenticator.authenticate(key.id, secret, '192.0.2.1')).kind, 'ok');
  for (let i = 0; i < 12; i++) await authenticator.authenticate('someone', 'x', '192.0.2.1');
  assert.equal((await authenticator.authenticate(key.id, secret, '192.0.2.1')).kind, 'ok');
});

test('custom roles of the project are permitted what they name, unknown ones nothing', async () => {
  const { key, secret, client, custom, authenticator } = await setUp();
  custom.push({
    id: createRandom().id(),
    projectId: client.projectId,
    name: 'watcher',
    operations: ['mta.queues.list', 'mta.queues.fly'],
    createdAt: 0,
  });
  client.roles = ['watcher', 'nobody'];
  const result = await authenticator.authenticate(key.id, secret, '192.0.2.1');
  assert.ok(result.kind === 'ok');
  assert.deepEqual([...result.principal.operations], ['mta.queues.list']);
  assert.deepEqual(result.principal.actor, { kind: 'key', apiClientId: client.id, keyId: key.id });
});

test('a key of a closed project is refused', async () => {
  const { key, secret, project, authenticator } = await setUp();
  project.closedAt = 1;
  assert.equal((await authenticator.authenticate(key.id, secret, '192.0.2.1')).kind, 'refused');
});

test('a use is noted by the day, at most once an hour', async () => {
  const { key, secret, used, clock, authenticator } = await setUp();
  const use = () => authenticator.authenticate(key.id, secret, '192.0.2.1');
  await use();
  await use();
  assert.deepEqual(used, [Date.UTC(2026, 0, 1)]);
  await clock.advance(25 * 3_600_000);
  await use();
  assert.deepEqual(used, [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2)]);
});

test('roles: names, single operations, nothing else', () => {
  assert.ok(
    isRole('admin') && isRole('mta.domains.send') && !isRole('mta.domains.fly') && !isRole('constructor'),
  );
  assert.equal(operationsOf(['constructor', 'nobody']).size, 0);
  assert.ok(!operationsOf(['reader']).has('mta.domains.send'));
});

test('what operators alone may do is in no role of a project; closing is its owners’', () => {
  for (const role of ['owner', 'admin', 'reader'])
    for (const operation of OPERATOR_PERMISSIONS) assert.ok(!operationsOf([role]).has(operation), role);
  assert.ok(operationsOf(['operator']).has('iam.projects.list_all'));
  assert.ok(operationsOf(['owner']).has('iam.projects.delete'));
  assert.ok(!operationsOf(['admin']).has('iam.projects.delete'));
  const closed = inClosedProject(operationsOf(['owner']));
  assert.ok(closed.has('iam.projects.delete') && closed.has('iam.projects.export'));
  assert.ok(closed.has('mta.domains.list') && !closed.has('mta.domains.send'));
});

test('no secret needs quoting, and none looks like an option of a command', async () => {
  const deps = { random: createRandom(), sealer: createSealer(Buffer.alloc(32, 1)), now: 0 };
  const wanted = {
    projectId: deps.random.id<'project'>(),
    apiClientId: deps.random.id<'api-client'>(),
    expiresAt: null,
  };
  const secrets = await Promise.all(
    Array.from({ length: 300 }, async () => (await createStaticKey(deps, wanted)).secret),
  );
  assert.equal(new Set(secrets).size, 300);
  for (const secret of secrets) assert.match(secret, /^[A-Za-z0-9]{30}:[0-9]{18}$/);
});

test('a hundred wrong secrets at once are no more than one after the other', async () => {
  const { key, authenticator } = await setUp();
  const all = await Promise.all(
    Array.from({ length: 100 }, () => authenticator.authenticate(key.id, 'wrong', '192.0.2.9')),
  );
  assert.equal(all.filter(({ kind }) => kind === 'refused').length, 10);
  assert.equal(all.filter(({ kind }) => kind === 'throttled').length, 90);
});
