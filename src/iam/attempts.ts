/**
 * Limits failed sign-in attempts. There are three kinds of caps. The store counts them, so they hold for all
 * nodes and survive a restart:
 * - by origin: an address (an IPv6 /64) may fail 10 times a minute and 50 times a day; wider networks may
 *   fail more often;
 * - by name and origin: 20 failures an hour; for a second factor, 20 an hour from all origins together;
 * - by name, from all origins: after 20 failures an hour, one attempt of a stranger is judged every three
 *   seconds.
 * An origin that signed in under the name within the last 24 h is known; all others are strangers. For a
 * known origin only the cap of 10 a minute applies; three of the 10 are reserved for known origins. A restart
 * does not forget known origins. After three failures in an hour, a known origin is a stranger again.
 * Invariants: attempts from one address are judged one after the other. A stranger's attempt is stored as a
 * failure before it is judged, and taken back if it was right; so simultaneous attempts on all nodes are
 * counted together. A typed name is stored as a keyed hash. The number of attempts that wait in memory is
 * bounded. Attempts that are stored ahead of the clock (it was set back) count for nobody and against nobody.
 * Rejects if the store does, except for known origins: with the right secret they can sign in while the store
 * accepts no writes.
 */
import { isWithin, LEAD_MS } from '../runtime/ahead.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PerWidth, Prefix } from '../runtime/prefixes.ts';
import { prefixesOf } from '../runtime/prefixes.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StoreError } from '../runtime/transactor.ts';
import { createPace } from './pace.ts';

/** Attempts by scope, in the store. Times are wall ms. */
export interface AttemptLog {
  /** The time of the `nth` newest failure of the scope up to `until` (1 is the newest); null if there are fewer. */
  failure(scope: string, nth: number, until: number): Promise<number | null>;
  /** The time of the scope's last success, rounded to the hour; null if it never succeeded. */
  success(scope: string): Promise<number | null>;
  /** Stores one failure for each scope, under the attempt's name. */
  fail(scopes: readonly string[], at: number, attempt: string): Promise<void>;
  /** Takes back the failure of that name, and stores a success for the named scopes. */
  succeed(taken: FailureNote | null, scopes: readonly string[], at: number): Promise<void>;
}
export interface FailureNote {
  readonly scopes: readonly string[];
  readonly attempt: string;
}
/** Who attempts what. */
export interface Who {
  readonly address: string;
  /** A link's token names nobody. */
  readonly kind: 'key' | 'password' | 'factor' | 'link';
  /** The target of the guess: a key's id, an e-mail address or a member; as typed, and of any length. */
  readonly name: string;
}
export type Attempted<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };
export interface Attempts {
  /** `judge` returns what was proved, or null for a failure. It is not called after too many failures. */
  attempt<T>(who: Who, judge: () => Promise<T | null>): Promise<Attempted<T>>;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Older attempts do not count anywhere. */
export const ATTEMPTS_KEPT_MS = DAY;
/** How many attempts of the caps per minute and per day are reserved for known origins. */
const KEPT_FOR_KNOWN = 3;
const A_MINUTE: PerWidth = { ipv4: 10, 'ipv4/26': 30, 'ipv4/21': 100, 'ipv6/64': 10, 'ipv6/48': 30 };
const A_DAY: PerWidth = { ipv4: 50, 'ipv4/26': 200, 'ipv4/21': 1_000, 'ipv6/64': 50, 'ipv6/48': 200 };
/** For one name from one address; for a second factor, from all origins. */
const NAME_AN_HOUR = 20;
/** Failures in an hour after which a known origin is a stranger again. */
const SLIPS = 3;
/** The most attempts that may wait for their turn at one address. */
const MOST_WAITING = 100;
const NOTE_EVERY_MS = HOUR;
const MOST_REMEMBERED = 50_000;

interface Cap {
  readonly scope: string;
  readonly ms: number;
  readonly most: number;
}
/** The scopes that an attempt counts in. */
interface Scopes {
  readonly prefixes: readonly Prefix[];
  readonly host: string;
  /** The name, from this address. */
  readonly pair: string;
  /** The name, from all origins. */
  readonly name: string;
}

export function createAttempts(deps: {
  log: AttemptLog;
  clock: Clock;
  random: Random;
  sealer: Pick<Sealer, 'mac'>;
}): Attempts {
  const { log, clock, random, sealer } = deps;
  /** The last sign-in of known origins, as far as this process saw it or had to ask the store. */
  const successes = new Map<string, number>();
  const turns = new Map<string, { waiting: number; last: Promise<void> }>();
  const pace = createPace(clock, () => random.fraction());

  function scopesOf({ address, kind, name }: Who): Scopes {
    const prefixes = prefixesOf(address);
    const host = prefixes[0].text;
    const hashed = sealer.mac(`${kind} ${name}`, 'attempts').toString('base64url').slice(0, 22);
    return { prefixes, host, pair: `${hashed} ${host}`, name: hashed };
  }
  const failure = (scope: string, nth: number, now: number) => log.failure(scope, nth, now + LEAD_MS);
  function remember(scope: string, at: number): void {
    successes.delete(scope);
    successes.set(scope, at);
    if (successes.size > MOST_REMEMBERED) successes.delete(successes.keys().next().value!);
  }
  async function succeeded(scope: string, now: number): Promise<boolean> {
    const seen = successes.get(scope);
    if (seen !== undefined && isWithin(seen, DAY, now)) return true;
    const at = await log.success(scope);
    if (at === null || !isWithin(at, DAY, now)) return false;
    remember(scope, at);
    return true;
  }
  async function hasSlipped({ pair }: Scopes, now: number): Promise<boolean> {
    const slip = await failure(pair, SLIPS, now);
    return slip !== null && slip > now - HOUR;
  }
  const isKnown = async (scopes: Scopes, now: number): Promise<boolean> =>
    (await succeeded(scopes.pair, now)) && !(await hasSlipped(scopes, now));
  /** Whether a stranger attempts a name with too many failures from all origins. */
  async function isAttacked(scopes: Scopes): Promise<boolean> {
    const now = clock.now();
    const at = await failure(scopes.name, NAME_AN_HOUR, now);
    return at !== null && at > now - HOUR && !(await isKnown(scopes, now));
  }
  function capsOf({ prefixes, host, pair, name }: Scopes, kind: Who['kind'], known: boolean, kept: number) {
    const caps: Cap[] = [];
    for (const { width, text } of known ? prefixes.slice(0, 1) : prefixes) {
      const less = text === host ? kept : 0;
      caps.push({ scope: text, ms: MINUTE, most: A_MINUTE[width] - less });
      if (!known) caps.push({ scope: text, ms: DAY, most: A_DAY[width] - less });
    }
    if (kind === 'factor') caps.push({ scope: name, ms: HOUR, most: NAME_AN_HOUR });
    else if (!known) caps.push({ scope: pair, ms: HOUR, most: NAME_AN_HOUR });
    return caps;
  }
  /**
   * ms until all caps permit one more failure. `own` is the number of failures that this attempt itself has
   * stored.
   */
  async function waitFor(caps: readonly Cap[], now: number, own: number): Promise<number> {
    const waits = await Promise.all(
      caps.map(async ({ scope, ms, most }) => {
        const at = await failure(scope, most + own, now);
        return at === null ? 0 : Math.min(ms, at + ms - now);
      }),
    );
    return Math.max(0, ...waits);
  }
  /** Resolves when the attempts before this one are done; null if too many wait. */
  async function turn(host: string): Promise<(() => void) | null> {
    const queue = turns.get(host) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting >= MOST_WAITING) return null;
    turns.set(host, queue);
    queue.waiting += 1;
    const before = queue.last;
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.last = promise;
    await before;
    return () => {
      queue.waiting -= 1;
      if (queue.waiting === 0) turns.delete(host);
      resolve();
    };
  }
  async function standing(kind: Who['kind'], scopes: Scopes, now: number) {
    // Nearly all attempts come from known origins. Both queries run at once, because other attempts wait
    // behind this one.
    if (await succeeded(scopes.pair, now)) {
      const caps = capsOf(scopes, kind, true, 0);
      const [slipped, wait] = await Promise.all([hasSlipped(scopes, now), waitFor(caps, now, 0)]);
      if (!slipped) return { known: true, caps, wait };
    }
    const kept = (await succeeded(scopes.host, now)) ? KEPT_FOR_KNOWN : 0;
    const caps = capsOf(scopes, kind, false, kept);
    return { known: false, caps, wait: await waitFor(caps, now, 0) };
  }
  /** ms until a stranger may try again; 0 means now. An attempt over a cap takes no place in the queue. */
  async function slowed(kind: Who['kind'], scopes: Scopes): Promise<number> {
    const now = clock.now();
    const { wait } = await standing(kind, scopes, now);
    if (wait > 0) return wait;
    const failed = await failure(scopes.pair, 1, now);
    return pace.turn(scopes.name, scopes.host, failed !== null && failed > now - HOUR);
  }
  /**
   * Stores that a known origin signed in again. If the store accepts no writes, the sign-in still succeeds;
   * the next sign-in tries again to store it.
   */
  async function noted(scopes: readonly string[], now: number): Promise<boolean> {
    try {
      await log.succeed(null, scopes, now);
      return true;
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw error;
    }
  }
  async function judged<T>(
    kind: Who['kind'],
    scopes: Scopes,
    judge: () => Promise<T | null>,
  ): Promise<Attempted<T>> {
    const now = clock.now();
    const { known, caps, wait } = await standing(kind, scopes, now);
    if (wait > 0) return { kind: 'throttled', retryAfterMs: wait };
    const attempt = random.id<'attempt'>();
    const counted = [...scopes.prefixes.map(({ text }) => text), scopes.pair, scopes.name];
    const fail = () => log.fail(counted, now, attempt);
    if (!known) {
      await fail();
      // Failures that other nodes stored in the meantime count as well.
      const late = await waitFor(caps, now, 1);
      if (late > 0) {
        await log.succeed({ scopes: counted, attempt }, [], now);
        return { kind: 'throttled', retryAfterMs: late };
      }
    }
    const value = await judge();
    if (value === null) {
      if (known) await fail();
      return { kind: 'refused' };
    }
    const stale = [scopes.pair, scopes.host].filter(
      (scope) => !known || !isWithin(successes.get(scope) ?? 0, NOTE_EVERY_MS, now),
    );
    if (!known) await log.succeed({ scopes: counted, attempt }, stale, now);
    else if (stale.length > 0 && !(await noted(stale, now))) return { kind: 'ok', value };
    for (const scope of stale) remember(scope, now);
    return { kind: 'ok', value };
  }
  return {
    async attempt(who, judge) {
      const scopes = scopesOf(who);
      const paced = who.kind === 'key' || who.kind === 'password';
      const wait = paced && (await isAttacked(scopes)) ? await slowed(who.kind, scopes) : 0;
      if (wait > 0) return { kind: 'throttled', retryAfterMs: wait };
      const over = await turn(scopes.host);
      if (over === null) return { kind: 'throttled', retryAfterMs: MINUTE };
      try {
        return await judged(who.kind, scopes, judge);
      } finally {
        over();
      }
    },
  };
}
