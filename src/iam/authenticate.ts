/**
 * Authenticates a caller: turns a key id and a secret into a principal. An unknown id takes the same path as
 * a known one. iam/attempts.ts limits failures. A key of a closed project is refused like a wrong key.
 * Rejects if the store does.
 */
import type { Clock } from '../runtime/clock.ts';
import type { StaticKeyId } from '../runtime/ids.ts';
import { parseId } from '../runtime/ids.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Attempts } from './attempts.ts';
import { operationsOf } from './policy.ts';
import type { ClientOwner, IamReader, Principal, StaticKey } from './projects.ts';
import { recoverKeyedHash, verifySecret } from './static-keys.ts';

export type Authentication =
  | { readonly kind: 'ok'; readonly principal: Principal }
  /** `key` is the key whose id was given; null if no key has that id. */
  | { readonly kind: 'refused'; readonly key: StaticKeyId | null }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };
export interface Authenticator {
  authenticate(username: string, secret: string, remoteAddress: string): Promise<Authentication>;
}

const DAY = 24 * 3_600_000;
/** A key's last use is stored at most once in this time. */
const NOTE_EVERY_MS = 3_600_000;
const MOST_NOTED = 50_000;
const NO_KEY = { keyedHash: Buffer.alloc(32) };

export function principalOf({ client, project, roles }: ClientOwner, keyId: StaticKeyId | null): Principal {
  return {
    projectId: project.id,
    actor: { kind: 'key', apiClientId: client.id, keyId },
    operations: operationsOf(client.roles, roles),
    sandbox: project.sandbox,
  };
}

export function createAuthenticator(deps: {
  iam: IamReader;
  attempts: Attempts;
  sealer: Sealer;
  clock: Clock;
  /** Stores the day on which a key was used. The caller does not wait for it; it handles its own errors. */
  noteUse?: (key: StaticKey, day: number) => void;
  /** Stores the keyed hash of a key that had lost it. The caller does not wait for it, either. */
  noteHash?: (key: StaticKey, keyedHash: Buffer) => void;
}): Authenticator {
  const { iam, sealer, clock, attempts, noteUse = () => {}, noteHash = () => {} } = deps;
  const noted = new Map<StaticKeyId, number>();

  function used(key: StaticKey): void {
    const now = clock.now();
    const day = now - (now % DAY);
    if ((noted.get(key.id) ?? Number.NEGATIVE_INFINITY) > now - NOTE_EVERY_MS) return;
    noted.delete(key.id);
    noted.set(key.id, now);
    if (noted.size > MOST_NOTED) noted.delete(noted.keys().next().value!);
    if (key.lastUsedAt !== day) noteUse(key, day);
  }
  async function find(username: string): Promise<({ key: StaticKey } & ClientOwner) | null> {
    const id = parseId<'static-key'>(username);
    return id === null ? null : iam.findKey(id);
  }
  async function matchesAgain(key: StaticKey, secret: string): Promise<boolean> {
    const keyedHash = await recoverKeyedHash(sealer, key.verifier, secret);
    if (keyedHash !== null) noteHash(key, keyedHash);
    return keyedHash !== null;
  }
  async function judge(found: Awaited<ReturnType<typeof find>>, secret: string): Promise<Principal | null> {
    const matches =
      verifySecret(sealer, found?.key.verifier ?? NO_KEY, secret) ||
      (found !== null && (await matchesAgain(found.key, secret)));
    const expired = found !== null && found.key.expiresAt !== null && found.key.expiresAt <= clock.now();
    if (found === null || !matches || expired || found.project.closedAt !== null) return null;
    used(found.key);
    return principalOf(found, found.key.id);
  }

  return {
    async authenticate(username, secret, remoteAddress) {
      let key: StaticKeyId | null = null;
      const who = { address: remoteAddress, kind: 'key', name: username } as const;
      const result = await attempts.attempt(who, async () => {
        const found = await find(username);
        key = found?.key.id ?? null;
        return judge(found, secret);
      });
      switch (result.kind) {
        case 'ok':
          return { kind: 'ok', principal: result.value };
        case 'refused':
          return { kind: 'refused', key };
        case 'throttled':
          return result;
      }
    },
  };
}
