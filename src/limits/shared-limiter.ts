/**
 * The limiter for several nodes on one store. Nothing is counted in memory; every reservation is made in the
 * store itself. Without a limit there is nothing to decide, and usage is counted with the mail, as on a
 * single node. If a node dies between reservation and acceptance, it has counted mail that was never sent:
 * the limit is never exceeded.
 */
import type { Clock } from '../runtime/clock.ts';
import { afterCommit } from '../runtime/effects.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Limiter, type LimiterDeps, usageOf } from './limiter.ts';
import type { LimitReader, SharedUsage } from './usage.ts';
import { type Counts, DAY_WINDOW, MINUTE_WINDOW, windowStart } from './windows.ts';

export interface SharedLimiterDeps extends Omit<LimiterDeps, 'reader'> {
  readonly reader: Pick<LimitReader, 'projectLimits' | 'usage'>;
  readonly usage: SharedUsage;
  readonly clock: Clock;
  readonly logger: Logger;
}
export function createSharedLimiter(deps: SharedLimiterDeps): Limiter {
  const { reader, clock, defaults, logger } = deps;
  return {
    async reserve(project, domain, limits, recipients) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const domainLimits = { perMinute: limits.limitPerMinute ?? 0, perDay: limits.limitPerDay ?? 0 };
      const at = clock.now();
      const second = Math.floor(at / 1000);
      if (own.perMinute + own.perDay + domainLimits.perMinute + domainLimits.perDay === 0)
        return {
          kind: 'ok',
          at,
          record(tx) {
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
      if (decision.kind === 'over')
        return { ...decision, tell: () => deps.tellExceeded(project, domain, decision) };
      if (decision.noted) deps.noticed();
      let open = true;
      return {
        kind: 'ok',
        at,
        record() {
          afterCommit(() => {
            open = false;
          });
        },
        release() {
          if (!open) return;
          open = false;
          return deps.usage
            .giveBack(project, domain, second, recipients)
            .catch((error: unknown) =>
              logger.warn({ err: error, project }, 'giving back a reservation failed'),
            );
        },
      };
    },
    async usage(project, domain, limits) {
      const own = (await reader.projectLimits(project)) ?? defaults;
      const now = clock.now();
      const counts = async (shape: typeof MINUTE_WINDOW | typeof DAY_WINDOW): Promise<Counts> => {
        const buckets = await reader.usage(project, domain, shape.width, windowStart(shape, now / 1000));
        return new Map(buckets.filter(({ count }) => count > 0).map(({ start, count }) => [start, count]));
      };
      const [minute, day] = [await counts(MINUTE_WINDOW), await counts(DAY_WINDOW)];
      return usageOf({ minute, day }, now, own, domain === null ? null : limits);
    },
  };
}
