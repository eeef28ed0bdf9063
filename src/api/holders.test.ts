/**
 * Who may do what. The role matrix: each operation with each predefined role, without each permission that it needs,
 * and with these alone. Holders: nobody changes, removes, or makes keys for what may do more than the caller.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EXAMPLE, OWN_EXAMPLE } from '../contract/example-ids.ts';
import { nameOf, type OperationSpec } from '../contract/operation.ts';
import { OPERATIONS } from '../contract/operations/index.ts';
import { OPERATOR_PERMISSIONS, PERMISSIONS } from '../contract/permissions.ts';
import { operationsOf, ROLES } from '../iam/policy.ts';
import * as make from '../store/conformance/samples.ts';
import { type ApiRig, type Caller, openApiRig } from '../testing/api-rig.ts';
import { kindExamples } from './kinds.ts';

// biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes
type Json = any;
const IDS = { ...EXAMPLE, ...OWN_EXAMPLE };
const ALL = [...new Set([...PERMISSIONS, ...OPERATOR_PERMISSIONS])];
const LACKS = /operation-not-permitted/;

/** The permissions that the call with this body, and without a query, needs; those that it hands out come behind. */
function needs(
  { id, access = 'project', permission = id, permissions = [] }: OperationSpec,
  body: Json,
): string[] {
  if (access === 'account' || access === 'open') return [];
  const grant =
    typeof permission === 'object' && 'of' in permission
      ? permission.of[permission.in === 'body' ? body[permission.field] : 'false']!
      : permission;
  return [nameOf(grant), ...permissions];
}
const handsOut = (body: Json): string[] => [...operationsOf(body?.roles ?? body?.operations ?? [])];
const exampleOf = ({ body, examples = {} }: OperationSpec): Json =>
  body === undefined ? undefined : Object.values({ ...kindExamples(body), ...examples })[0]?.value;

describe('the role matrix', () => {
  let rig: ApiRig;
  const callers = new Map<string, Promise<Caller>>();
  before(async () => {
    const nothing = { queued: 0, deferred: 0, held: 0 };
    rig = await openApiRig({
      queue: {
        page: async () => ({ depth: nothing, lanes: [] }),
        dead: () => [],
        isActive: () => false,
      } as never,
      operate: async () => ({ matched: 0, changed: 0, inFlight: 0, suspension: null }) as never,
      limiter: { usage: async () => [] } as never,
    });
  });
  after(() => rig[Symbol.asyncDispose]());
  const holding = (roles: readonly string[]): Promise<Caller> => {
    const name = roles.join(' ');
    const known = callers.get(name) ?? rig.caller(`${callers.size} ${name}`.slice(0, 100), roles);
    callers.set(name, known);
    return known;
  };
  /** The answer's problem, if it is about what the caller may do. */
  async function refusal(
    operation: OperationSpec,
    body: Json,
    roles: readonly string[],
  ): Promise<string | null> {
    const path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
      name === 'id' && operation.projectOfPath ? rig.project.id : IDS[operation.params![name]!],
    );
    const { status, json } = await rig.call(operation.method, path, body, { as: await holding(roles) });
    return status === 403 ? `${json.type} ${json.detail}` : null;
  }

  for (const operation of OPERATIONS.filter(({ access }) => access !== 'open'))
    test(operation.id, async () => {
      const body = exampleOf(operation);
      const needed = needs(operation, body);
      const people = operation.people === true || operation.access === 'account';
      for (const [role, held] of Object.entries(ROLES)) {
        const lacking = [...needed, ...handsOut(body)].filter((one) => !held.has(one));
        const said = await refusal(operation, body, [role]);
        if (lacking.length > 0) assert.match(said ?? '', LACKS, role);
        else assert.equal(said?.split(' ')[0] ?? null, people ? '/problems/members-only' : null, role);
      }
      for (const missing of needed) {
        const said = await refusal(
          operation,
          body,
          ALL.filter((one) => one !== missing),
        );
        assert.match(said ?? '', LACKS);
        assert.match(said!, new RegExp(`operation ${missing.replaceAll('.', '\\.')}$`));
      }
      const alone = await refusal(operation, body, [...needed, ...handsOut(body)]);
      assert.equal(alone?.split(' ')[0] ?? null, people ? '/problems/members-only' : null);
    });
});

describe('a holder of more than the caller has', () => {
  let rig: ApiRig;
  let clerk: Caller;
  /** Everything about members, roles and keys, but not sending. */
  const CLERK = PERMISSIONS.filter((one) => one.startsWith('iam.') && one !== 'iam.projects.delete');
  before(async () => {
    rig = await openApiRig();
    clerk = await rig.caller('clerk', CLERK);
    await rig.store.transact(rig.project.id, (tx) => {
      for (const [name, operations] of Object.entries({
        strong: ['mta.domains.send'],
        weak: ['iam.roles.list'],
      }))
        tx.insertRole({ id: make.newId(), projectId: rig.project.id, name, operations, createdAt: 1 });
    });
  });
  after(() => rig[Symbol.asyncDispose]());

  /** Makes a holder of the roles of each kind; returns what can be done to it. */
  async function waysTo(roles: readonly string[]): Promise<[string, string, Json][]> {
    const { store, project } = rig;
    const { client } = await rig.caller(`holder ${make.newId()}`, roles);
    const key = make.key(client);
    const gone = make.client(project, { name: make.newId(), roles });
    const goneKey = make.key(gone);
    const invitation = make.invitation(project, { roles, hash: make.newId() });
    const people = [1, 2].map(() => make.member({ email: `${make.newId()}@x.test` }));
    await store.transact(project.id, (tx) => {
      tx.insertStaticKey(key);
      tx.insertApiClient(gone);
      tx.insertStaticKey(goneKey);
      tx.insertInvitation(invitation);
      for (const member of people) {
        tx.insertMember(member);
        tx.insertMembership({ projectId: project.id, memberId: member.id, roles, createdAt: 1 });
      }
    });
    return [
      ['PATCH', `/iam/v1/api_clients/${client.id}`, { name: `renamed ${make.newId()}` }],
      ['PATCH', `/iam/v1/api_clients/${client.id}`, { roles: roles.slice(0, 1) }],
      ['POST', `/iam/v1/api_clients/${client.id}/static_keys`, {}],
      ['DELETE', `/iam/v1/api_clients/${client.id}/static_keys/${key.id}`, undefined],
      ['DELETE', `/iam/v1/api_clients/${gone.id}`, undefined],
      ['DELETE', `/iam/v1/invitations/${invitation.id}`, undefined],
      ['PATCH', `/iam/v1/members/${people[0]!.id}`, { roles: ['iam.roles.list'] }],
      ['DELETE', `/iam/v1/members/${people[1]!.id}`, undefined],
    ];
  }
  const HOLDERS = {
    'a predefined role': ['sender'],
    'the role owner': ['owner'],
    'a single operation': ['mta.domains.send'],
    'a role of the project': ['weak', 'strong'],
    'permissions for the whole instance': ['operator'],
  };
  for (const [what, roles] of Object.entries(HOLDERS))
    test(`${what}: is neither changed nor removed, nor gets a key`, async () => {
      for (const [method, path, body] of await waysTo(roles)) {
        const { status, json } = await rig.call(method, path, body, { as: clerk });
        assert.deepEqual(
          [status, json?.type],
          [403, '/problems/operation-not-permitted'],
          `${method} ${path}`,
        );
        const still = await rig.call('GET', path.replace(/\/static_keys.*$/, ''));
        assert.equal(still.status, 200, `${method} ${path}`);
        assert.deepEqual(still.json.roles, roles);
      }
    });
  test('the same permissions, or fewer, are enough to be changed and removed', async () => {
    for (const roles of [['weak', 'iam.members.list'], CLERK.slice(0, 10), []])
      for (const [method, path, body] of await waysTo(roles)) {
        const { status, text } = await rig.call(method, path, body, { as: clerk });
        assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
      }
    for (const [method, path, body] of (await waysTo(['strong'])).slice(0, -2)) {
      const { status, text } = await rig.call(method, path, body);
      assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
    }
  });
  test('a role with more operations is neither changed nor removed', async () => {
    const { json } = await rig.call('GET', '/iam/v1/roles');
    const { self } = json.items.find(({ name }: Json) => name === 'strong');
    const path = new URL(self).pathname;
    for (const [method, body] of [
      ['PATCH', { operations: [] }],
      ['DELETE', undefined],
    ] as const)
      assert.equal((await rig.call(method, path, body, { as: clerk })).status, 403, method);
  });
  test('the last owner stays, whoever asks', async () => {
    const { json } = await rig.call('GET', '/iam/v1/members');
    const owners = json.items.filter(({ roles }: Json) => roles.includes('owner'));
    for (const [i, { self }] of owners.entries()) {
      const path = new URL(self).pathname;
      const { status, json: problem } = await rig.call('DELETE', path);
      const isLast = i === owners.length - 1;
      assert.deepEqual([status, problem?.type], isLast ? [409, '/problems/last-owner'] : [204, undefined]);
      if (!isLast) continue;
      const changed = await rig.call('PATCH', path, { roles: ['admin'] });
      assert.equal(changed.json.type, '/problems/last-owner');
    }
    assert.ok(owners.length > 0);
  });
});

describe('a holder that becomes stronger between the check and the commit', () => {
  const CLERK = PERMISSIONS.filter((one) => one.startsWith('iam.') && one !== 'iam.projects.delete');
  const WAYS = {
    client: ['PATCH', 'DELETE', 'POST key', 'DELETE key'],
    member: ['PATCH', 'DELETE'],
    invitation: ['DELETE'],
    role: ['PATCH', 'DELETE'],
  } as const;
  for (const change of ['its own roles', 'a role of the project that it has'] as const)
    test(`${change}: nothing is changed or removed, and no key is made`, async () => {
      const meanwhile: { once: (() => Promise<void>) | null } = { once: null };
      await using rig: ApiRig = await openApiRig({
        transactor: {
          async transact(...args) {
            const first = meanwhile.once;
            meanwhile.once = null;
            await first?.();
            return rig.store.transact(...args);
          },
        },
      });
      const { store, project } = rig;
      const clerk = await rig.caller('clerk', CLERK);
      for (const [kind, ways] of Object.entries(WAYS))
        for (const way of ways) {
          // An invitation is never changed, and a role has no roles.
          if (kind === (change === 'its own roles' ? 'invitation' : 'role')) continue;
          const custom = {
            ...{ id: make.newId<'role'>(), projectId: project.id, createdAt: 1 },
            ...{ name: `r${make.newId()}`, operations: ['iam.roles.list'] },
          };
          const roles = [custom.name];
          const client = make.client(project, { name: make.newId(), roles });
          const key = make.key(client);
          const member = make.member({ email: `${make.newId()}@x.test` });
          const membership = { projectId: project.id, memberId: member.id, roles, createdAt: 1 };
          const invitation = make.invitation(project, { roles, hash: make.newId() });
          await store.transact(project.id, (tx) => {
            tx.insertRole(custom);
            if (kind === 'role') return;
            tx.insertApiClient(client);
            tx.insertStaticKey(key);
            tx.insertMember(member);
            tx.insertMembership(membership);
            tx.insertInvitation(invitation);
          });
          meanwhile.once = () =>
            store.transact(project.id, (tx) => {
              if (change !== 'its own roles' || kind === 'role')
                return tx.updateRole({ ...custom, operations: ['mta.domains.send'] });
              tx.updateApiClient({ ...client, roles: ['sender'] });
              tx.updateMembership({ ...membership, roles: ['sender'] });
            });
          const path = {
            client: `/iam/v1/api_clients/${client.id}`,
            member: `/iam/v1/members/${member.id}`,
            invitation: `/iam/v1/invitations/${invitation.id}`,
            role: `/iam/v1/roles/${custom.id}`,
          }[kind as keyof typeof WAYS];
          const [method = '', ofKey] = way.split(' ');
          const isDelete = method === 'DELETE';
          const keys = ofKey === undefined ? '' : `/static_keys${isDelete ? `/${key.id}` : ''}`;
          const body = kind === 'role' ? { operations: [] } : ofKey ? {} : { roles: ['iam.roles.list'] };
          const said = await rig.call(method, path + keys, isDelete ? undefined : body, { as: clerk });
          assert.deepEqual(
            [said.status, said.json?.type],
            [403, '/problems/operation-not-permitted'],
            `${kind} ${way}`,
          );
          assert.equal((await rig.call('GET', path)).status, 200, `${kind} ${way}`);
          const left = await store.read.staticKeys(project.id, client.id, { limit: 9, cursor: null });
          assert.equal(left.items.length, kind === 'role' ? 0 : 1);
        }
    });
});
