/** MTA domains, DKIM keys and rules on every engine. */
import assert from 'node:assert/strict';
import type { RemovedDomain } from '../../domains/mta-domains.ts';
import type { EventRule, ReceiveRule, Rule } from '../../rules/rules.ts';
import { type Page, StaleError } from '../../runtime/transactor.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { NOW, newId } from './samples.ts';

export function domainsConformance(with_: WithStore): void {
  with_('domains, DKIM keys and rules', async (store) => {
    const p = await make.withProject(store);
    const o = make.owned(p, 'example.com');
    const t = make.topic(p);
    const d = make.domain(o, t);
    const k = make.dkimKey(d, { algorithm: 'ed25519-sha256' });
    const rule: ReceiveRule = {
      id: newId(),
      projectId: p.id,
      topicId: t.id,
      createdAt: NOW,
      family: 'incoming',
      domainId: d.id,
      type: 'account',
      localPart: 'info',
    };
    const own: EventRule = {
      id: newId(),
      projectId: p.id,
      topicId: t.id,
      createdAt: NOW,
      family: 'event',
      domainId: null,
      names: ['limit.exceeded'],
    };
    await store.transact(p.id, (tx) => {
      tx.insertOwnedDomain(o);
      tx.insertTopic(t);
      tx.insertDomain(d);
      tx.insertDkimKey(k);
      tx.insertRule(rule);
      tx.insertRule(own);
    });
    assert.deepEqual(await store.read.findDomain(d.name), d);
    assert.deepEqual(await store.read.dkimKeys(p.id, d.id), [k]);
    assert.deepEqual(await store.read.rules(p.id, d.id, 'incoming'), [rule]);
    assert.deepEqual(await store.read.rules(p.id, null, 'event'), [own]);
    assert.deepEqual(await store.read.rule(p.id, rule.id), rule);
    assert.deepEqual(await store.read.domainsForCheck(null, 5), [d]);
    assert.deepEqual(await store.read.domainsForCheck(d.id, 5), []);
    const item = { status: 'ok', expected: ['x'], found: ['x'] } as const;
    const dns = { checkedAt: NOW, mx: item, spf: item, dkim: item, dmarc: item };
    // If a person and a check write at the same time, each leaves the other's fields unchanged.
    await store.transact(p.id, (tx) => {
      tx.noteDnsCheck(p.id, d.id, { dns, mxSeen: true, signs: false });
      tx.updateDomain({ ...d, receiving: false });
    });
    const both = { ...d, receiving: false, dns, mxSeen: true };
    assert.deepEqual(await store.read.domain(p.id, d.id), both);
    await store.transact(p.id, (tx) => tx.noteDnsCheck(p.id, d.id, { dns, mxSeen: false, signs: true }));
    assert.deepEqual(await store.read.domain(p.id, d.id), { ...both, mxSeen: false, dkimEnabled: true });
    await store.transact(p.id, (tx) => tx.deleteDomain(p.id, d.id));
    assert.deepEqual(await store.read.dkimKeys(p.id, d.id), []);
    assert.equal(await store.read.rule(p.id, rule.id), null);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateDomain(d)),
      StaleError,
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.noteDnsCheck(p.id, d.id, { dns, mxSeen: true, signs: true })),
      StaleError,
    );
  });

  with_('domains: lists, changed rules, and deletes one by one', async (store) => {
    const p = await make.withProject(store);
    const o = make.owned(p, 'example.com');
    const [t, elsewhere] = [make.topic(p), make.topic(p, 'elsewhere')];
    const d = make.domain(o, t);
    const key = (selector: string) => make.dkimKey(d, { selector, state: 'pending' });
    const [gone, stays] = [key('a'), key('b')];
    const rule: ReceiveRule = {
      id: newId(),
      projectId: p.id,
      topicId: t.id,
      createdAt: NOW,
      family: 'incoming',
      domainId: d.id,
      type: 'all',
      localPart: null,
    };
    await store.transact(p.id, (tx) => {
      tx.insertOwnedDomain(o);
      for (const each of [t, elsewhere]) tx.insertTopic(each);
      tx.insertDomain(d);
      for (const each of [gone, stays]) tx.insertDkimKey(each);
      tx.insertRule(rule);
    });
    assert.deepEqual((await store.read.domains(p.id, ALL)).items, [d]);
    assert.deepEqual((await store.read.domains(newId(), ALL)).items, []);
    const changed: ReceiveRule = { ...rule, topicId: elsewhere.id, type: 'account', localPart: 'info' };
    await store.transact(p.id, (tx) => {
      tx.updateRule(changed);
      tx.deleteDkimKey(p.id, d.id, gone.id);
    });
    assert.deepEqual(await store.read.rules(p.id, d.id, 'incoming'), [changed]);
    assert.deepEqual(await store.read.dkimKeys(p.id, d.id), [stays]);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.insertDkimKey({ ...key('b') })),
      conflict('dkim_key.selector'),
    );
    const heir = key('b');
    await store.transact(p.id, (tx) => {
      tx.deleteDkimKey(p.id, d.id, stays.id);
      tx.insertDkimKey(heir);
    });
    assert.deepEqual(
      await store.read.dkimKeys(p.id, d.id),
      [heir],
      'a selector passes on in one transaction',
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateRule({ ...changed, localPart: null } as unknown as ReceiveRule)),
      conflict('check.rule_shape'),
    );
    await store.transact(p.id, (tx) => tx.deleteRule(p.id, rule.id));
    assert.deepEqual(await store.read.rules(p.id, d.id, 'incoming'), []);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.updateRule(changed)),
      StaleError,
    );
  });

  with_('rules in pages, newest first, by domain and family', async (store) => {
    const p = await make.withProject(store);
    const [t, o] = [make.topic(p), make.owned(p, 'example.com', { verifiedAt: NOW })];
    const d = make.domain(o, t);
    const base = { projectId: p.id, topicId: t.id };
    const rules = [3, 1, 2, 2, 2].map((at) => ({
      ...base,
      id: newId<'rule'>(),
      createdAt: NOW + at,
      family: 'outgoing' as const,
      domainId: d.id,
    }));
    const own = { ...base, id: newId<'rule'>(), createdAt: NOW, family: 'event' as const, domainId: null };
    await store.transact(p.id, (tx) => {
      tx.insertOwnedDomain(o);
      tx.insertTopic(t);
      tx.insertDomain(d);
      for (const rule of rules) tx.insertRule(rule);
      tx.insertRule({ ...own, names: ['bounced'] });
    });
    const found: string[] = [];
    for (let cursor: string | null = null; ; ) {
      const page: Page<Rule> = await store.read.rulePage(p.id, d.id, 'outgoing', { limit: 2, cursor });
      assert.ok(page.items.length <= 2 && page.cursors.length === page.items.length);
      found.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    const oldestFirst = await store.read.rules(p.id, d.id, 'outgoing');
    assert.deepEqual(found, oldestFirst.map(({ id }) => id).reverse());
    const page = (domain: typeof d.id | null, family: Rule['family'], cursor: string | null = null) =>
      store.read.rulePage(p.id, domain, family, { limit: 9, cursor });
    assert.deepEqual((await page(null, 'event')).items, [{ ...own, names: ['bounced'] }]);
    assert.deepEqual((await page(d.id, 'event')).items, []);
    assert.deepEqual((await page(d.id, 'outgoing', 'bm9uc2Vuc2U')).items, []);
  });
  with_('DKIM keys move from state to state, and only from the one they are in', async (store) => {
    const p = await make.withProject(store);
    const o = make.owned(p, 'example.com');
    const t = make.topic(p);
    const d = make.domain(o, t, { dkimRotationDays: null });
    const key = make.dkimKey(d, { state: 'pending' });
    await store.transact(p.id, (tx) => {
      tx.insertOwnedDomain(o);
      tx.insertTopic(t);
      tx.insertDomain(d);
      tx.insertDkimKey(key);
    });
    assert.equal((await store.read.domain(p.id, d.id))?.dkimRotationDays, null);
    assert.deepEqual(await store.read.dkimKeys(p.id, d.id), [key]);
    const seen = { ...key, seenSince: NOW + 1 };
    await store.transact(p.id, (tx) => tx.moveDkimKey(seen, 'pending'));
    assert.deepEqual(await store.read.dkimKeys(p.id, d.id), [seen]);
    const retired = {
      ...seen,
      state: 'retired' as const,
      changedAt: NOW + 2,
      sealedPrivateKey: Buffer.alloc(0),
    };
    await assert.rejects(
      store.transact(p.id, (tx) => tx.moveDkimKey(retired, 'retiring')),
      StaleError,
    );
    await assert.rejects(
      store.transact(p.id, (tx) => tx.moveDkimKey({ ...retired, domainId: newId() }, 'pending')),
      StaleError,
    );
    await store.transact(p.id, (tx) => tx.moveDkimKey(retired, 'pending'));
    assert.deepEqual(await store.read.dkimKeys(p.id, d.id), [retired]);
  });

  with_('what is left of removed domains, per project, the newest domain first', async (store) => {
    const p = await make.withProject(store);
    const other = await make.withProject(store, { name: 'two' });
    const removed = (reason: RemovedDomain['reason']): RemovedDomain => ({
      id: newId(),
      projectId: p.id,
      name: 'example.com' as RemovedDomain['name'],
      reason,
      createdAt: NOW,
      removedAt: NOW + 1,
    });
    // Ids of the same millisecond are in no particular order.
    const made = [removed('moved'), removed('deleted')].sort((a, b) => (a.id < b.id ? -1 : 1));
    const [first, second] = made as [RemovedDomain, RemovedDomain];
    await store.transact(p.id, (tx) => {
      tx.insertRemovedDomain(first);
      tx.insertRemovedDomain(second);
    });
    assert.deepEqual(await store.read.removedDomain(p.id, first.id), first);
    assert.equal(await store.read.removedDomain(other.id, first.id), null);
    const page = await store.read.removedDomains(p.id, { limit: 1, cursor: null });
    assert.deepEqual(page.items, [second]);
    const rest = await store.read.removedDomains(p.id, { limit: 1, cursor: page.nextCursor });
    assert.deepEqual([rest.items, rest.nextCursor], [[first], null]);
    assert.deepEqual((await store.read.removedDomains(other.id, ALL)).items, []);
  });
}
