/** Limits that several nodes share on PostgreSQL, after a clock that was six days ahead. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSharedLimiter } from '../../limits/shared-limiter.ts';
import type { DomainId } from '../../runtime/ids.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { openPostgresStore } from './open.ts';
import { createSharedUsage } from './usage.ts';

const SIX_DAYS = 6 * 86_400_000;

test('what nodes counted while the clock was six days ahead refuses nothing, and what is sent now counts', async () => {
  await using server = await startPostgres();
  const clock = createFakeClock(make.NOW);
  const random = createRandom();
  const deps = { clock, random, logger: silentLogger };
  await using store = await openPostgresStore({ url: await server.database(), member: null, ...deps });
  const p = await make.withProject(store);
  const domain = random.id() as DomainId;
  const node = () =>
    createSharedLimiter({
      ...{ reader: store.read, clock, logger: silentLogger, usage: createSharedUsage(store.pool) },
      ...{ defaults: { perMinute: 10, perDay: 20 }, tellExceeded: async () => {}, noticed() {} },
    });
  const send = (of: ReturnType<typeof node>, many: number) =>
    of.reserve(p.id, domain, { limitPerMinute: null, limitPerDay: null }, many);
  const before = node();
  clock.jump(SIX_DAYS);
  assert.equal((await send(before, 10)).kind, 'ok');
  assert.equal((await send(before, 1)).kind, 'over');
  clock.jump(-SIX_DAYS);
  assert.equal((await before.usage(p.id, null, null)).perDay.used, 0);
  assert.equal((await send(before, 10)).kind, 'ok');
  const over = await send(node(), 1);
  assert.ok(over.kind === 'over' && over.retryAfterSeconds <= 61);
});
