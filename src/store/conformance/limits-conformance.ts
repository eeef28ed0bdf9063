/** Traffic over time, alerts about limits and requests for higher ones on every engine. */
import assert from 'node:assert/strict';
import type { LimitAlert } from '../../limits/alerts.ts';
import { approved, type LimitRequest, refused } from '../../limits/requests.ts';
import { readSeries, type Traffic } from '../../limits/traffic.ts';
import { DAY_MS, MAX_RETENTION_DAYS } from '../../limits/usage.ts';
import type { DomainId } from '../../runtime/ids.ts';
import { StaleError } from '../../runtime/transactor.ts';
import { sweepAll } from './retention-conformance.ts';
import { ALL, conflict, type WithStore } from './running.ts';
import * as make from './samples.ts';
import { idAt, NOW, newId } from './samples.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const NOTHING: Traffic = {
  accepted: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  expired: 0,
  held: 0,
  received: 0,
};
export function limitsConformance(with_: WithStore): void {
  with_(
    'limits: what is counted together and apart adds up, by minute, domain and project',
    async (store) => {
      const p = await make.withProject(store);
      const other = await make.withProject(store, { name: 'two' });
      const [a, b] = [newId<'mta-domain'>(), newId<'mta-domain'>()];
      const writes = Array.from({ length: 40 }, (_, i) =>
        store.transact(p.id, (tx) => {
          tx.addTraffic(p.id, i % 2 === 0 ? a : b, NOW + 59_999, { accepted: 2, held: 1 });
          tx.addTraffic(p.id, a, NOW + MINUTE, { delivered: 1 });
          // a transaction that fails adds nothing
          if (i === 7) tx.updateTopic(make.topic(p));
        }),
      );
      const results = await Promise.allSettled(writes);
      assert.equal(results.filter(({ status }) => status === 'rejected').length, 1);
      const at = NOW / 1000;
      assert.deepEqual(await store.read.traffic(p.id, null, 60, at), [
        { ...NOTHING, start: at, accepted: 78, held: 39 },
        { ...NOTHING, start: at + 60, delivered: 39 },
      ]);
      assert.deepEqual(await store.read.traffic(p.id, b, 60, 0), [
        { ...NOTHING, start: at, accepted: 38, held: 19 },
      ]);
      assert.deepEqual(await store.read.traffic(p.id, null, 60, at + 61), []);
      assert.deepEqual(await store.read.traffic(other.id, null, 60, 0), []);
      assert.deepEqual(await store.read.traffic(other.id, a, 60, 0), []);
    },
  );

  with_('limits: rolling up changes no series, whenever it is looked at, and is done once', async (store) => {
    const p = await make.withProject(store);
    const domains = [newId<'mta-domain'>(), newId<'mta-domain'>()];
    const now = NOW + 50 * HOUR + 7 * MINUTE;
    await store.transact(p.id, (tx) => {
      for (let at = NOW; at <= now; at += 7 * MINUTE)
        for (const domain of domains) tx.addTraffic(p.id, domain, at, { accepted: 1, received: 3 });
    });
    const series = async (domain: DomainId | null) => readSeries(store.read, p.id, domain, now);
    const [whole, one] = [await series(null), await series(domains[0]!)];
    assert.deepEqual(
      [whole.minutes.length, whole.hours.length, whole.days.length],
      [60, 48, 92],
      'what had nothing is there, too',
    );
    const sum = (points: readonly Traffic[]) => points.reduce((total, { accepted }) => total + accepted, 0);
    const counted = Math.floor((now - NOW) / (7 * MINUTE)) + 1;
    assert.equal(sum(whole.days), 2 * counted);
    assert.equal(sum(one.days), counted);
    assert.equal(whole.days.at(-1)!.start, NOW / 1000 + 2 * 86_400);
    assert.equal(whole.hours.at(-1)!.start, Math.floor(now / HOUR) * 3600);
    assert.equal(await store.read.trafficRolledTo(p.id), 0);
    const [first, second] = [NOW / 1000 + 5 * 3600, NOW / 1000 + 50 * 3600];
    await store.transact(p.id, (tx) => tx.rollUpTraffic(p.id, 0, first));
    assert.deepEqual([await series(null), await series(domains[0]!)], [whole, one]);
    const twice = await Promise.allSettled(
      [1, 2].map(() => store.transact(p.id, (tx) => tx.rollUpTraffic(p.id, first, second))),
    );
    assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await assert.rejects(
      store.transact(p.id, (tx) => tx.rollUpTraffic(p.id, 0, second)),
      StaleError,
    );
    assert.equal(await store.read.trafficRolledTo(p.id), second);
    assert.deepEqual([await series(null), await series(domains[0]!)], [whole, one]);
    assert.equal((await store.read.traffic(p.id, domains[0]!, 86_400, 0)).length, 2, 'days that are over');
    assert.equal((await store.read.traffic(p.id, domains[0]!, 3600, 0)).length, 50);
    // what was counted since is in the series at once
    await store.transact(p.id, (tx) => tx.addTraffic(p.id, domains[0]!, now, { accepted: 5 }));
    assert.equal(sum((await series(null)).hours), sum(whole.hours) + 5);
    assert.equal(sum((await series(null)).days), sum(whole.days) + 5);
  });

  with_('limits: traffic goes when it is shown no more, and never before it was rolled up', async (store) => {
    const p = await make.withProject(store);
    const domain = newId<'mta-domain'>();
    await store.transact(p.id, (tx) => tx.addTraffic(p.id, domain, NOW, { accepted: 4 }));
    const there = async () => {
      const lengths: number[] = [];
      for (const width of [60, 3600, 86_400] as const)
        lengths.push((await store.read.traffic(p.id, null, width, 0)).length);
      return lengths;
    };
    await sweepAll(store, NOW + 10 * DAY_MS);
    assert.deepEqual(await there(), [1, 0, 0], 'not rolled up');
    await store.transact(p.id, (tx) => tx.rollUpTraffic(p.id, 0, (NOW + 10 * DAY_MS) / 1000));
    assert.deepEqual(await there(), [1, 1, 1]);
    await sweepAll(store, NOW + 47 * HOUR);
    assert.deepEqual(await there(), [1, 1, 1], 'still shown');
    await sweepAll(store, NOW + 49 * HOUR);
    assert.deepEqual(await there(), [0, 1, 1]);
    await sweepAll(store, NOW + 91 * DAY_MS);
    assert.deepEqual(await there(), [0, 0, 1]);
    const { days } = await readSeries(store.read, p.id, null, NOW + 91 * DAY_MS);
    assert.equal(days[0]!.accepted, 4, 'the 92nd day');
    await sweepAll(store, NOW + 94 * DAY_MS);
    assert.deepEqual(await there(), [0, 0, 0]);
  });

  with_('limits: an alert is due until it is told, exceeded ones once a period', async (store) => {
    const p = await make.withProject(store);
    const domain = newId<'mta-domain'>();
    const alert = (over: Partial<LimitAlert> = {}): LimitAlert => ({
      projectId: p.id,
      domainId: null,
      window: 'minute',
      kind: 'approaching',
      at: NOW,
      used: 8,
      limit: 10,
      returnsAt: NOW + 1000,
      ...over,
    });
    const note = (one: LimitAlert) => store.transact(p.id, (tx) => tx.noteLimitAlert(one));
    const close = (one: LimitAlert) => store.transact(p.id, (tx) => tx.closeLimitAlert(one));
    const due = () => store.read.limitAlertsDue(10);
    await note(alert());
    assert.deepEqual(await due(), [alert()]);
    assert.deepEqual(await store.read.approachedWindows(p.id, null), ['minute']);
    assert.deepEqual(await store.read.approachedWindows(p.id, domain), []);
    await store.transact(p.id, (tx) => tx.rearmLimitAlert(p.id, null, 'minute'));
    assert.deepEqual(await due(), [alert()], 'what is due is told');
    await close(alert());
    await assert.rejects(close(alert()), StaleError);
    assert.deepEqual(await due(), []);
    assert.deepEqual(await store.read.approachedWindows(p.id, null), ['minute']);
    await store.transact(p.id, (tx) => tx.rearmLimitAlert(p.id, null, 'minute'));
    assert.deepEqual(await store.read.approachedWindows(p.id, null), []);

    const over = alert({ domainId: domain, kind: 'exceeded', used: 10 });
    await note(over);
    await note({ ...over, at: NOW + 59_999, used: 11 });
    assert.deepEqual(await due(), [over], 'a second one within the minute is not told');
    await close(over);
    await note({ ...over, at: NOW + 59_999 });
    assert.deepEqual(await due(), []);
    await note({ ...over, at: NOW + MINUTE });
    assert.deepEqual(await due(), [{ ...over, at: NOW + MINUTE }]);
    const day = alert({ kind: 'exceeded', window: 'day' });
    await note(day);
    await note({ ...day, at: NOW + HOUR - 1 });
    assert.equal((await due()).find(({ window }) => window === 'day')?.at, NOW);
    assert.equal((await store.read.limitAlertsDue(1)).length, 1);
    assert.deepEqual(await store.read.approachedWindows(p.id, domain), [], 'only nearness is asked about');
  });

  with_('limits: one request is open per project; it is decided once; old ones go', async (store) => {
    const p = await make.withProject(store);
    const other = await make.withProject(store, { name: 'two' });
    const request = (of: typeof p, over: Partial<LimitRequest> = {}): LimitRequest => ({
      id: idAt(NOW),
      projectId: of.id,
      state: 'open',
      perMinute: 600,
      perDay: null,
      reason: 'growing',
      actor: 'api_client x',
      notify: 'asker@example.com',
      createdAt: NOW,
      decidedAt: null,
      decidedBy: null,
      grantedPerMinute: null,
      grantedPerDay: null,
      note: null,
      ...over,
    });
    const [mine, theirs] = [request(p), request(other)];
    const insert = (one: LimitRequest) => store.transact(one.projectId, (tx) => tx.insertLimitRequest(one));
    const decide = (one: LimitRequest) => store.transact(one.projectId, (tx) => tx.decideLimitRequest(one));
    await insert(mine);
    await insert(theirs);
    await assert.rejects(insert(request(p)), conflict('limit_request.open'));
    assert.deepEqual(await store.read.limitRequest(p.id, mine.id), mine);
    assert.equal(await store.read.limitRequest(p.id, theirs.id), null);
    assert.deepEqual(await store.read.findLimitRequest(theirs.id), theirs);
    assert.equal((await store.read.limitRequests(null, null, ALL)).items.length, 2);
    assert.deepEqual((await store.read.limitRequests(p.id, null, ALL)).items, [mine]);
    assert.deepEqual(
      [await store.read.countLimitRequests(null), await store.read.countLimitRequests(p.id)],
      [2, 1],
    );
    const by = { by: 'api_client op', at: NOW + 5, note: 'well' };
    const done = approved(mine, { perMinute: 400, perDay: null }, by);
    assert.equal(done.state, 'approved_in_part');
    await decide(done);
    await assert.rejects(decide(refused(mine, by)), StaleError);
    assert.deepEqual(await store.read.limitRequest(p.id, mine.id), done);
    assert.deepEqual((await store.read.limitRequests(null, 'open', ALL)).items, [theirs]);
    await insert(request(p));
    assert.equal((await store.read.limitRequests(p.id, null, ALL)).items.length, 2);
    await sweepAll(store, NOW + (MAX_RETENTION_DAYS + 1) * DAY_MS);
    assert.equal(await store.read.limitRequest(p.id, mine.id), null);
    assert.deepEqual(await store.read.findLimitRequest(theirs.id), theirs, 'an open one stays');
  });
}
