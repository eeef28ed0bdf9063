/**
 * Estimates how much came from a network in the last minute, or in another window. It uses two counters: that
 * of the current window, and that of the window before, weighted by the part that the sliding window still
 * covers. Memory is bounded: if there are too many keys, the key without activity for the longest time is
 * dropped.
 */
import type { Clock } from './clock.ts';
import type { PerWidth, Prefix, Prefixes } from './prefixes.ts';

export interface Tally {
  /** Adds to the count and returns it. */
  add(key: string, many?: number): number;
  count(key: string): number;
}
interface Counter {
  start: number;
  now: number;
  before: number;
}
const MOST_KEYS = 50_000;

export function createTally(clock: Clock, windowMs: number, mostKeys = MOST_KEYS): Tally {
  const counters = new Map<string, Counter>();

  function current(key: string): Counter {
    const time = clock.monotonic();
    const start = time - (time % windowMs);
    const known = counters.get(key);
    if (known === undefined) return { start, now: 0, before: 0 };
    if (known.start === start) return known;
    return { start, now: 0, before: known.start === start - windowMs ? known.now : 0 };
  }
  function estimate({ start, now, before }: Counter): number {
    return now + before * (1 - (clock.monotonic() - start) / windowMs);
  }
  return {
    add(key, many = 1) {
      const counter = current(key);
      counter.now += many;
      counters.delete(key);
      counters.set(key, counter);
      if (counters.size > mostKeys) counters.delete(counters.keys().next().value!);
      return estimate(counter);
    },
    count: (key) => estimate(current(key)),
  };
}

/** A maximum in a window for each width of network. */
export interface Rate {
  /**
   * If no network is over its maximum, counts it. Otherwise returns the network that is, and counts nothing.
   */
  take(prefixes: Prefixes): Prefix | null;
}
export function createRate(clock: Clock, windowMs: number, most: PerWidth): Rate {
  const tally = createTally(clock, windowMs);
  return {
    take(prefixes) {
      const over = prefixes.find(({ width, text }) => tally.count(text) + 1 > most[width]);
      if (over !== undefined) return over;
      for (const { text } of prefixes) tally.add(text);
      return null;
    },
  };
}

/**
 * Wider networks may have as much as several addresses: four times as much in a /26 and a /48, sixteen times
 * in a /21.
 */
export function perWidth(ofOne: number): PerWidth {
  return {
    ipv4: ofOne,
    'ipv4/26': ofOne * 4,
    'ipv4/21': ofOne * 16,
    'ipv6/64': ofOne,
    'ipv6/48': ofOne * 4,
  };
}
