/** The checker on a fake clock, a literal zone and a store of one map. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventContent } from '../contract/event-contents.ts';
import type { Domain } from '../mail/domain.ts';
import type { DomainId, OwnedDomainId, ProjectId, TopicId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import type { CheckingResolver, Resolver } from '../runtime/resolver.ts';
import { createSealer } from '../runtime/sealing.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { createChecker } from './checker.ts';
import type { DkimKey, DomainTx, MtaDomain } from './mta-domains.ts';

const PROJECT = 'p' as ProjectId;
const ID = 'd' as DomainId;
const HOUR = 3_600_000;
const KEY: DkimKey = {
  id: 'k' as DkimKey['id'],
  projectId: PROJECT,
  domainId: ID,
  selector: 's',
  algorithm: 'rsa-sha256',
  publicRecord: 'v=DKIM1; k=rsa; p=AAAA',
  sealedPrivateKey: Buffer.alloc(0),
  state: 'active',
  seenSince: null,
  changedAt: 0,
  createdAt: 0,
};
const GOOD: Zone = {
  'example.test': { mx: ['mx.host.test'], txt: ['v=spf1 include:_spf.host.test -all'] },
  's._domainkey.example.test': { txt: ['v=DKIM1; k=rsa; p=AAAA'] },
  '_spf.host.test': { txt: ['v=spf1 ip4:192.0.2.25 -all'] },
};
/** Questions about names that contain `slow` get no answer. */
function silentWhereSlow(resolver: CheckingResolver): CheckingResolver {
  const silent = (one: Resolver) =>
    Object.fromEntries(
      (['mx', 'a', 'aaaa', 'txt', 'ptr', 'cname', 'srv'] as const).map((type) => [
        type,
        (name: string) => (name.includes('slow') ? new Promise(() => {}) : one[type](name)),
      ]),
    ) as unknown as Resolver;
  return {
    ...silent(resolver),
    for: (project) => silent(resolver.for(project)),
    fresh: (project) => silent(resolver.fresh(project)),
  };
}
function setUp(over: Partial<MtaDomain> = {}, start: Zone = {}, negativeTtl: number | null = null) {
  const clock = createFakeClock();
  const domains = new Map<string, MtaDomain>();
  const add = (id: string, more: Partial<MtaDomain> = {}) =>
    domains.set(id, {
      id: id as DomainId,
      projectId: PROJECT,
      ownedDomainId: 'o' as OwnedDomainId,
      name: 'example.test' as Domain,
      defaultTopicId: 't' as TopicId,
      receiving: true,
      mxSeen: false,
      dkimEnabled: false,
      dkimRotationDays: null,
      limitPerMinute: null,
      limitPerDay: null,
      dns: null,
      createdAt: clock.now(),
      ...more,
    });
  add(ID, over);
  const zone: Zone = { ...start };
  const events: string[] = [];
  const resolver = createZoneResolver(zone, negativeTtl === null ? {} : { clock, negativeTtl });
  const checker = createChecker<DomainTx>({
    transactor: {
      async transact(_project, record) {
        record({
          noteDnsCheck(_p, id, { dns, mxSeen, signs }) {
            const domain = domains.get(id)!;
            domains.set(id, { ...domain, dns, mxSeen, dkimEnabled: signs || domain.dkimEnabled });
          },
        } as DomainTx);
      },
    },
    reader: {
      domain: async (_project, id) => domains.get(id) ?? null,
      dkimKeys: async () => [KEY],
      domainsForCheck: async (after, limit) =>
        [...domains.values()]
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .filter(({ id }) => after === null || id > after)
          .slice(0, limit),
    },
    resolver: silentWhereSlow(resolver),
    resolvers: [silentWhereSlow(resolver)],
    sealer: createSealer(Buffer.alloc(32)),
    random: createRandom(),
    expectations: {
      mxHosts: ['mx.host.test'],
      spfInclude: '_spf.host.test',
      submissionHost: 'smtp.host.test',
    },
    clock,
    logger: silentLogger,
    projectEvents: async () => ({
      record: (_tx: unknown, name: string, content: object) => {
        const { problems = [] } = content as EventContent<'domain.dns_error'>;
        events.push([name, ...problems.map(({ item }) => item)].join(' '));
      },
    }),
  });
  const become = (next: Zone) => {
    for (const name of Object.keys(zone)) delete zone[name];
    Object.assign(zone, next);
  };
  return {
    clock,
    domains,
    add,
    checker,
    events,
    become,
    resolver,
    domain: () => domains.get(ID)!,
    check: () => checker.checkNow(PROJECT, ID),
  };
}
const FAILING: Zone = { 'example.test': { fail: true }, 's._domainkey.example.test': { fail: true } };

test('records appear: MX seen, signing on, recovered; they go: error; a gap in DNS changes nothing', async () => {
  const { become, check, domain, events } = setUp();
  await check();
  assert.deepEqual(
    [domain().mxSeen, domain().dkimEnabled, domain().dns?.mx.status],
    [false, false, 'missing'],
  );
  assert.deepEqual(events, []);
  become(GOOD);
  await check();
  assert.deepEqual([domain().mxSeen, domain().dkimEnabled], [true, true]);
  become(FAILING);
  await check();
  assert.deepEqual([domain().mxSeen, domain().dkimEnabled, domain().dns?.mx.status], [true, true, 'error']);
  become({});
  await check();
  assert.deepEqual([domain().mxSeen, domain().dkimEnabled], [false, true]);
  become(FAILING);
  await check();
  become(GOOD);
  await check();
  assert.deepEqual(events, ['domain.dns_recovered', 'domain.dns_error mx spf dkim', 'domain.dns_recovered']);
});

test('a signing switch somebody turned off stays off, over failures too', async () => {
  const { become, check, domain, domains } = setUp({}, GOOD);
  await check();
  domains.set(ID, { ...domain(), dkimEnabled: false });
  await check();
  become(FAILING);
  await check();
  become(GOOD);
  await check();
  assert.equal(domain().dkimEnabled, false);
});

test('signing turns on when the very first check was unclear', async () => {
  const { become, check, domain } = setUp({}, FAILING);
  await check();
  become(GOOD);
  await check();
  assert.equal(domain().dkimEnabled, true);
});

test('a domain that counts as seen stays so until our MX is really seen; what a check saw is stored', async () => {
  const { become, check, domain, resolver, checker, clock } = setUp({ mxSeen: true });
  await checker.start(new AbortController().signal);
  await clock.advance(HOUR);
  assert.equal(resolver.queries.length, 0);
  const shown = await check();
  assert.equal(shown?.dns?.mx.status, 'missing');
  assert.deepEqual([domain().mxSeen, domain().dns?.mx.status], [true, 'missing']);
  assert.equal(domain().dns?.spf.status, 'missing');
  const asked = resolver.queries.length;
  await clock.advance(HOUR);
  assert.equal(resolver.queries.length, asked, 'no round looks at it');
  become({ ...GOOD, 'example.test': { txt: GOOD['example.test']!.txt! } });
  await check();
  assert.deepEqual([domain().mxSeen, domain().dns?.spf.status], [true, 'ok']);
  become(GOOD);
  await check();
  become({});
  await check();
  assert.equal(domain().mxSeen, false);
  await checker[Symbol.asyncDispose]();
});

test('the round: all domains soon, unfinished ones every ten minutes for three days, others every hour', async () => {
  const { add, clock, checker, domains, become, domain, resolver } = setUp();
  for (let i = 0; i < 250; i += 1) add(`n${String(i).padStart(3, '0')}`);
  await checker.start(new AbortController().signal);
  await clock.advance(10_000);
  await clock.advance(0);
  const looked = () => [...domains.values()].filter(({ dns }) => dns !== null).length;
  assert.ok(looked() < 50, `${looked()} at once`);
  await clock.advance(10_000);
  assert.equal(looked(), domains.size);
  for (const id of [...domains.keys()]) if (id !== ID) domains.delete(id);
  const asked = () => resolver.queries.filter((query) => query === 'mx example.test').length;
  const looks = async (ms: number) => {
    const before = asked();
    await clock.advance(ms);
    return asked() - before;
  };
  assert.equal(await looks(HOUR), 6);
  become(GOOD);
  await clock.advance(600_000);
  assert.equal(domain().dns?.mx.status, 'ok');
  const settled = domain().dns!.checkedAt;
  assert.equal(await looks(5 * HOUR), 5);
  assert.equal(domain().dns!.checkedAt, settled, 'nothing new is not written down at once');
  assert.equal(await looks(HOUR), 1);
  assert.equal(domain().dns!.checkedAt, settled + 6 * HOUR);
  become({});
  assert.equal(await looks(HOUR), 1);
  assert.equal(domain().dns!.checkedAt, settled + 7 * HOUR, 'what is new is');
  await checker[Symbol.asyncDispose]();
  assert.equal(clock.pending, 0);
});

test('a change is looked at at once, but for a domain that counts as seen', async () => {
  const { checker, clock, domain, become, domains, resolver, events } = setUp({}, GOOD);
  checker.changed(PROJECT, ID);
  await clock.advance(0);
  assert.equal(domain().dns?.mx.status, 'ok');
  become({});
  await checker.checkNow(PROJECT, ID);
  assert.equal(events.length, 1);
  const asked = resolver.queries.length;
  const seen = setUp({ mxSeen: true });
  seen.checker.changed(PROJECT, ID);
  await seen.checker[Symbol.asyncDispose]();
  assert.deepEqual([seen.resolver.queries.length, resolver.queries.length, domains.size], [0, asked, 1]);
});

test('an aborted or disposed checker is quiet', async () => {
  const { clock, checker, resolver } = setUp();
  const stop = new AbortController();
  await checker.start(stop.signal);
  stop.abort();
  await clock.advance(HOUR);
  assert.equal(resolver.queries.length, 0);
  assert.equal(clock.pending, 0);
  assert.equal(await checker.checkNow(PROJECT, 'other' as DomainId), null);
});

test('a record set after an early check is seen at the next press, however long its absence is kept', async () => {
  const { become, check, domain, clock } = setUp({}, {}, 10_800);
  const early = await check();
  assert.equal(early?.dns?.mx.status, 'missing');
  await clock.advance(60_000);
  become(GOOD);
  await check();
  const { mx, spf, dkim } = domain().dns!;
  assert.deepEqual([mx.status, spf.status, dkim.status], ['ok', 'ok', 'ok']);
  assert.deepEqual([domain().dns?.authoritative, domain().dns?.observedAt], [true, clock.now()]);
  // A wrong record is kept even longer than an absence.
  become({ ...GOOD, 'example.test': { mx: ['mx.elsewhere.test'], txt: [], ttl: 86_400 } });
  await check();
  assert.equal(domain().dns?.mx.status, 'wrong');
  become(GOOD);
  await check();
  assert.equal(domain().dns?.mx.status, 'ok');
});

test('a round takes nothing back because of a kept answer, and says how old its answers are', async () => {
  const { become, domain, domains, clock, checker, resolver, events } = setUp({}, {}, 10_800);
  // Somebody else's question, before the record was set, fills the cache.
  for (const name of ['mx', 'txt'] as const) await resolver[name]('example.test');
  await resolver.txt('s._domainkey.example.test');
  become(GOOD);
  await checker.start(new AbortController().signal);
  await clock.advance(20_000);
  assert.deepEqual([domain().dns?.mx.status, domain().mxSeen], ['ok', true], 'a domain that is being set up');
  domains.set(ID, { ...domain(), createdAt: clock.now() - 100 * HOUR });
  const from = clock.now();
  await clock.advance(6 * HOUR);
  assert.deepEqual([domain().mxSeen, events], [true, []]);
  assert.ok(domain().dns!.checkedAt > from);
  // An answer that was kept is as old as its question.
  assert.ok(domain().dns!.observedAt! <= domain().dns!.checkedAt);
  await checker[Symbol.asyncDispose]();
});

const SLOW_PROJECT = 'slow' as ProjectId;
const slowDomain = (name: string): Partial<MtaDomain> => ({ name: name as Domain, projectId: SLOW_PROJECT });

test('domains of one project without any answer do not stop the rounds of another project', async () => {
  const { add, domains, clock, checker } = setUp({}, GOOD);
  // More than a page of them come before the other project's domain.
  domains.delete(ID);
  for (let i = 0; i < 150; i += 1) add(`a${i}`, slowDomain(`${i}.slow.test`));
  add('z');
  await checker.start(new AbortController().signal);
  await clock.advance(11_000);
  assert.equal(domains.get('z')?.dns?.mx.status, 'ok');
  // The next rounds of the other project are at their time, too.
  domains.set('z', { ...domains.get('z')!, dns: null, mxSeen: false });
  await clock.advance(600_000);
  assert.equal(domains.get('z')?.dns?.mx.status, 'ok');
  const checked = [...domains.values()].filter(({ dns }) => dns?.mx.status === 'error');
  assert.ok(checked.length > 100, `${checked.length}`);
  await checker[Symbol.asyncDispose]();
  assert.equal(clock.pending, 0);
});

test('a check ends after 15 s; what is not known by then is unclear', async () => {
  // Only the names that the record includes are slow, one after the other.
  const includes = Array.from({ length: 9 }, (_, i) => `include:${i}.slow.test`).join(' ');
  const { check, clock, become, domain } = setUp({ name: 'example.test' as Domain });
  become({
    ...GOOD,
    'example.test': { mx: ['mx.host.test'], txt: [`v=spf1 include:_spf.host.test ${includes} -all`] },
    's._domainkey.example.test': { fail: true },
  });
  let done = false;
  const answer = check().finally(() => {
    done = true;
  });
  await clock.advance(14_999);
  assert.equal(done, false);
  await clock.advance(1);
  const dns = (await answer)?.dns;
  assert.deepEqual([dns?.mx.status, dns?.dkim.status], ['ok', 'error']);
  assert.equal(domain().dns?.mx.status, 'ok', 'it is stored');
  assert.equal(clock.pending, 0);
});

test('at the end of the service, checks end at once and store nothing', async () => {
  const { clock, checker, domain } = setUp({ ...slowDomain('a.slow.test'), projectId: PROJECT }, GOOD);
  const stop = new AbortController();
  await checker.start(stop.signal);
  await clock.advance(11_000);
  const asked = checker.checkNow(PROJECT, ID);
  await clock.advance(0);
  stop.abort();
  assert.equal((await asked)?.dns?.mx.status, 'error');
  await checker[Symbol.asyncDispose]();
  assert.equal(domain().dns, null);
  assert.equal(clock.pending, 0);
});
