/**
 * How often one may try to sign in and fail. Three kinds of caps, counted in the store for all nodes and beyond a restart:
 *
 * - of where it comes from: an address (an IPv6 /64) 10 a minute and 50 a day, wider networks more;
 * - of what is guessed at from there: 20 an hour; a second factor 20 an hour from everywhere together;
 * - of what is guessed at from everywhere: beyond 20 an hour strangers are judged one every three seconds.
 *
 * Who signed in from there by that name in the last 24 h is no stranger: only the 10 a minute of the address hold for it,
 * of which three are kept for those who are known, and no restart forgets it. After three failures in an hour it is a
 * stranger again.
 *
 * Invariants: attempts from an address are judged one after the other; a stranger's is written down as a failure before
 * it is judged, and taken back where it was right, so that what is tried at once, on whichever node, is counted together;
 * a name that somebody typed is kept as a keyed hash; what waits in memory is bounded. Rejects where the store does,
 * but for who is known: the right secret lets him in while nothing can be written.
 */
import type { Clock } from '../runtime/clock.ts';
import type { PerWidth, Prefix } from '../runtime/prefixes.ts';
import { prefixesOf } from '../runtime/prefixes.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StoreError } from '../runtime/transactor.ts';
import { createPace } from './pace.ts';

/** Attempts by scope, in the store. Times are wall ms. */
export interface AttemptLog {
  /** When the `nth` newest failure of the scope was (1: the newest); null: there are not so many. */
  failure(scope: string, nth: number): Promise<number | null>;
  /** When the scope last succeeded, to the hour; null: never. */
  success(scope: string): Promise<number | null>;
  /** One failure in each of the scopes, under the attempt's name. */
  fail(scopes: readonly string[], at: number, attempt: string): Promise<void>;
  /** Takes back the failure of that name, and notes a success in the scopes named. */
  succeed(taken: FailureNote | null, scopes: readonly string[], at: number): Promise<void>;
}
export interface FailureNote {
  readonly scopes: readonly string[];
  readonly attempt: string;
}
/** Who tries what. */
export interface Who {
  readonly address: string;
  /** A link's token names nobody. */
  readonly kind: 'key' | 'password' | 'factor' | 'link';
  /** What is guessed at: a key's id, an e-mail address, a member; as typed, and of any length. */
  readonly name: string;
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
/** Attempts older than this count nowhere. */
export const ATTEMPTS_KEPT_MS = DAY;
/** Kept, of the caps of a minute and a day, for those who signed in from there. */
const KEPT_FOR_KNOWN = 3;
const A_MINUTE: PerWidth = { ipv4: 10, 'ipv4/26': 30, 'ipv4/21': 100, 'ipv6/64': 10, 'ipv6/48': 30 };
const A_DAY: PerWidth = { ipv4: 50, 'ipv4/26': 200, 'ipv4/21': 1_000, 'ipv6/64': 50, 'ipv6/48': 200 };
/** Of one name from one address; of a second factor from everywhere. */
const NAME_AN_HOUR = 20;
/** Failures in an hour after which somebody known is a stranger again. */
const SLIPS = 3;
/** Attempts that may wait for their turn at one address. */
const MOST_WAITING = 100;
const NOTE_EVERY_MS = HOUR;
const MOST_REMEMBERED = 50_000;

interface Cap {
  readonly scope: string;
  readonly ms: number;
  readonly most: number;
}
/** The scopes an attempt is counted in. */
interface Scopes {
  readonly prefixes: readonly Prefix[];
  readonly host: string;
  /** The name from this address. */
  readonly pair: string;
  /** The name from everywhere. */
  readonly name: string;
}

export function createAttempts(deps: {
  log: AttemptLog;
  clock: Clock;
  random: Random;
  sealer: Pick<Sealer, 'mac'>;
}): Attempts {
  const { log, clock, random, sealer } = deps;
  /** When what is known last signed in, as far as this process saw it or had to ask. */
  const successes = new Map<string, number>();
  const turns = new Map<string, { waiting: number; last: Promise<void> }>();
  const pace = createPace(clock, () => random.fraction());

  function scopesOf({ address, kind, name }: Who): Scopes {
    const prefixes = prefixesOf(address);
    const host = prefixes[0].text;
    const hashed = sealer.mac(`${kind} ${name}`, 'attempts').toString('base64url').slice(0, 22);
    return { prefixes, host, pair: `${hashed} ${host}`, name: hashed };
  }
  function remember(scope: string, at: number): void {
    successes.delete(scope);
    successes.set(scope, at);
    if (successes.size > MOST_REMEMBERED) successes.delete(successes.keys().next().value!);
  }
  async function succeeded(scope: string, now: number): Promise<boolean> {
    const seen = successes.get(scope);
    if (seen !== undefined && seen > now - DAY) return true;
    const at = await log.success(scope);
    if (at === null || at <= now - DAY) return false;
    remember(scope, at);
    return true;
  }
  async function hasSlipped({ pair }: Scopes, now: number): Promise<boolean> {
    const slip = await log.failure(pair, SLIPS);
    return slip !== null && slip > now - HOUR;
  }
  const isKnown = async (scopes: Scopes, now: number): Promise<boolean> =>
    (await succeeded(scopes.pair, now)) && !(await hasSlipped(scopes, now));
  /** Whether a stranger tries what many have guessed at. */
  async function isAttacked(scopes: Scopes): Promise<boolean> {
    const now = clock.now();
    const at = await log.failure(scopes.name, NAME_AN_HOUR);
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
  /** ms until there may be one more failure in all of them; `own`: failures that are this attempt's. */
  async function waitFor(caps: readonly Cap[], now: number, own: number): Promise<number> {
    const waits = await Promise.all(
      caps.map(async ({ scope, ms, most }) => {
        const at = await log.failure(scope, most + own);
        return at === null ? 0 : at + ms - now;
      }),
    );
    return Math.max(0, ...waits);
  }
  /** Resolves when those before are done; null where too many wait. */
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
    // Nearly everybody is known: both questions at once, for others wait behind this one.
    if (await succeeded(scopes.pair, now)) {
      const caps = capsOf(scopes, kind, true, 0);
      const [slipped, wait] = await Promise.all([hasSlipped(scopes, now), waitFor(caps, now, 0)]);
      if (!slipped) return { known: true, caps, wait };
    }
    const kept = (await succeeded(scopes.host, now)) ? KEPT_FOR_KNOWN : 0;
    const caps = capsOf(scopes, kind, false, kept);
    return { known: false, caps, wait: await waitFor(caps, now, 0) };
  }
  /** ms a stranger has to come again in; 0: it is its turn. Who is over a cap waits in nobody's place. */
  async function slowed(kind: Who['kind'], scopes: Scopes): Promise<number> {
    const now = clock.now();
    const { wait } = await standing(kind, scopes, now);
    if (wait > 0) return wait;
    const failed = await log.failure(scopes.pair, 1);
    return pace.turn(scopes.name, scopes.host, failed !== null && failed > now - HOUR);
  }
  /** That somebody known was here again. A store that takes no writes keeps nobody out: the next time it is tried anew. */
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
      // What other nodes wrote down meanwhile counts as well.
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
      (scope) => !known || (successes.get(scope) ?? 0) <= now - NOTE_EVERY_MS,
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
