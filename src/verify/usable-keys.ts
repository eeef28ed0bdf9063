/**
 * Keys with which a signature is verified on the loop. One whose exponent or modulus makes that dear is unusable, before
 * anything is verified with it: 3,072 bits of exponent take 100 times as long as the usual 17.
 */
import { createPublicKey } from 'node:crypto';

/** RFC 8301 §3.2: verifiers take 1,024 to 4,096 bits, and may take more. (An Ed25519 key has one size, RFC 8463 §4.) */
const MAX_MODULUS = 4096;
/** RFC 8017 §3.1 lets it be as long as the modulus. Those in use have 2 to 17 bits. */
const MAX_EXPONENT = 2n ** 32n;

/** Rejects with this code where the key is unusable. */
export const UNUSABLE_KEY = 'EUNUSABLEKEY';

interface FoundKey {
  /** PEM. */
  readonly publicKey: string;
}
/** The library's keys of one message, by name and rules. */
export interface KeyCache {
  get(...asked: unknown[]): Promise<FoundKey>;
}

/** From now on the cache gives usable keys alone. */
export function restrainKeys(cache: KeyCache): void {
  const get = cache.get;
  cache.get = (...asked) => {
    const key = get(...asked).then(usable);
    // The library asks ahead, and for some it never waits.
    key.catch(() => {});
    return key;
  };
}

function usable(found: FoundKey): FoundKey {
  const { modulusLength = 0, publicExponent = 0n } =
    createPublicKey(found.publicKey).asymmetricKeyDetails ?? {};
  if (modulusLength > MAX_MODULUS || publicExponent > MAX_EXPONENT)
    throw Object.assign(new Error('key unusable'), { code: UNUSABLE_KEY });
  return found;
}
