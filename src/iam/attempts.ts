/**
 * How often one may try to sign in and fail: per address 10 times a minute and 50 a day, per name and address 20 an hour.
 * An address that signed in by that name in the last 24 h is not locked out by what others do. The counters stand in the
 * store, for all nodes and beyond a restart. Invariants: attempts of an address are judged one after the other, so that
 * what is asked together is counted together; a refused one is written down before it is answered. Rejects where the
 * store does.
 */
import type { Clock } from '../runtime/clock.ts';

/** Failed attempts by scope. Times are wall ms. */
export interface AuthFailures {
  /** Newest first, at or after `since`, at most `most`. */
  recent(scope: string, since: number, most: number): Promise<readonly number[]>;
  note(scopes: readonly string[], at: number): Promise<void>;
}
export interface Who {
  readonly address: string;
  /** Name and address. Where the name alone is what is guessed at (a second factor), without the address. */
  readonly pair: string;
}
export type Attempted<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };
export interface Attempts {
  /** `judge`: what was proved, or null for a failure. Not called where too many have failed. */
  attempt<T>(who: Who, judge: () => Promise<T | null>): Promise<Attempted<T>>;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ADDRESS_CAPS = [
  { ms: MINUTE, most: 10 },
  { ms: DAY, most: 50 },
];
const PAIR_CAPS = [{ ms: HOUR, most: 20 }];
const MOST_REMEMBERED = 50_000;

export function createAttempts({ failures, clock }: { failures: AuthFailures; clock: Clock }): Attempts {
  const lastSuccess = new Map<string, number>();
  const last = new Map<string, Promise<void>>();

  /** ms until the scope may try again. */
  async function waitFor(
    scope: string,
    caps: readonly { ms: number; most: number }[],
    now: number,
  ): Promise<number> {
    const longest = Math.max(...caps.map(({ ms }) => ms));
    const times = await failures.recent(scope, now - longest, Math.max(...caps.map(({ most }) => most)));
    let wait = 0;
    for (const { ms, most } of caps) {
      const first = times[most - 1];
      if (first !== undefined && first > now - ms) wait = Math.max(wait, first + ms - now);
    }
    return wait;
  }
  async function turn(address: string): Promise<() => void> {
    const before = last.get(address);
    const { promise, resolve } = Promise.withResolvers<void>();
    last.set(address, promise);
    await before;
    return () => {
      if (last.get(address) === promise) last.delete(address);
      resolve();
    };
  }
  async function judged<T>({ address, pair }: Who, judge: () => Promise<T | null>): Promise<Attempted<T>> {
    const now = clock.now();
    const known = (lastSuccess.get(pair) ?? Number.NEGATIVE_INFINITY) > now - DAY;
    const wait = Math.max(
      known ? 0 : await waitFor(address, ADDRESS_CAPS, now),
      await waitFor(pair, PAIR_CAPS, now),
    );
    if (wait > 0) return { kind: 'throttled', retryAfterMs: wait };
    const value = await judge();
    if (value === null) {
      await failures.note([address, pair], now);
      return { kind: 'refused' };
    }
    lastSuccess.delete(pair);
    lastSuccess.set(pair, now);
    if (lastSuccess.size > MOST_REMEMBERED) lastSuccess.delete(lastSuccess.keys().next().value!);
    return { kind: 'ok', value };
  }
  return {
    async attempt(who, judge) {
      const over = await turn(who.address);
      try {
        return await judged(who, judge);
      } finally {
        over();
      }
    },
  };
}
