/** Steps of keys, and 24 days of a domain whose DNS takes up to five days to be the same everywhere. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventContent } from '../contract/event-contents.ts';
import type { Domain } from '../mail/domain.ts';
import { readHeaderSection } from '../mail/headers.ts';
import type { DkimKeyId, DomainId, OwnedDomainId, ProjectId, TopicId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import type { CheckingResolver, Resolver } from '../runtime/resolver.ts';
import { createSealer } from '../runtime/sealing.ts';
import { StaleError } from '../runtime/transactor.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { hashHere } from '../verify/body-hash.ts';
import { signDkim } from '../verify/sign.ts';
import { verifyMessage } from '../verify/verify-message.ts';
import { CHECK_MS, createChecker } from './checker.ts';
import { delegationTarget, dkimName, keyRecord, waitingNames } from './delegation.ts';
import { makeDkimKeys, openDkimKeys } from './dkim-keys.ts';
import type { DkimKey, DnsCheck, DomainTx, MtaDomain } from './mta-domains.ts';
import { dueForRotation, RETIRE_MS, SETTLE_MS, type Sighting, stepKeys } from './rotation.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NAME = 'example.test' as Domain;
const KEY: DkimKey = {
  id: 'old' as DkimKeyId,
  projectId: 'p' as ProjectId,
  domainId: 'd' as DomainId,
  selector: 'old',
  algorithm: 'rsa-sha256',
  publicRecord: 'v=DKIM1; k=rsa; p=AAAA',
  sealedPrivateKey: Buffer.from('sealed'),
  state: 'active',
  seenSince: null,
  changedAt: 0,
  createdAt: 0,
};
const NEW: DkimKey = { ...KEY, id: 'new' as DkimKeyId, selector: 'new', state: 'pending' };
const seen = (ttl = 300): [string, Sighting][] => [['new', { kind: 'seen', ttl }]];
const step = (keys: readonly DkimKey[], sightings: [string, Sighting][], now: number) =>
  stepKeys(keys, new Map(sightings), now).map(
    ({ key, from }) => `${key.id} ${from} ${key.state} ${key.seenSince}`,
  );

test('a successor settles while it is seen without a break, and takes over together with the retiring of the old one', () => {
  const waiting = { ...NEW, seenSince: 1000 };
  assert.deepEqual(step([KEY, NEW], seen(), 1000), ['new pending pending 1000']);
  assert.deepEqual(step([KEY, waiting], seen(), 1000 + SETTLE_MS - 1), []);
  assert.deepEqual(step([KEY, waiting], [['new', { kind: 'unclear' }]], 1000 + SETTLE_MS), []);
  assert.deepEqual(step([KEY, waiting], [['new', { kind: 'absent' }]], 1000 + SETTLE_MS), [
    'new pending pending null',
  ]);
  assert.deepEqual(step([KEY, waiting], seen(), 1000 + SETTLE_MS), [
    'new pending active 1000',
    'old active retiring null',
  ]);
  assert.deepEqual(step([KEY, waiting], seen((2 * SETTLE_MS) / 1000), 1000 + SETTLE_MS), [], 'a long TTL');
  assert.deepEqual(step([KEY, { ...waiting, seenSince: 9000 }], seen(), 8000), ['new pending pending 8000']);
});

test('keys of the other algorithm stay, and of two successors one takes over', () => {
  const ed = { ...KEY, id: 'ed' as DkimKeyId, algorithm: 'ed25519-sha256' as const };
  const two = { ...NEW, id: 'two' as DkimKeyId, seenSince: 0 };
  const moved = step(
    [KEY, ed, { ...NEW, seenSince: 0 }, two],
    [...seen(), ['two', { kind: 'seen', ttl: 1 }]],
    SETTLE_MS,
  );
  assert.deepEqual(moved, ['new pending active 0', 'old active retiring null']);
});

test('where nothing signs with its algorithm, a key signs as soon as it is seen', () => {
  const ed = { ...KEY, id: 'ed' as DkimKeyId, algorithm: 'ed25519-sha256' as const };
  assert.deepEqual(step([ed, NEW], seen(), 5000), ['new pending active 5000']);
  const retiring = { ...KEY, state: 'retiring' as const, changedAt: 4000 };
  assert.deepEqual(step([retiring, NEW], seen(), 5000), ['new pending active 5000']);
  assert.deepEqual(step([NEW], [['new', { kind: 'absent' }]], 5000), []);
});

test('a retiring key leaves after its time, and its private half is gone', () => {
  const retiring = { ...KEY, state: 'retiring' as const, changedAt: 500 };
  assert.deepEqual(stepKeys([retiring], new Map(), 500 + RETIRE_MS - 1), []);
  const [move] = stepKeys([retiring], new Map(), 500 + RETIRE_MS);
  assert.deepEqual(
    [move?.key.state, move?.key.sealedPrivateKey.length, move?.from],
    ['retired', 0, 'retiring'],
  );
});

test('rotation is due by age, never twice at a time, never where it is off', () => {
  assert.deepEqual(dueForRotation([KEY], 180, 180 * DAY), [KEY]);
  assert.deepEqual(dueForRotation([KEY], 180, 180 * DAY - 1), []);
  assert.deepEqual(dueForRotation([KEY, NEW], 180, 180 * DAY), []);
  assert.deepEqual(dueForRotation([KEY], null, 1000 * DAY), []);
});

const WAYS = [
  { way: 'TXT records', days: 24, every: 1, zone: null, rotationDays: 180 },
  // So long that both names of each algorithm have had two keys.
  { way: 'CNAME records set once', days: 88, every: 6, zone: 'dkim.host.test', rotationDays: 20 },
] as const;
for (const { way, days: length, every, zone: dkimZone, rotationDays } of WAYS)
  test(`${length} days of rotation by ${way}: mail signed all the time verifies in every view of DNS, then and a week later`, async () => {
    const clock = createFakeClock();
    const start = clock.now();
    const [random, sealer] = [createRandom(), createSealer(Buffer.alloc(32, 7))];
    const [projectId, domainId] = ['p' as ProjectId, 'd' as DomainId];
    const made = await makeDkimKeys({ random, sealer, clock }, { projectId, domainId }, dkimZone !== null);
    // Their time is over after the first day.
    let keys: readonly DkimKey[] = made.map((key) => ({
      ...key,
      changedAt: start - (rotationDays - 1) * DAY,
    }));
    let domain: MtaDomain = {
      id: domainId,
      projectId,
      ownedDomainId: 'o' as OwnedDomainId,
      name: NAME,
      defaultTopicId: 't' as TopicId,
      receiving: true,
      mxSeen: true,
      dkimEnabled: true,
      dkimRotationDays: rotationDays,
      limitPerMinute: null,
      limitPerDay: null,
      dns: null,
      createdAt: start - 180 * DAY,
    };
    /** What the customer has published, and since when. */
    const history: { at: number; zone: Zone }[] = [];
    const publish = (records: Readonly<Record<string, string>>) =>
      history.push({
        at: clock.now(),
        zone: {
          '_spf.host.test': { txt: ['v=spf1 ip4:192.0.2.25 -all'] },
          [NAME]: { mx: ['mx.host.test'], txt: ['v=spf1 include:_spf.host.test -all'] },
          ...Object.fromEntries(
            Object.entries(records).map(([name, text]) => [
              name,
              dkimZone === null ? { txt: [text] } : { cname: text },
            ]),
          ),
        },
      });
    let records: Record<string, string> = {};
    const put = (key: DkimKey) => {
      const { name, value } = keyRecord(key, NAME, dkimZone);
      records = { ...records, [name]: value };
    };
    for (const key of keys) put(key);
    for (const { name, value } of waitingNames(keys, NAME, dkimZone)) records[name] = value;
    publish(records);
    history[0]!.at = start - 10 * DAY;
    /** DNS as someone sees it who is `behind` ms late. */
    function view(behind: number): CheckingResolver {
      const at = () =>
        createZoneResolver({
          ...history.findLast((one) => one.at <= clock.now() - behind)?.zone,
          // What the service itself says is never late.
          ...Object.fromEntries(
            keys
              .filter(({ state }) => state !== 'retired')
              .map((key) => [
                delegationTarget(key, NAME, dkimZone) ?? 'none.test',
                { txt: [key.publicRecord] },
              ]),
          ),
        });
      const resolver: Resolver = {
        mx: (name) => at().mx(name),
        a: (name) => at().a(name),
        aaaa: (name) => at().aaaa(name),
        txt: (name) => at().txt(name),
        ptr: (name) => at().ptr(name),
        cname: (name) => at().cname(name),
        srv: (name) => at().srv(name),
      };
      return { ...resolver, for: () => resolver, fresh: () => view(0) };
    }
    const views = [0, 7 * HOUR, 2 * DAY, 5 * DAY].map(view);
    const stages: { stage: string; selector: string; day: number }[] = [];
    const transactor = {
      async transact(_project: ProjectId, record: (tx: DomainTx) => void) {
        let next = keys;
        record({
          noteDnsCheck: (
            _p: ProjectId,
            _id: DomainId,
            { dns, mxSeen }: { dns: DnsCheck; mxSeen: boolean },
          ) => {
            domain = { ...domain, dns, mxSeen };
          },
          insertDkimKey: (key: DkimKey) => {
            assert.ok(!next.some(({ selector }) => selector === key.selector), 'one key to a selector');
            next = [...next, key];
          },
          moveDkimKey: (key: DkimKey, from: string) => {
            if (next.find(({ id }) => id === key.id)?.state !== from) throw new StaleError();
            next = next.map((one) => (one.id === key.id ? key : one));
          },
          deleteDkimKey: (_p: ProjectId, _d: DomainId, id: DkimKeyId) => {
            next = next.filter((one) => one.id !== id);
          },
        } as unknown as DomainTx);
        keys = next;
      },
    };
    let underWay = 0;
    const checker = createChecker<DomainTx>({
      transactor,
      reader: {
        domain: async () => domain,
        dkimKeys: async () => keys,
        domainsForCheck: async (after) => (after === null ? [domain] : []),
      },
      resolver: views[0]!,
      // Those the service asks are not the slowest of the world.
      resolvers: [views[0]!, views[1]!],
      expectations: {
        mxHosts: ['mx.host.test'],
        spfInclude: '_spf.host.test',
        submissionHost: 'smtp.host.test',
        dkimZone,
      },
      sealer,
      random,
      clock: {
        ...clock,
        now: clock.now,
        // A check lasts from the making of its time limit to its end; keys are made in real time, in which this clock stands.
        after(ms, callback) {
          if (ms !== CHECK_MS) return clock.after(ms, callback);
          underWay += 1;
          return {
            cancel() {
              underWay -= 1;
            },
          };
        },
      },
      logger: silentLogger,
      projectEvents: async () => ({
        record(_tx: unknown, name: string, content: object) {
          assert.equal(name, 'dkim.rotated');
          const { stage, selector } = content as EventContent<'dkim.rotated'>;
          stages.push({ stage, selector, day: (clock.now() - start) / DAY });
        },
      }),
    });
    await checker.checkNow(projectId, domainId);
    await checker.start(new AbortController().signal);

    async function verifies(message: Buffer): Promise<void> {
      for (const [i, resolver] of views.entries()) {
        const { authentication } = await verifyMessage({
          message,
          section: readHeaderSection(message),
          hashBody: hashHere,
          share: projectId,
          peerAddress: '192.0.2.1',
          helo: 'mail.host.test',
          mailFrom: `a@${NAME}`,
          hostname: 'mx.test',
          resolver,
          now: clock.now(),
        });
        assert.deepEqual(
          authentication.dkim.map(({ result }) => result),
          ['pass', 'pass'],
          `view ${i} at day ${(clock.now() - start) / DAY}`,
        );
      }
    }
    const sent: Buffer[] = [];
    const published = new Set<string>();
    for (let hour = 0; hour < length * 24; hour += every) {
      for (let rounds = 0; rounds < every * 6; rounds += 1) {
        await clock.advance(HOUR / 6);
        while (underWay > 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // The customer does what the API says, eight hours late; with CNAME records there is nothing to do.
      if (hour % 8 === 0 && dkimZone === null) {
        for (const key of keys) {
          if (key.state === 'pending') put(key);
          if (key.state === 'retired') delete records[dkimName(key, NAME)];
        }
        const now = Object.keys(records).sort().join(' ');
        if (!published.has(now)) publish({ ...records });
        published.add(now);
      }
      const text = Buffer.from(`From: <a@${NAME}>\r\nSubject: hour ${hour}\r\n\r\nbody\r\n`);
      const ring = openDkimKeys(keys, sealer);
      assert.equal(ring.length, 2, 'signing never pauses');
      const field = await signDkim({ message: text, domain: NAME, keys: ring, now: clock.now() });
      const message = Buffer.concat([Buffer.from(field), text]);
      sent.push(message);
      await verifies(message);
      if (hour % 24 === 0 && hour >= 7 * 24) await verifies(sent[(hour - 7 * 24) / every]!);
    }
    await checker[Symbol.asyncDispose]();

    const days = (stage: string) => stages.filter((one) => one.stage === stage).map(({ day }) => day);
    if (dkimZone !== null) {
      assert.deepEqual([days('active').length, days('retired').length], [8, 6]);
      assert.deepEqual(
        stages.filter(({ stage }) => stage === 'active').map(({ selector }) => selector.slice(0, 3)),
        ['hk2', 'hk2', 'hk1', 'hk1', 'hk2', 'hk2', 'hk1', 'hk1'],
      );
      assert.deepEqual(history.length, 1, 'the customer never had to come back');
      assert.equal(keys.length, 4);
      return;
    }
    assert.deepEqual([days('pending').length, days('active').length, days('retired').length], [2, 2, 2]);
    assert.ok(
      Math.min(...days('active')) - Math.max(...days('pending')) >= 5,
      'not before all the world can know',
    );
    assert.ok(Math.max(...days('active')) <= 8, `taken over by day ${Math.max(...days('active'))}`);
    assert.ok(Math.max(...days('retired')) <= 21, `gone by day ${Math.max(...days('retired'))}`);
    const left = Object.keys(records);
    assert.deepEqual(left.length, 2, 'only the new records are left');
    assert.deepEqual(keys.map(({ state }) => state).sort(), ['active', 'active', 'retired', 'retired']);
  });
