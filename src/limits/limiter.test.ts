import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createLimiter, type DomainLimits, type Limiter } from './limiter.ts';
import type { LimitTx, UsageBucket } from './types.ts';

const PROJECT = 'p' as ProjectId;
const DOMAIN = 'd' as DomainId;
const NONE: DomainLimits = { limitPerMinute: null, limitPerDay: null };

function setUp(perMinute: number, perDay: number, stored: UsageBucket[] = []) {
  const clock = createFakeClock();
  const limiter = createLimiter({
    clock,
    defaults: { perMinute, perDay },
    reader: {
      projectLimits: async () => null,
      usage: async (_p, domain, width, since) =>
        domain === null ? stored.filter((b) => b.width === width && b.start >= since) : [],
    },
  });
  return { clock, limiter };
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
    second.commit({ addUsage: (...args: unknown[]) => written.push(args) } as unknown as LimitTx);
    second.release();
  }
  assert.equal(written.length, 2);
  assert.ok(!(await sent(limiter, 1)));
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
  assert.deepEqual((await limiter.usage(PROJECT, null, null)).perMinute, { used: 3, limit: 3 });
});
