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
      ['project', (tx) => tx.expectProject(p), (tx) => tx.updateProject({ ...p, name: 'renamed' })],
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
