/** DNS accounts, plans and the history of changes on every engine. */
import assert from 'node:assert/strict';
import type { DnsAccount, DnsChange, StoredPlan } from '../../domains/dns-providers/provider.ts';
import type { MtaDomain } from '../../domains/mta-domains.ts';
import type { Project } from '../../iam/projects.ts';
import { DAY_MS, MAX_RETENTION_DAYS } from '../../limits/usage.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { Store } from '../store.ts';
import { sweepAll } from './retention-conformance.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { idAt, NOW, newId } from './samples.ts';

const ZONE = { id: 'z', name: 'example.com' };
/** Octets that are not valid text, as TXT data may contain. */
const SET = {
  name: 'example.com',
  type: 'TXT',
  before: ['"a\\"b;c" "\\255\\000"'],
  after: ['"a\\"b;c" "\\255\\000"', '"v=spf1 -all"'],
  ttl: { before: 60, after: 60 },
} as const;

const account = (p: Project, over: Partial<DnsAccount> = {}): DnsAccount => ({
  id: newId(),
  projectId: p.id,
  provider: 'gehirn',
  name: 'dns',
  settings: { token_id: 't' },
  sealedSettings: Buffer.from([0, 255, 1]),
  createdAt: NOW,
  ...over,
});
const plan = (d: MtaDomain, a: DnsAccount, over: Partial<StoredPlan> = {}): StoredPlan => ({
  id: idAt(NOW),
  projectId: d.projectId,
  domainId: d.id,
  accountId: a.id,
  zone: ZONE,
  plan: {
    changes: [{ ...SET, purpose: 'spf', message: 'm', message_ja: '日本語' }],
    kept: [],
    conflicts: [],
    foreignMx: ['10 mx.example.net'],
  },
  createdAt: NOW,
  ...over,
});
const change = (d: MtaDomain, a: DnsAccount, over: Partial<DnsChange> = {}): DnsChange => ({
  id: idAt(NOW),
  projectId: d.projectId,
  domainId: d.id,
  accountId: a.id,
  kind: 'apply',
  undoes: null,
  zone: ZONE,
  changes: [SET],
  state: 'applying',
  done: null,
  cause: null,
  revert: null,
  actor: 'key k',
  createdAt: NOW,
  completedAt: null,
  ...over,
});
async function withDomain(store: Store): Promise<{ p: Project; d: MtaDomain; a: DnsAccount }> {
  const p = await make.withProject(store);
  const o = make.owned(p, 'example.com');
  const t = make.topic(p);
  const d = make.domain(o, t);
  const a = account(p);
  await store.transact(p.id, (tx) => {
    tx.insertOwnedDomain(o);
    tx.insertTopic(t);
    tx.insertDomain(d);
    tx.insertDnsAccount(a);
  });
  return { p, d, a };
}

export function dnsAccountsConformance(with_: WithStore): void {
  with_('DNS accounts: made, listed, changed, removed; one name once in a project', async (store) => {
    const { p, a } = await withDomain(store);
    assert.deepEqual(await store.read.dnsAccount(p.id, a.id), a);
    assert.equal(await store.read.dnsAccount(newId(), a.id), null);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.insertDnsAccount(account(p))),
      conflict('dns_account.name'),
    );
    const other = account(p, { name: 'other', provider: 'route53' });
    await store.transact(p.id, (tx) => tx.insertDnsAccount(other));
    const first = await store.read.dnsAccounts(p.id, { limit: 1, cursor: null });
    assert.deepEqual(first.items, [other]);
    assert.deepEqual((await store.read.dnsAccounts(p.id, { limit: 1, cursor: first.nextCursor })).items, [a]);
    const changed = { ...a, name: 'new', settings: { token_id: 'u' }, sealedSettings: Buffer.from('x') };
    await store.transact(p.id, (tx) => tx.updateDnsAccount(changed));
    assert.deepEqual(await store.read.dnsAccount(p.id, a.id), changed);
    await store.transact(p.id, (tx) => tx.deleteDnsAccount(p.id, a.id));
    assert.equal(await store.read.dnsAccount(p.id, a.id), null);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateDnsAccount(changed)),
      StaleError,
    );
  });

  with_('DNS plans: used once, pruned by age, gone with their account', async (store) => {
    const { p, d, a } = await withDomain(store);
    const [one, two, old] = [plan(d, a), plan(d, a), plan(d, a, { createdAt: NOW - 1 })];
    await store.transact(p.id, (tx) => {
      for (const each of [one, two, old]) tx.insertDnsPlan(each);
    });
    assert.deepEqual(await store.read.dnsPlan(p.id, d.id, one.id), one);
    assert.equal(await store.read.dnsPlan(p.id, newId(), one.id), null);
    await store.transact(p.id, (tx) => tx.pruneDnsPlans(p.id, d.id, NOW));
    assert.equal(await store.read.dnsPlan(p.id, d.id, old.id), null);
    await store.transact(p.id, (tx) => tx.useDnsPlan(p.id, d.id, one.id));
    await assert.rejects(
      store.transact(p.id, (tx) => {
        tx.useDnsPlan(p.id, d.id, one.id);
        tx.insertDnsChange(change(d, a));
      }),
      StaleError,
    );
    assert.deepEqual((await store.read.dnsChanges(p.id, d.id, ALL)).items, []);
    await store.transact(p.id, (tx) => tx.deleteDnsAccount(p.id, a.id));
    assert.equal(await store.read.dnsPlan(p.id, d.id, two.id), null);
  });

  with_('DNS changes: a history that outlives account and domain', async (store) => {
    const { p, d, a } = await withDomain(store);
    const begun = change(d, a, { id: idAt(NOW) });
    await store.transact(p.id, (tx) => tx.insertDnsChange(begun));
    assert.deepEqual(await store.read.dnsChange(p.id, d.id, begun.id), begun);
    assert.equal(await store.read.dnsChange(newId(), d.id, begun.id), null);
    assert.equal(await store.read.dnsChange(p.id, newId(), begun.id), null);
    const over: DnsChange = {
      ...begun,
      state: 'partial',
      done: [{ name: 'example.com', type: 'TXT' }],
      cause: 'no answer',
      revert: '{"to":"v1"}',
      completedAt: NOW + 5,
    };
    const undo = change(d, a, {
      id: idAt(NOW + 1),
      kind: 'undo',
      undoes: begun.id,
      state: 'applied',
      done: [],
      completedAt: NOW,
    });
    await store.transact(p.id, (tx) => {
      tx.updateDnsChange(over);
      tx.insertDnsChange(undo);
    });
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateDnsChange({ ...over, completedAt: null })),
      conflict('check.dns_change_over'),
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateDnsChange({ ...over, id: newId() })),
      StaleError,
    );
    await store.transact(p.id, (tx) => {
      tx.deleteDomain(p.id, d.id);
      tx.deleteDnsAccount(p.id, a.id);
    });
    const first = await store.read.dnsChanges(p.id, d.id, { limit: 1, cursor: null });
    assert.deepEqual(first.items, [undo]);
    assert.deepEqual(
      (await store.read.dnsChanges(p.id, d.id, { limit: 9, cursor: first.nextCursor })).items,
      [over],
    );
  });

  with_('DNS plans are kept for a day, changes as long as anything may be', async (store) => {
    const { p, d, a } = await withDomain(store);
    const [made, begun] = [plan(d, a), change(d, a)];
    await store.transact(p.id, (tx) => {
      tx.insertDnsPlan(made);
      tx.insertDnsChange(begun);
    });
    await sweepAll(store, NOW + DAY_MS);
    assert.deepEqual(await store.read.dnsPlan(p.id, d.id, made.id), made);
    await sweepAll(store, NOW + DAY_MS + 1);
    assert.equal(await store.read.dnsPlan(p.id, d.id, made.id), null);
    await sweepAll(store, NOW + MAX_RETENTION_DAYS * DAY_MS);
    assert.deepEqual(await store.read.dnsChange(p.id, d.id, begun.id), begun);
    await sweepAll(store, NOW + MAX_RETENTION_DAYS * DAY_MS + 1);
    assert.equal(await store.read.dnsChange(p.id, d.id, begun.id), null);
  });
}
