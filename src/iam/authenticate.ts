/**
 * Who is calling: key id and secret to a principal. An unknown id takes the same path as a known one. Failures are
 * capped per address (10 a minute, 50 a day) and per key and address (20 an hour); an address that signed in with the
 * key in the last 24 h is not locked out by what others do. The counters stand in the store, for all nodes and beyond a
 * restart; a refused attempt is written down before it is answered. Rejects where the store does.
 */
import type { Clock } from '../runtime/clock.ts';
import type { StaticKeyId } from '../runtime/ids.ts';
import { parseId } from '../runtime/ids.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { operationsOf } from './policy.ts';
import { verifySecret } from './static-keys.ts';
import type { ApiClient, IamReader, Principal, Project } from './types.ts';

export type Authentication =
  | { readonly kind: 'ok'; readonly principal: Principal }
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };
export interface Authenticator {
  authenticate(username: string, secret: string, remoteAddress: string): Promise<Authentication>;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ADDRESS_CAPS = [
  { ms: MINUTE, most: 10 },
  { ms: DAY, most: 50 },
];
const KEY_CAPS = [{ ms: HOUR, most: 20 }];
const MOST_COUNTERS = 50_000;
const NO_KEY = { keyedHash: Buffer.alloc(32) };

export function principalOf(client: ApiClient, project: Project, keyId: StaticKeyId | null): Principal {
  return {
    projectId: project.id,
    apiClientId: client.id,
    keyId,
    operations: operationsOf(client.roles),
    sandbox: project.sandbox,
  };
}

/** Failed attempts by scope: an address, or a key and an address. Times are wall ms. */
export interface AuthFailures {
  /** Newest first, at or after `since`, at most `most`. */
  recent(scope: string, since: number, most: number): Promise<readonly number[]>;
  note(scopes: readonly string[], at: number): Promise<void>;
}

export function createAuthenticator(deps: {
  iam: IamReader;
  failures: AuthFailures;
  sealer: Sealer;
  clock: Clock;
}): Authenticator {
  const { iam, sealer, clock, failures } = deps;
  const lastSuccess = new Map<string, number>();

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

  /** One attempt of an address after the other: what is asked together is counted together. */
  const last = new Map<string, Promise<void>>();
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
  async function judge(username: string, secret: string, remoteAddress: string): Promise<Authentication> {
    const now = clock.now();
    const pair = `${username.slice(0, 64)} ${remoteAddress}`;
    const known = (lastSuccess.get(pair) ?? Number.NEGATIVE_INFINITY) > now - DAY;
    const wait = Math.max(
      known ? 0 : await waitFor(remoteAddress, ADDRESS_CAPS, now),
      await waitFor(pair, KEY_CAPS, now),
    );
    if (wait > 0) return { kind: 'throttled', retryAfterMs: wait };
    const id = parseId<'static-key'>(username);
    const found = id === null ? null : await iam.findKey(id);
    const matches = verifySecret(sealer, found?.key.verifier ?? NO_KEY, secret);
    const expired = found !== null && found.key.expiresAt !== null && found.key.expiresAt <= clock.now();
    if (found === null || !matches || expired) {
      await failures.note([remoteAddress, pair], now);
      return { kind: 'refused' };
    }
    lastSuccess.delete(pair);
    lastSuccess.set(pair, now);
    if (lastSuccess.size > MOST_COUNTERS) lastSuccess.delete(lastSuccess.keys().next().value!);
    return { kind: 'ok', principal: principalOf(found.client, found.project, found.key.id) };
  }

  return {
    async authenticate(username, secret, remoteAddress) {
      const over = await turn(remoteAddress);
      try {
        return await judge(username, secret, remoteAddress);
      } finally {
        over();
      }
    },
  };
}
