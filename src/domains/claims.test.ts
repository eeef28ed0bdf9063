/** Who gets a domain, and how it is lost, on a fake clock with DNS as a literal zone. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventContent } from '../contract/event-contents.ts';
import type { Domain } from '../mail/domain.ts';
import type { DomainId, OwnedDomainId, ProjectId, TopicId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import type { CheckingResolver } from '../runtime/resolver.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { createClaims, type OwnershipTx } from './claims.ts';
import type { DomainTx, MtaDomain, RemovedDomain } from './mta-domains.ts';
import { challengeRecord, type Owned, type Proof } from './ownership.ts';
import { createOwnershipKeeper } from './ownership-keeper.ts';

const NAME = 'example.test' as Domain;
const DAY = 86_400_000;
const AT = `_hikyaku-challenge.${NAME}`;

function setUp(...owners: { project: string; verified: boolean; seen?: boolean }[]) {
  const clock = createFakeClock();
  const owned = new Map<string, Owned>(
    owners.map(({ project, verified, seen = verified }) => {
      const now = clock.now();
      const proof: Proof = { seenAt: now, checkedAt: now, lostSince: null, lostChecks: 0, ended: null };
      return [
        project,
        {
          id: `o-${project}` as OwnedDomainId,
          projectId: project as ProjectId,
          name: NAME,
          challenge: `token-${project}`,
          verifiedAt: verified ? now : null,
          proof: seen ? proof : null,
        },
      ];
    }),
  );
  const holder = owners.find(({ verified }) => verified)?.project;
  const set = new Map<string, MtaDomain>();
  if (holder !== undefined)
    set.set(NAME, {
      id: 'd' as DomainId,
      projectId: holder as ProjectId,
      name: NAME,
      defaultTopicId: 't' as TopicId,
      createdAt: 0,
    } as MtaDomain);
  const removed: RemovedDomain[] = [];
  const events: string[] = [];
  const cancelled: string[] = [];
  const change = (id: string, over: Partial<Owned>) => {
    for (const [key, one] of owned) if (one.id === id) owned.set(key, { ...one, ...over });
  };
  const transactor = {
    async transact(_project: ProjectId, record: (tx: DomainTx & OwnershipTx) => void) {
      record({
        verifyOwnedDomain: (_p: string, id: string, at: number, proof: Proof) =>
          change(id, { verifiedAt: at, proof }),
        noteProof: (_p: string, id: string, proof: Proof) => change(id, { proof }),
        releaseOwnedDomain: (_p: string, id: string, proof: Proof) => change(id, { verifiedAt: null, proof }),
        deleteDomain: () => void set.delete(NAME),
        insertRemovedDomain: (one: RemovedDomain) => void removed.push(one),
      } as unknown as DomainTx & OwnershipTx);
    },
  };
  const zones: Zone[] = [{}, {}];
  const publish = (...projects: string[]) => {
    const txt = projects.map((project) => `hikyaku-verification=token-${project}`);
    for (const zone of zones) zone[AT] = { txt };
  };
  const fail = (i: number) => {
    zones[i]![AT] = { fail: true };
  };
  const deps = {
    transactor,
    reader: {
      findDomain: async () => set.get(NAME) ?? null,
      verifiedOwner: async () => [...owned.values()].find(({ verifiedAt }) => verifiedAt !== null) ?? null,
      verifiedDomains: async () => [...owned.values()].filter(({ verifiedAt }) => verifiedAt !== null),
    },
    // Absences are kept for three hours.
    resolvers: zones.map((zone) => createZoneResolver(zone, { clock, negativeTtl: 10_800 })),
    clock,
    projectEvents: async (project: ProjectId) => ({
      record(_tx: unknown, name: string, content: object, { topic = null }: { topic?: unknown }) {
        const { problems = [] } = content as EventContent<'domain.dns_error'>;
        events.push([project, name, ...problems.map(({ status }) => status), topic].join(' '));
      },
    }),
    cancelQueued: (_p: ProjectId, id: DomainId, cause: string) => void cancelled.push(`${id}: ${cause}`),
  };
  return {
    clock,
    events,
    removed,
    cancelled,
    publish,
    fail,
    zones,
    of: (project: string) => owned.get(project)!,
    claim: (project: string) => createClaims(deps)(owned.get(project)!),
    keeper: () => createOwnershipKeeper({ ...deps, logger: silentLogger }),
  };
}

test('a domain nobody holds is proved by its own challenge, and the project is told', async () => {
  const s = setUp({ project: 'one', verified: false });
  assert.deepEqual(await s.claim('one'), {
    kind: 'absent',
    found: [],
    observedAt: s.clock.now(),
    authoritative: true,
  });
  s.publish('one');
  assert.equal((await s.claim('one')).kind, 'verified');
  assert.notEqual(s.of('one').verifiedAt, null);
  assert.deepEqual(s.events, ['one domain.verified ']);
});

test('the newcomer takes a domain over whose holder’s challenge is gone', async () => {
  const s = setUp({ project: 'holder', verified: true }, { project: 'new', verified: false });
  s.publish('new');
  assert.equal((await s.claim('new')).kind, 'verified');
  assert.deepEqual([s.of('holder').verifiedAt, s.of('holder').proof?.ended?.reason], [null, 'moved']);
  assert.deepEqual(
    s.removed.map(({ id, reason, projectId }) => [id, reason, projectId]),
    [['d', 'moved', 'holder']],
  );
  assert.deepEqual(s.events, ['holder domain.dns_error moved t', 'new domain.verified ']);
  assert.equal(s.cancelled.length, 1);
});

test('where both challenges are there nothing moves, and the record that must go is named', async () => {
  const s = setUp({ project: 'holder', verified: true }, { project: 'new', verified: false });
  s.publish('new', 'holder');
  const { name, value } = challengeRecord(s.of('holder'));
  assert.deepEqual(await s.claim('new'), { kind: 'held', record: { name, type: 'TXT', value } });
  s.publish('holder');
  assert.equal((await s.claim('new')).kind, 'absent');
  assert.deepEqual([s.of('new').verifiedAt, s.events, s.removed], [null, [], []]);
});

test('a resolver that still shows the holder’s challenge, or cannot tell, keeps the domain in place', async () => {
  const s = setUp({ project: 'holder', verified: true }, { project: 'new', verified: false });
  s.publish('new');
  s.zones[1]![AT] = { txt: ['hikyaku-verification=token-new', 'hikyaku-verification=token-holder'] };
  assert.equal((await s.claim('new')).kind, 'held');
  s.fail(1);
  assert.equal((await s.claim('new')).kind, 'failed');
  assert.notEqual(s.of('holder').verifiedAt, null);
});

test('a lost challenge is told after three days and ends the ownership after fourteen', async () => {
  const s = setUp({ project: 'one', verified: true });
  s.publish();
  const keeper = s.keeper();
  await keeper.start(new AbortController().signal);
  await s.clock.advance(2.9 * DAY);
  assert.deepEqual(s.events, []);
  await s.clock.advance(0.5 * DAY);
  assert.deepEqual(s.events, ['one domain.dns_error missing t']);
  await s.clock.advance(10 * DAY);
  assert.notEqual(s.of('one').verifiedAt, null, 'not before fourteen days');
  await s.clock.advance(3 * DAY);
  assert.deepEqual([s.of('one').verifiedAt, s.of('one').proof?.ended?.reason], [null, 'lost']);
  assert.deepEqual(s.events.slice(1), ['one domain.dns_error lost t']);
  assert.deepEqual([s.removed[0]?.reason, s.cancelled.length], ['lost', 1]);
  await keeper[Symbol.asyncDispose]();
  assert.equal(s.clock.pending, 0);
});

test('a failing DNS ends nothing, however long; a return clears the count and is told', async () => {
  const s = setUp({ project: 'one', verified: true });
  const keeper = s.keeper();
  await keeper.start(new AbortController().signal);
  for (const i of [0, 1]) s.fail(i);
  await s.clock.advance(60 * DAY);
  assert.deepEqual([s.of('one').proof?.lostChecks, s.events], [0, []]);
  s.publish();
  await s.clock.advance(5 * DAY);
  s.publish('one');
  await s.clock.advance(2 * DAY);
  assert.deepEqual(s.events, ['one domain.dns_error missing t', 'one domain.dns_recovered t']);
  assert.deepEqual([s.of('one').proof?.lostSince, s.of('one').proof?.lostChecks], [null, 0]);
  await keeper[Symbol.asyncDispose]();
});

test('a challenge that was never in DNS is not missed, but once seen it counts', async () => {
  const s = setUp({ project: 'one', verified: true, seen: false });
  const keeper = s.keeper();
  await keeper.start(new AbortController().signal);
  await s.clock.advance(30 * DAY);
  assert.deepEqual([s.of('one').proof, s.events], [null, []]);
  s.publish('one');
  await s.clock.advance(2 * DAY);
  assert.notEqual(s.of('one').proof, null);
  await keeper[Symbol.asyncDispose]();
});

test('names of one project without any answer do not stop the daily look at those of another', async () => {
  const clock = createFakeClock();
  const noted: string[] = [];
  const proof: Proof = { seenAt: 0, checkedAt: 0, lostSince: null, lostChecks: 0, ended: null };
  const owned = [...Array(150).keys(), 'last'].map(
    (i): Owned => ({
      id: `o-${i}` as OwnedDomainId,
      projectId: (i === 'last' ? 'other' : 'slow') as ProjectId,
      name: (i === 'last' ? NAME : `${i}.slow.test`) as Domain,
      challenge: 'token',
      verifiedAt: 0,
      proof,
    }),
  );
  const zone = createZoneResolver({ [AT]: { txt: ['hikyaku-verification=token'] } });
  const txt = (name: string) => (name.endsWith('slow.test') ? new Promise<never>(() => {}) : zone.txt(name));
  const silent: CheckingResolver = {
    ...zone,
    for: () => ({ ...zone, txt }),
    fresh: () => ({ ...zone, txt }),
    txt,
  };
  const keeper = createOwnershipKeeper({
    transactor: {
      async transact(_project: ProjectId, record: (tx: DomainTx & OwnershipTx) => void) {
        record({ noteProof: (_p: string, id: string) => noted.push(id) } as unknown as DomainTx &
          OwnershipTx);
      },
    },
    reader: {
      findDomain: async () => null,
      verifiedDomains: async (after, limit) => {
        const from = after === null ? 0 : owned.findIndex(({ id }) => id === after) + 1;
        return owned.slice(from, from + limit);
      },
    },
    resolvers: [silent],
    clock,
    logger: silentLogger,
    projectEvents: async () => ({ record: () => {} }),
    cancelQueued: () => {},
  });
  await keeper.start(new AbortController().signal);
  await clock.advance(31_000);
  assert.deepEqual(noted, ['o-last']);
  // Looks are still under way: they end with the service.
  await keeper[Symbol.asyncDispose]();
  assert.equal(clock.pending, 0);
});
