import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectEffects } from '../runtime/effects.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import type { LimitAlert, OverFacts, Span } from './alerts.ts';
import { createLimiter, type DomainLimits, type Limiter } from './limiter.ts';
import type { LimitTx, UsageBucket } from './usage.ts';

const PROJECT = 'p' as ProjectId;
const DOMAIN = 'd' as DomainId;
const NONE: DomainLimits = { limitPerMinute: null, limitPerDay: null };

function setUp(perMinute: number, perDay: number, stored: UsageBucket[] = [], told: Span[] = []) {
  const clock = createFakeClock();
  const exceeded: OverFacts[] = [];
  let noticed = 0;
  const hold = { until: Promise.resolve() };
  const limiter = createLimiter({
    clock,
    defaults: { perMinute, perDay },
    reader: {
      projectLimits: async () => null,
      async usage(_p, domain, width, since) {
        const found = domain === null ? stored.filter((b) => b.width === width && b.start >= since) : [];
        await hold.until;
        return found;
      },
      approachedWindows: async (_p, domain) => (domain === null ? told : []),
    },
    tellExceeded: async (_p, _d, over) => void exceeded.push(over),
    noticed: () => {
      noticed += 1;
    },
  });
  return { clock, limiter, exceeded, hold, noticed: () => noticed };
}
/** Writes what a reservation records into the store of `setUp`. */
function storing(stored: UsageBucket[]): LimitTx {
  return {
    addUsage(_project: ProjectId, domain: DomainId | null, second: number, n: number) {
      if (domain !== null) return;
      for (const width of [1, 60] as const) {
        const start = Math.floor(second / width) * width;
        const at = stored.findIndex((bucket) => bucket.width === width && bucket.start === start);
        const count = (at === -1 ? 0 : stored[at]!.count) + n;
        if (at === -1) stored.push({ width, start, count });
        else stored[at] = { width, start, count };
      }
    },
    noteLimitAlert() {},
    rearmLimitAlert() {},
  } as unknown as LimitTx;
}
async function kept(limiter: Limiter, n: number, stored: UsageBucket[]): Promise<void> {
  const reserved = await limiter.reserve(PROJECT, DOMAIN, NONE, n);
  assert.equal(reserved.kind, 'ok');
  if (reserved.kind === 'ok') collectEffects(() => reserved.record(storing(stored))).committed();
}
async function sent(limiter: Limiter, n: number, limits = NONE): Promise<boolean> {
  return (await limiter.reserve(PROJECT, DOMAIN, limits, n)).kind === 'ok';
}

test('no rolling minute ever holds more than the limit, and Retry-After is kept', async () => {
  const { clock, limiter } = setUp(10, 0);
  const at: number[] = [];
  for (let second = 0; second < 300; second++) {
    const answer = await limiter.reserve(PROJECT, DOMAIN, NONE, 1);
    if (answer.kind === 'ok') at.push(clock.now());
    else {
      assert.equal(answer.window, 'minute');
      await clock.advance(answer.retryAfterSeconds * 1000);
      assert.ok(await sent(limiter, 1), 'after Retry-After it fits');
      at.push(clock.now());
    }
    await clock.advance(700);
  }
  for (const start of at) assert.ok(at.filter((t) => t >= start && t < start + 60_000).length <= 10);
});

test('the day window counts too', async () => {
  const { clock, limiter } = setUp(0, 5);
  assert.ok(await sent(limiter, 5));
  await clock.advance(12 * 3600_000);
  assert.ok(!(await sent(limiter, 1)));
  await clock.advance(12 * 3600_000 + 61_000);
  assert.ok(await sent(limiter, 5));
});

test('a released reservation is given back, a committed one is not and is written', async () => {
  const { limiter } = setUp(2, 0);
  const first = await limiter.reserve(PROJECT, DOMAIN, NONE, 2);
  assert.equal(first.kind, 'ok');
  if (first.kind === 'ok') first.release();
  const second = await limiter.reserve(PROJECT, DOMAIN, NONE, 2);
  assert.equal(second.kind, 'ok');
  const written: unknown[] = [];
  if (second.kind === 'ok') {
    const tx = { addUsage: (...args: unknown[]) => written.push(args), noteLimitAlert() {} };
    collectEffects(() => second.record(tx as unknown as LimitTx)).committed();
    second.release();
  }
  assert.equal(written.length, 2);
  assert.ok(!(await sent(limiter, 1)));
});

test('commits that fail, ten in a row, use nothing up and tell of nothing', async () => {
  const { limiter, noticed } = setUp(10, 10);
  for (let i = 0; i < 10; i += 1) {
    const reserved = await limiter.reserve(PROJECT, DOMAIN, NONE, 10);
    assert.equal(reserved.kind, 'ok');
    if (reserved.kind !== 'ok') return;
    const tx = { addUsage() {}, noteLimitAlert() {} } as unknown as LimitTx;
    collectEffects(() => reserved.record(tx)).failed();
    reserved.release();
  }
  assert.equal((await limiter.usage(PROJECT, null, null)).perMinute.used, 0);
  assert.equal(noticed(), 0);
  assert.ok(await sent(limiter, 10));
});

test("a domain's own limit holds beside the project's", async () => {
  const { limiter } = setUp(100, 0);
  const limits = { limitPerMinute: 1, limitPerDay: null };
  assert.ok(await sent(limiter, 1, limits));
  const answer = await limiter.reserve(PROJECT, DOMAIN, limits, 1);
  assert.ok(answer.kind === 'over' && answer.scope === 'domain');
});

test('usage stored before a restart counts', async () => {
  const start = Math.floor(Date.UTC(2026, 0, 1) / 1000);
  const { limiter } = setUp(3, 0, [{ width: 1, start: start - 5, count: 3 }]);
  assert.ok(!(await sent(limiter, 1)));
  const { perMinute } = await limiter.usage(PROJECT, null, null);
  assert.deepEqual(perMinute, {
    used: 3,
    limit: 3,
    remaining: 0,
    roomAt: (start - 5 + 61) * 1000,
    firstLeavesAt: (start - 5 + 61) * 1000,
    emptyAt: (start - 5 + 61) * 1000,
  });
});

const SIX_DAYS = 6 * 24 * 3600_000;
test('what was counted while the clock was six days ahead refuses nothing once it is right, with and without a restart', async () => {
  const stored: UsageBucket[] = [];
  const { clock, limiter } = setUp(10, 20, stored);
  const restarted = () => setUp(10, 20, stored).limiter;
  clock.jump(SIX_DAYS);
  await kept(limiter, 10, stored);
  assert.ok(!(await sent(limiter, 1)), 'the limit holds while the clock is ahead');
  clock.jump(-SIX_DAYS);
  for (const each of [limiter, restarted()]) {
    const { perMinute, perDay } = await each.usage(PROJECT, null, null);
    assert.deepEqual([perMinute.used, perDay.used, perDay.emptyAt], [0, 0, null]);
    assert.ok(await sent(each, 10));
    const over = await each.reserve(PROJECT, DOMAIN, NONE, 1);
    assert.ok(over.kind === 'over' && over.retryAfterSeconds <= 61, 'what is sent now counts');
  }
  await clock.advance(SIX_DAYS);
  assert.ok(await sent(limiter, 10), 'nor when their time comes');
});
for (const [window, perMinute, perDay, by] of [
  ['minute', 5, 0, 2 * 24 * 3600_000],
  ['day', 0, 5, 2 * 24 * 3600_000],
  ['minute', 5, 0, 3600_000],
  ['minute', 5, 0, -3600_000],
  ['day', 0, 5, -SIX_DAYS],
] as const)
  test(`a clock that jumps by ${by} ms and returns forgets nothing of the ${window} at either end`, async () => {
    const stored: UsageBucket[] = [];
    const { clock, limiter } = setUp(perMinute, perDay, stored);
    await kept(limiter, 5, stored);
    clock.jump(by);
    await kept(limiter, 5, stored);
    clock.jump(-by);
    assert.ok(!(await sent(limiter, 1)), 'what was sent before the jump counts');
    clock.jump(by);
    assert.ok(!(await sent(limiter, 1)), 'what was sent during it counts there');
    clock.jump(-by);
    const { perMinute: minute, perDay: day } = await limiter.usage(PROJECT, null, null);
    assert.equal((window === 'minute' ? minute : day).used, 5);
  });
test('what is reserved and not committed counts across a jump, and is given back once', async () => {
  const { clock, limiter } = setUp(5, 0);
  const open = await limiter.reserve(PROJECT, DOMAIN, NONE, 3);
  clock.jump(-3_600_000);
  await limiter.usage(PROJECT, null, null);
  clock.jump(3_600_000);
  assert.ok(open.kind === 'ok');
  await open.release();
  assert.ok(await sent(limiter, 5));
  assert.ok(!(await sent(limiter, 1)));
});
test('what is reserved before a jump and committed after it leaves no room for a second limit', async () => {
  for (const by of [90_000, 600_000, 2 * 86_400_000]) {
    const stored: UsageBucket[] = [];
    const { clock, limiter } = setUp(10, 0, stored);
    const reserve = (n: number) => limiter.reserve(PROJECT, DOMAIN, NONE, n);
    const settle = (reserved: Awaited<ReturnType<typeof reserve>>) => {
      assert.ok(reserved.kind === 'ok');
      collectEffects(() => reserved.record(storing(stored))).committed();
    };
    const [first, second] = [await reserve(5), await reserve(5)];
    clock.jump(by);
    await limiter.usage(PROJECT, null, null);
    clock.jump(-by);
    assert.equal((await reserve(1)).kind, 'over', 'both are still counted');
    settle(first);
    clock.jump(by);
    await limiter.usage(PROJECT, null, null);
    settle(second);
    clock.jump(-by);
    assert.equal((await reserve(1)).kind, 'over', 'wherever the clock was when they were committed');
    assert.equal((await limiter.usage(PROJECT, null, null)).perMinute.used, 10);
  }
});
test('what is given back after a jump makes room for itself alone', async () => {
  const stored: UsageBucket[] = [];
  const { clock, limiter } = setUp(10, 0, stored);
  const open = await limiter.reserve(PROJECT, DOMAIN, NONE, 5);
  clock.jump(600_000);
  await limiter.usage(PROJECT, null, null);
  clock.jump(-600_000);
  const kept = await limiter.reserve(PROJECT, DOMAIN, NONE, 5);
  assert.ok(open.kind === 'ok' && kept.kind === 'ok');
  collectEffects(() => kept.record(storing(stored))).committed();
  await open.release();
  assert.ok(!(await sent(limiter, 6)));
  assert.ok(await sent(limiter, 5));
});
test('what is committed while the store is read again counts', async () => {
  const gate = Promise.withResolvers<void>();
  const stored: UsageBucket[] = [];
  const { clock, limiter, hold } = setUp(10, 0, stored);
  const open = await limiter.reserve(PROJECT, DOMAIN, NONE, 10);
  clock.jump(600_000);
  await limiter.usage(PROJECT, null, null);
  clock.jump(-600_000);
  hold.until = gate.promise;
  const later = limiter.reserve(PROJECT, DOMAIN, NONE, 1);
  await clock.advance(1);
  assert.ok(open.kind === 'ok');
  collectEffects(() => open.record({ ...storing([]) })).committed();
  gate.resolve();
  assert.equal((await later).kind, 'over');
});
test('Retry-After is never longer than the window, wherever the clock went', async () => {
  for (const by of [-SIX_DAYS, -3_600_000, -4_000, 4_000, 3_600_000, SIX_DAYS]) {
    for (const [perMinute, perDay, most] of [
      [1, 0, 61],
      [0, 1, 24 * 3600 + 60],
    ] as const) {
      const { clock, limiter } = setUp(perMinute, perDay);
      assert.ok(await sent(limiter, 1));
      clock.jump(by);
      await limiter.reserve(PROJECT, DOMAIN, NONE, 1);
      const over = await limiter.reserve(PROJECT, DOMAIN, NONE, 1);
      assert.ok(over.kind === 'over' && over.retryAfterSeconds >= 1 && over.retryAfterSeconds <= most);
      const { perMinute: minute, perDay: day } = await limiter.usage(PROJECT, null, null);
      const roomAt = (perMinute > 0 ? minute : day).roomAt;
      assert.ok(roomAt !== null && roomAt <= clock.now() + most * 1000);
    }
  }
});
test('a step back of a few seconds forgets nothing', async () => {
  const { clock, limiter } = setUp(3, 0);
  assert.ok(await sent(limiter, 3));
  clock.jump(-4_000);
  assert.ok(!(await sent(limiter, 1)));
});

/** Sends and commits; the alerts written with it. */
async function commit(limiter: Limiter, n: number, limits = NONE): Promise<(LimitAlert | 'rearmed')[]> {
  const notes: (LimitAlert | 'rearmed')[] = [];
  const reserved = await limiter.reserve(PROJECT, DOMAIN, limits, n);
  assert.equal(reserved.kind, 'ok');
  if (reserved.kind === 'ok') {
    const tx = {
      addUsage: () => {},
      noteLimitAlert: (alert: LimitAlert) => notes.push(alert),
      rearmLimitAlert: () => notes.push('rearmed'),
    };
    collectEffects(() => reserved.record(tx as unknown as LimitTx)).committed();
  }
  return notes;
}
test('nearness is told once at 80 % and again only after the window was below 70 %', async () => {
  const { clock, limiter, noticed } = setUp(10, 0);
  assert.deepEqual(await commit(limiter, 7), []);
  await clock.advance(30_000);
  const at = clock.now();
  assert.deepEqual(await commit(limiter, 1), [
    {
      projectId: PROJECT,
      domainId: null,
      window: 'minute',
      kind: 'approaching',
      at,
      used: 8,
      limit: 10,
      returnsAt: at + 31_000,
    },
  ]);
  assert.deepEqual(await commit(limiter, 2), []);
  // the first seven leave: 3 are left, well below
  await clock.advance(31_000);
  assert.deepEqual(await commit(limiter, 4), ['rearmed']);
  const [again] = await commit(limiter, 1);
  assert.ok(again !== 'rearmed' && again?.used === 8);
  assert.equal(noticed(), 2);
});
test('between 70 and 80 % nothing is told anew, and a restart remembers what was told', async () => {
  const start = Math.floor(Date.UTC(2026, 0, 1) / 1000);
  const { limiter } = setUp(10, 0, [{ width: 1, start: start - 5, count: 7 }], ['minute']);
  assert.deepEqual(await commit(limiter, 1), []);
  const fresh = setUp(10, 0, [{ width: 1, start: start - 5, count: 7 }]);
  assert.equal((await commit(fresh.limiter, 1)).length, 1);
});
test('what was reserved and not sent is not told of; the next that crosses is', async () => {
  const { limiter } = setUp(10, 0);
  const first = await limiter.reserve(PROJECT, DOMAIN, NONE, 9);
  if (first.kind === 'ok') first.release();
  assert.equal((await commit(limiter, 8)).length, 1);
});
test("a domain's nearness is told apart from the project's", async () => {
  const { limiter } = setUp(100, 0);
  const [alert] = await commit(limiter, 4, { limitPerMinute: 5, limitPerDay: null });
  assert.ok(alert !== 'rearmed' && alert?.domainId === DOMAIN && alert.limit === 5);
});
test("being over says what is used and by what; telling is the door's choice", async () => {
  const { limiter, exceeded } = setUp(3, 0);
  assert.ok(await sent(limiter, 2));
  const over = await limiter.reserve(PROJECT, DOMAIN, NONE, 2);
  assert.ok(over.kind === 'over');
  assert.deepEqual(exceeded, []);
  await over.tell();
  assert.deepEqual(exceeded, [
    { scope: 'project', window: 'minute', limit: 3, used: 2, retryAfterSeconds: over.retryAfterSeconds },
  ]);
});
