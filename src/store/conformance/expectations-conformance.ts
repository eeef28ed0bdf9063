/**
 * Conditions on rows: a row that is as it was read may be changed; if a row was changed or removed, the whole
 * transaction fails.
 */
import assert from 'node:assert/strict';
import type { DnsAccount } from '../../domains/dns-providers/provider.ts';
import type { Role } from '../../iam/projects.ts';
import { DEFAULT_SENDING } from '../../limits/usage.ts';
import type { Rule } from '../../rules/rules.ts';
import { INSTANCE } from '../../runtime/ids.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { StoreTx } from '../store.ts';
import type { WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function expectationsConformance(with_: WithStore): void {
  with_('expectations: a row that changed or is gone fails the transaction whole', async (store) => {
    const p = await make.withProject(store);
    const [t, other, marker] = [make.topic(p), make.topic(p, 'other'), make.topic(p, 'marker')];
    const c = make.client(p);
    const o = make.owned(p, 'example.com');
    const d = make.domain(o, t);
    const s = make.subscriber(other);
    const rule: Rule = {
      id: newId(),
      projectId: p.id,
      topicId: t.id,
      createdAt: NOW,
      family: 'event',
      domainId: d.id,
      names: ['delivered', 'bounced'],
    };
    const key = make.dkimKey(d, { state: 'pending' });
    const account: DnsAccount = {
      id: newId(),
      projectId: p.id,
      provider: 'cloudflare',
      name: 'account',
      settings: {},
      sealedSettings: Buffer.from('sealed'),
      createdAt: NOW,
    };
    const limits = { perMinute: 10, perDay: 100 };
    const settings = { ...DEFAULT_SENDING, retentionDays: 7 };
    const [owner, reader] = [make.member(), make.member({ email: 'reader@example.com' })];
    const membership = { projectId: p.id, memberId: reader.id, roles: ['reader'], createdAt: NOW };
    const role = { id: newId(), projectId: p.id, name: 'watcher', operations: [], createdAt: NOW } as Role;
    await store.transact(INSTANCE, (tx) => {
      for (const each of [owner, reader]) tx.insertMember(each);
    });
    await store.transact(p.id, (tx) => {
      tx.insertMembership({ ...membership, memberId: owner.id, roles: ['owner'] });
      tx.insertMembership(membership);
      tx.insertRole(role);
    });
    await store.transact(p.id, (tx) => {
      tx.insertApiClient(c);
      for (const each of [t, other, marker]) tx.insertTopic(each);
      tx.insertOwnedDomain(o);
      tx.insertDomain(d);
      tx.insertDkimKey(key);
      tx.insertDnsAccount(account);
      tx.insertSubscriber(s);
      tx.insertRule(rule);
    });
    await store.transact(p.id, (tx) => {
      tx.expectSendingSettings(p.id, null);
      tx.setSendingSettings(p.id, settings);
      tx.expectProjectLimits(p.id, null);
      tx.setProjectLimits(p.id, limits);
    });
    const cases: [string, (tx: StoreTx) => void, (tx: StoreTx) => void][] = [
      ['topic', (tx) => tx.expectTopic(other), (tx) => tx.updateTopic({ ...other, name: 'renamed' })],
      ['client', (tx) => tx.expectApiClient(c), (tx) => tx.updateApiClient({ ...c, roles: ['reader'] })],
      [
        "a client's roles",
        (tx) => tx.expectClientRoles({ ...c, roles: ['reader'] }),
        (tx) => tx.updateApiClient({ ...c, roles: ['sender'] }),
      ],
      ['domain', (tx) => tx.expectDomain(d), (tx) => tx.updateDomain({ ...d, limitPerDay: null })],
      ['owned domain', (tx) => tx.expectOwnedDomain(o), (tx) => tx.verifyOwnedDomain(p.id, o.id, NOW)],
      ['rule', (tx) => tx.expectRule(rule), (tx) => tx.updateRule({ ...rule, names: ['delivered'] })],
      ['subscriber', (tx) => tx.expectSubscriber(s), (tx) => tx.deleteSubscriber(p.id, s.id)],
      [
        'membership',
        (tx) => tx.expectMembership(membership),
        (tx) => tx.updateMembership({ ...membership, roles: ['admin'] }),
      ],
      [
        'role',
        (tx) => tx.expectRole(role),
        (tx) => tx.updateRole({ ...role, operations: ['mta.queues.list'] }),
      ],
      ['project', (tx) => tx.expectProject(p), (tx) => tx.renameProject(p.id, 'renamed')],
      [
        'settings',
        (tx) => tx.expectSendingSettings(p.id, settings),
        (tx) => tx.setSendingSettings(p.id, { ...settings, overLimit: 'hold' }),
      ],
      ['no settings', () => {}, () => {}],
      ['key', (tx) => tx.expectDkimKey(key), (tx) => tx.moveDkimKey({ ...key, seenSince: NOW }, 'pending')],
      [
        'account',
        (tx) => tx.expectDnsAccount(account),
        (tx) => tx.updateDnsAccount({ ...account, sealedSettings: Buffer.from('sealed anew') }),
      ],
      [
        'limits',
        (tx) => tx.expectProjectLimits(p.id, limits),
        (tx) => tx.setProjectLimits(p.id, { ...limits, perDay: 200 }),
      ],
      ['no limits', () => {}, () => {}],
    ];
    for (const [name, expected, change] of cases) {
      await store.transact(p.id, (tx) => {
        expected(tx);
        change(tx);
      });
      const none: Record<string, (tx: StoreTx) => void> = {
        'no settings': (tx) => tx.expectSendingSettings(p.id, null),
        'no limits': (tx) => tx.expectProjectLimits(p.id, null),
      };
      const late = none[name] ?? expected;
      await assert.rejects(
        store.transact(p.id, (tx) => {
          tx.updateTopic({ ...marker, name: `marked by ${name}` });
          late(tx);
        }),
        StaleError,
        name,
      );
    }
    assert.deepEqual(await store.read.topic(p.id, marker.id), marker);
  });
  with_('expectations: of a client that has its roles still, another name does not matter', async (store) => {
    const p = await make.withProject(store);
    const c = make.client(p);
    await store.transact(p.id, (tx) => tx.insertApiClient(c));
    const names = Array.from({ length: 20 }, (_, i) => `name ${i}`);
    await Promise.all(
      names.map((name) =>
        store.transact(p.id, (tx) => {
          tx.expectClientRoles(c);
          tx.updateApiClient({ projectId: p.id, id: c.id, name });
        }),
      ),
    );
    assert.deepEqual((await store.read.apiClient(p.id, c.id))?.roles, c.roles);
  });
  with_('expectations: a role goes or is granted, but not both', async (store) => {
    const p = await make.withProject(store);
    const roles = Array.from({ length: 20 }, (_, i): Role => {
      return { id: newId(), projectId: p.id, name: `role-${i}`, operations: [], createdAt: NOW };
    });
    await store.transact(p.id, (tx) => {
      for (const role of roles) tx.insertRole(role);
    });
    for (const [i, role] of roles.entries()) {
      const remove = () =>
        store.transact(p.id, (tx) => {
          tx.expectRole(role);
          tx.deleteRole(role);
        });
      const grant = () =>
        store.transact(p.id, (tx) => {
          tx.expectRole(role);
          tx.insertApiClient(make.client(p, { name: role.name, roles: [role.name] }));
        });
      const results = await Promise.allSettled(
        (i % 2 === 0 ? [remove, grant] : [grant, remove]).map((one) => one()),
      );
      assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    }
  });
  with_('expectations: a role is not made while somebody has its name', async (store) => {
    const p = await make.withProject(store);
    const c = make.client(p, { roles: ['lost'] });
    const role: Role = { id: newId(), projectId: p.id, name: 'lost', operations: [], createdAt: NOW };
    const insert = () =>
      store.transact(p.id, (tx) => {
        tx.expectUnheld(p.id, role.name);
        tx.insertRole(role);
      });
    await store.transact(p.id, (tx) => tx.insertApiClient(c));
    await assert.rejects(insert(), StaleError);
    await store.transact(p.id, (tx) => tx.updateApiClient({ projectId: p.id, id: c.id, roles: [] }));
    await insert();
    assert.deepEqual(await store.read.role(p.id, role.id), role);
  });
  with_('changes write what is given, and nothing else', async (store) => {
    const p = await make.withProject(store);
    const [t, o, c] = [make.topic(p), make.owned(p, 'example.com'), make.client(p)];
    const d = make.domain(o, t);
    const account: DnsAccount = {
      ...{ id: newId(), projectId: p.id, provider: 'cloudflare', name: 'account', createdAt: NOW },
      ...{ settings: {}, sealedSettings: Buffer.from('sealed') },
    };
    const member = make.member();
    await store.transact(p.id, (tx) => {
      tx.insertTopic(t);
      tx.insertOwnedDomain(o);
      tx.insertDomain(d);
      tx.insertApiClient(c);
      tx.insertDnsAccount(account);
      tx.insertMember(member);
    });
    const item = { status: 'ok', found: [], expected: [] } as const;
    const dns = { checkedAt: NOW, mx: item, spf: item, dkim: item, dmarc: item };
    const of = (row: { readonly id: string }) => ({ projectId: p.id, id: row.id as never });
    const changes: ((tx: StoreTx) => void)[] = [
      (tx) => tx.updateApiClient({ ...of(c), name: 'renamed' }),
      (tx) => tx.updateApiClient({ ...of(c), roles: ['sender'] }),
      (tx) => tx.updateApiClient(of(c)),
      (tx) => tx.noteDnsCheck(p.id, d.id, { dns, mxSeen: true, signs: true }),
      (tx) => tx.updateDomain({ ...of(d), receiving: false }),
      (tx) => tx.updateDomain({ ...of(d), limitPerDay: 7, dkimRotationDays: null }),
      (tx) => tx.updateDomain(of(d)),
      (tx) => tx.updateDnsAccount({ ...of(account), name: 'renamed' }),
      (tx) => tx.updateDnsAccount({ ...of(account), sealedSettings: Buffer.from('anew') }),
      (tx) => tx.updateDnsAccount(of(account)),
      (tx) => tx.updateMember(member.id, { name: 'renamed' }),
      (tx) => tx.updateMember(member.id, { language: 'en' }),
      (tx) => tx.updateMember(member.id, {}),
      (tx) => tx.setSendingSettings(p.id, { retentionDays: 7 }),
      (tx) => tx.setSendingSettings(p.id, { overLimit: 'hold' }),
      (tx) => tx.setSendingSettings(p.id, {}),
    ];
    for (const change of changes) await store.transact(p.id, change);
    const { read } = store;
    assert.deepEqual(await read.apiClient(p.id, c.id), { ...c, name: 'renamed', roles: ['sender'] });
    const domain = await read.domain(p.id, d.id);
    assert.deepEqual(
      [domain?.receiving, domain?.dkimEnabled, domain?.limitPerDay, domain?.dkimRotationDays],
      [false, true, 7, null],
    );
    const stored = await read.dnsAccount(p.id, account.id);
    assert.deepEqual([stored?.name, String(stored?.sealedSettings)], ['renamed', 'anew']);
    assert.deepEqual(await read.member(member.id), { ...member, name: 'renamed', language: 'en' });
    assert.deepEqual(await read.sendingSettings(p.id), {
      ...DEFAULT_SENDING,
      retentionDays: 7,
      overLimit: 'hold',
    });
    const gone = { projectId: p.id, id: newId() as never };
    const late: ((tx: StoreTx) => void)[] = [
      (tx) => tx.updateApiClient(gone),
      (tx) => tx.updateDomain({ ...gone, receiving: true }),
      (tx) => tx.updateDnsAccount(gone),
    ];
    for (const change of late) await assert.rejects(store.transact(p.id, change), StaleError);
  });
  with_('expectations: of two that read the same, one wins', async (store) => {
    const p = await make.withProject(store);
    const t = make.topic(p);
    await store.transact(p.id, (tx) => tx.insertTopic(t));
    const rename = (name: string) =>
      store.transact(p.id, (tx) => {
        tx.expectTopic(t);
        tx.updateTopic({ ...t, name });
      });
    const results = await Promise.allSettled([rename('first'), rename('second')]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.equal((await store.read.topic(p.id, t.id))?.name, 'first');
  });
}
