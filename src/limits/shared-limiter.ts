/**
 * The limiter where several nodes serve one store: nothing is counted in memory, every reservation is taken in the store
 * itself. Without any limit there is nothing to decide, and usage is counted with the mail, as on a single node.
 * A node that dies between taking and accepting has counted mail that never went: the limit is kept, never passed.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Limiter } from './limiter.ts';
import type { LimitReader, ProjectLimits, SharedUsage } from './types.ts';
import { type Counts, DAY_WINDOW, MINUTE_WINDOW, used, windowStart } from './windows.ts';

export function createSharedLimiter(deps: {
  reader: Pick<LimitReader, 'projectLimits' | 'usage'>;
  usage: SharedUsage;
  clock: Clock;
  logger: Logger;
  defaults: ProjectLimits;
}): Limiter {
  const { reader, clock, defaults, logger } = deps;
  return {
    async reserve(project, domain, limits, recipients) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const domainLimits = { perMinute: limits.limitPerMinute ?? 0, perDay: limits.limitPerDay ?? 0 };
      const second = Math.floor(clock.now() / 1000);
      if (own.perMinute + own.perDay + domainLimits.perMinute + domainLimits.perDay === 0)
        return {
          kind: 'ok',
          commit(tx) {
            tx.addUsage(project, null, second, recipients);
            tx.addUsage(project, domain, second, recipients);
          },
          release() {},
        };
      const decision = await deps.usage.take({
        project,
        domain,
        second,
        recipients,
        limits: { project: own, domain: domainLimits },
      });
      if (decision.kind === 'over') return decision;
      let open = true;
      return {
        kind: 'ok',
        commit() {
          open = false;
        },
        release() {
          if (!open) return;
          open = false;
          deps.usage
            .giveBack(project, domain, second, recipients)
            .catch((error: unknown) =>
              logger.warn({ err: error, project }, 'a place could not be given back'),
            );
        },
      };
    },
    async usage(project, domain, limits) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const seconds = clock.now() / 1000;
      const sum = async (shape: typeof MINUTE_WINDOW | typeof DAY_WINDOW) => {
        const buckets = await reader.usage(project, domain, shape.width, windowStart(shape, seconds));
        const counts: Counts = new Map(buckets.map(({ start, count }) => [start, count]));
        return used(shape, counts, seconds);
      };
      const [minute, day] = [await sum(MINUTE_WINDOW), await sum(DAY_WINDOW)];
      return {
        perMinute: { used: minute, limit: domain === null ? own.perMinute : (limits?.limitPerMinute ?? 0) },
        perDay: { used: day, limit: domain === null ? own.perDay : (limits?.limitPerDay ?? 0) },
      };
    },
  };
}
