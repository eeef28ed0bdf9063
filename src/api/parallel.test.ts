/**
 * Parallel callers. A role goes or is granted, never both; a change without `If-Match` is made, whatever others change
 * meanwhile; a change writes only what its caller gave.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PERMISSIONS } from '../contract/permissions.ts';
import type { Role } from '../iam/projects.ts';
import { StaleError } from '../runtime/transactor.ts';
import * as make from '../store/conformance/samples.ts';
import { type ApiRig, type Asked, type Caller, openApiRig } from '../testing/api-rig.ts';

const MANY = 20;
const each = <T>(act: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: MANY }, (_, i) => act(i)));
/** How many answers had which status. */
function counted(answers: readonly { readonly status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe('parallel callers', () => {
  let rig: ApiRig;
  /** What happens between the judgement and the commit of the next request. */
  let meanwhile: (() => Promise<void>) | null = null;
  before(async () => {
    rig = await openApiRig({
      connect: () => ({}) as never,
      transactor: {
        async transact(...args) {
          const first = meanwhile;
          meanwhile = null;
          await first?.();
          return rig.store.transact(...args);
        },
      },
    });
  });
  after(() => rig[Symbol.asyncDispose]());
  const made = async (path: string, body: unknown) => {
    const { status, json } = await rig.call('POST', path, body);
    assert.equal(status, 201, JSON.stringify(json));
    return json;
  };
  const roleOf = (name: string, operations: readonly string[] = ['iam.roles.list']) =>
    made('/iam/v1/roles', { name, operations });

  type Grant = (as?: Caller) => ReturnType<ApiRig['call']>;
  /** Each makes what the role is then granted to. */
  const GRANTS: Record<string, (role: string) => Promise<Grant>> = {
    'a new client': async (role) => (as) =>
      rig.call('POST', '/iam/v1/api_clients', { name: make.newId(), roles: [role] }, as && { as }),
    async 'a client that is changed'(role) {
      const { client } = await rig.caller(make.newId(), []);
      return (as) => rig.call('PATCH', `/iam/v1/api_clients/${client.id}`, { roles: [role] }, as && { as });
    },
    'an invitation': async (role) => (as) =>
      rig.call(
        'POST',
        '/iam/v1/invitations',
        { email: `${make.newId()}@x.test`, roles: [role] },
        as && { as },
      ),
    async 'a member'(role) {
      const member = make.member({ email: `${make.newId()}@x.test` });
      await rig.store.transact(rig.project.id, (tx) => {
        tx.insertMember(member);
        tx.insertMembership({ projectId: rig.project.id, memberId: member.id, roles: [], createdAt: 1 });
      });
      return (as) => rig.call('PATCH', `/iam/v1/members/${member.id}`, { roles: [role] }, as && { as });
    },
  };
  const storedRole = async (id: Role['id']) => (await rig.store.read.role(rig.project.id, id))!;
  let clerk: Caller;
  before(async () => {
    const may = PERMISSIONS.filter((one) => one.startsWith('iam.') && one !== 'iam.projects.delete');
    clerk = await rig.caller('clerk', may);
  });
  for (const [what, prepare] of Object.entries(GRANTS)) {
    test(`a role is deleted, or granted to ${what}, but not both`, async () => {
      for (let i = 0; i < 8; i += 1) {
        const name = `r${make.newId()}`;
        const { id } = await roleOf(name);
        const grant = await prepare(name);
        const [gone, granted] = await Promise.all([rig.call('DELETE', `/iam/v1/roles/${id}`), grant()]);
        if (gone.status === 204) assert.equal(granted.status, 400);
        else {
          assert.equal(gone.json.type, '/problems/role-in-use');
          assert.ok(granted.status < 300);
        }
      }
    });
    test(`a role that is deleted before the commit is not granted to ${what}`, async () => {
      const name = `r${make.newId()}`;
      const { id } = await roleOf(name);
      const grant = await prepare(name);
      const role = await storedRole(id);
      meanwhile = () => rig.store.transact(rig.project.id, (tx) => tx.deleteRole(role));
      const { status, json } = await grant();
      assert.deepEqual([status, json.type], [400, '/problems/validation']);
    });
    test(`a role that has more operations before the commit is not granted to ${what}`, async () => {
      const name = `r${make.newId()}`;
      const { id } = await roleOf(name);
      const grant = await prepare(name);
      const role = { ...(await storedRole(id)), operations: ['mta.domains.send'] };
      meanwhile = () => rig.store.transact(rig.project.id, (tx) => tx.updateRole(role));
      const { status, json } = await grant(clerk);
      assert.deepEqual([status, json.type], [403, '/problems/operation-not-permitted']);
    });
  }
  test('a role is not made again while somebody still names it', async () => {
    const { client } = await rig.caller('names a lost role', ['lost']);
    const body = { name: 'lost', operations: ['iam.roles.list'] };
    const refused = await rig.call('POST', '/iam/v1/roles', body);
    assert.deepEqual([refused.status, refused.json.type], [409, '/problems/role-in-use']);
    await rig.call('PATCH', `/iam/v1/api_clients/${client.id}`, { roles: [] });
    assert.equal((await rig.call('POST', '/iam/v1/roles', body)).status, 201);
  });

  test('without If-Match each change of a client and of a role is made', async () => {
    const client = await made('/iam/v1/api_clients', { name: 'one', roles: [] });
    const path = new URL(client.self).pathname;
    const renamed = await each((i) => rig.call('PATCH', path, { name: `name ${i}` }));
    assert.deepEqual(counted(renamed), { 200: MANY });
    const regranted = await each((i) => rig.call('PATCH', path, { roles: PERMISSIONS.slice(i, i + 1) }));
    assert.deepEqual(counted(regranted), { 200: MANY });
    const role = new URL((await roleOf('changing')).self).pathname;
    const changed = await each((i) => rig.call('PATCH', role, { operations: PERMISSIONS.slice(i, i + 1) }));
    assert.deepEqual(counted(changed), { 200: MANY });
  });
  test('with If-Match one of them is made', async () => {
    const client = await made('/iam/v1/api_clients', { name: 'conditional', roles: [] });
    const path = new URL(client.self).pathname;
    const asked: Asked = { headers: { 'if-match': (await rig.call('GET', path)).headers.get('etag')! } };
    const renamed = await each((i) => rig.call('PATCH', path, { name: `one of ${i}` }, asked));
    assert.deepEqual(counted(renamed), { 200: 1, 412: MANY - 1 });
  });
  test('a client that changes itself does not hinder its removal', async () => {
    const thief = await rig.caller('thief', ['iam.api_clients.update', 'iam.roles.list']);
    const path = `/iam/v1/api_clients/${thief.client.id}`;
    const own = (i: number) =>
      i % 2 === 0 ? { name: `thief ${i}` } : { roles: thief.client.roles.slice(i % 4 === 1 ? 0 : 1) };
    const busy = (from: number) =>
      each((i) => rig.call('PATCH', path, own(from + i), { as: thief }).then(({ status }) => status));
    const first = busy(0);
    const stripped = await Promise.all([rig.call('PATCH', path, { name: 'stripped' }), busy(1), first]);
    assert.equal(stripped[0].status, 200);
    const [removed] = await Promise.all([rig.call('DELETE', path), busy(0)]);
    assert.equal(removed.status, 204);
  });

  test('a domain whose ownership ends before the commit is not set up', async () => {
    const owned = make.owned(rig.project, 'ending.test', { verifiedAt: 1 });
    const topic = await made('/edj/v1/topics', { name: 'ending' });
    await rig.store.transact(rig.project.id, (tx) => tx.insertOwnedDomain(owned));
    const proof = {
      seenAt: 1,
      checkedAt: 2,
      lostSince: 2,
      lostChecks: 1,
      ended: { at: 2, reason: 'lost' },
    } as const;
    meanwhile = () =>
      rig.store.transact(rig.project.id, (tx) => tx.releaseOwnedDomain(rig.project.id, owned.id, proof));
    const { status, json } = await rig.call('POST', '/mta/v1/domains', {
      domain: { self: `http://hikyaku.test/iam/v1/domains/${owned.id}` },
      default_topic: { self: topic.self },
    });
    assert.deepEqual([status, json.type], [409, '/problems/domain-not-verified']);
  });
  test('parallel changes of different fields of one resource are all kept', async () => {
    const client = await made('/iam/v1/api_clients', { name: 'fields', roles: [] });
    const topic = await made('/edj/v1/topics', { name: 'fields' });
    const owned = make.owned(rig.project, 'fields.test', { verifiedAt: 1 });
    const domain = make.domain(owned, { ...make.topic(rig.project), id: topic.id });
    await rig.store.transact(rig.project.id, (tx) => {
      tx.insertOwnedDomain(owned);
      tx.insertDomain(domain);
    });
    const cases: [path: string, bodies: readonly object[]][] = [
      [new URL(client.self).pathname, [{ name: 'renamed' }, { roles: ['reader'] }]],
      [
        `/mta/v1/domains/${domain.id}`,
        [
          { receiving: false },
          { limits: { per_minute: 7 } },
          { limits: { per_day: 9 } },
          { dkim: { rotation_days: null } },
        ],
      ],
      ['/mta/v1/settings', [{ retention_days: 7 }, { over_limit: 'hold' }, { retry_for_seconds: 7200 }]],
    ];
    for (const [path, bodies] of cases) {
      const answers = await Promise.all(bodies.map((body) => rig.call('PATCH', path, body)));
      assert.deepEqual(counted(answers), { 200: bodies.length });
      const { json } = await rig.call('GET', path);
      for (const body of bodies)
        for (const [name, value] of Object.entries(body))
          if (Array.isArray(value) || typeof value !== 'object') assert.deepEqual(json[name], value);
          else assert.deepEqual({ ...json[name], ...value }, json[name]);
    }
  });
});

test('what changes each time it is judged is refused after five times', async () => {
  let times = 0;
  await using rig: ApiRig = await openApiRig({
    transactor: {
      async transact(project, record, urgent) {
        await rig.store.transact(
          project,
          (tx) => {
            record(tx);
            times += 1;
            throw new StaleError('always');
          },
          urgent,
        );
      },
    },
  });
  const { status, json } = await rig.call('POST', '/iam/v1/api_clients', { name: 'x', roles: [] });
  assert.deepEqual([status, json.type], [409, '/problems/conflict']);
  assert.ok(times >= 5 && times <= 6, String(times));
});
