/**
 * What a project and each of its domains sent and received over time, in recipients. The transactions that
 * change state count it by minute. Finished hours and days are rolled up later (limits/roll-up.ts), up to a
 * mark. Invariant: a series consists of rolled-up rows before the mark and minutes after it, so it is exact
 * and never late.
 */
import type { DomainId, ProjectId } from '../runtime/ids.ts';

/**
 * `accepted`: with 250 or 2xx, including held ones; `deferred`: deferred at least once, each counted once;
 * `received`: taken for a domain.
 */
export interface Traffic {
  readonly accepted: number;
  readonly delivered: number;
  readonly deferred: number;
  readonly bounced: number;
  readonly expired: number;
  /** Became held: over the limit or suspended. */
  readonly held: number;
  readonly received: number;
}
export type TrafficKind = keyof Traffic;
/** In the order of the columns. */
export const TRAFFIC_KINDS = [
  'accepted',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'held',
  'received',
] as const satisfies readonly TrafficKind[];
/** Seconds. */
export const WIDTHS = { minute: 60, hour: 3600, day: 86_400 } as const;
export type TrafficWidth = (typeof WIDTHS)[keyof typeof WIDTHS];

export interface TrafficPoint extends Traffic {
  /** Whole seconds of wall time; days are those of UTC. */
  readonly start: number;
}
export interface TrafficReader {
  /** All rows of this width from `since` (s) on, oldest first, of the project (null) or of one domain. */
  traffic(
    project: ProjectId,
    domain: DomainId | null,
    width: TrafficWidth,
    since: number,
  ): Promise<readonly TrafficPoint[]>;
  /** The start (s) of the first hour that is not rolled up; 0 if none is. */
  trafficRolledTo(project: ProjectId): Promise<number>;
}
export interface TrafficTx {
  /** Adds to the minute of `at` (wall ms). */
  addTraffic(project: ProjectId, domain: DomainId, at: number, counts: Partial<Traffic>): void;
  /**
   * Makes the hours in [from, to), and the days finished by then, from the minutes. StaleError if that was
   * done already.
   */
  rollUpTraffic(project: ProjectId, from: number, to: number): void;
}
export interface Series {
  /** The last 60 minutes, 48 hours and 92 days, including the current ones; empty ones are zeros. */
  readonly minutes: readonly TrafficPoint[];
  readonly hours: readonly TrafficPoint[];
  readonly days: readonly TrafficPoint[];
}
export const SHOWN = { minutes: 60, hours: 48, days: 92 } as const;
/** Seconds for which rows are kept: longer than they are shown, for a late roll-up. */
export const KEPT = { minutes: 48 * 3600, hours: 4 * 86_400, days: 93 * 86_400 } as const;

export function floorTo(width: TrafficWidth, seconds: number): number {
  return Math.floor(seconds / width) * width;
}

/** `now` in wall ms. Rejects if the store does. */
export async function readSeries(
  read: TrafficReader,
  project: ProjectId,
  domain: DomainId | null,
  now: number,
): Promise<Series> {
  const seconds = now / 1000;
  const first = (width: TrafficWidth, count: number) => floorTo(width, seconds) - (count - 1) * width;
  const from = {
    minute: first(WIDTHS.minute, SHOWN.minutes),
    hour: first(WIDTHS.hour, SHOWN.hours),
    day: first(WIDTHS.day, SHOWN.days),
  };
  // Read the mark first: what it covers stays rolled up, even if more is rolled up in the meantime.
  const mark = await read.trafficRolledTo(project);
  const dayMark = floorTo(WIDTHS.day, mark);
  const minutes = await read.traffic(project, domain, WIDTHS.minute, Math.min(mark, from.minute));
  const hours = await read.traffic(project, domain, WIDTHS.hour, Math.min(dayMark, from.hour));
  const days = await read.traffic(project, domain, WIDTHS.day, from.day);
  const fresh = minutes.filter(({ start }) => start >= mark);
  const rolledHours = hours.filter(({ start }) => start < mark);
  return {
    minutes: filled(minutes, WIDTHS.minute, from.minute, SHOWN.minutes),
    hours: filled([...rolledHours, ...fresh], WIDTHS.hour, from.hour, SHOWN.hours),
    days: filled(
      [
        ...days.filter(({ start }) => start < dayMark),
        ...rolledHours.filter(({ start }) => start >= dayMark),
        ...fresh,
      ],
      WIDTHS.day,
      from.day,
      SHOWN.days,
    ),
  };
}

/** `count` points of the width from `from` on, each the sum of the finer points in it. */
function filled(
  points: readonly TrafficPoint[],
  width: TrafficWidth,
  from: number,
  count: number,
): TrafficPoint[] {
  const sums = Array.from({ length: count }, (_, i) => ({ start: from + i * width, ...NOTHING }));
  for (const point of points) {
    const sum = sums[(floorTo(width, point.start) - from) / width];
    if (sum !== undefined) for (const kind of TRAFFIC_KINDS) sum[kind] += point[kind];
  }
  return sums;
}
const NOTHING: Record<TrafficKind, number> = {
  accepted: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  expired: 0,
  held: 0,
  received: 0,
};
