/**
 * Static keys: an id (UUID) and a secret that is shown once. The store does not have the secret. It has a
 * keyed hash for PLAIN, LOGIN and Basic, and a SCRAM-SHA-256 verifier. A generated secret has over 200 bits,
 * so a fast hash is safe. The keyed hash depends on the secret key of the instance; the verifier does not.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { ApiClientId, ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { KeyVerifier, StaticKey } from './projects.ts';

const derive = promisify(pbkdf2);
const SCRAM_ITERATIONS = 4096;
const CONTEXT = 'static-key';

export interface NewKey {
  readonly projectId: ProjectId;
  readonly apiClientId: ApiClientId;
  /** ms; null means that it does not expire. */
  readonly expiresAt: number | null;
}

/**
 * Makes a key and its secret: 30 letters and digits, a colon, 18 digits. Only the caller ever sees the
 * secret. It has no other characters: a command-line client would take a secret that begins with '-' for an
 * option.
 */
export async function createStaticKey(
  deps: { readonly random: Random; readonly sealer: Sealer; readonly now: number },
  wanted: NewKey,
): Promise<{ key: StaticKey; secret: string }> {
  const { random, sealer, now } = deps;
  const digits = String(random.bytes(8).readBigUInt64BE() % 10n ** 18n).padStart(18, '0');
  const secret = `${lettersAndDigits(random, 30)}:${digits}`;
  const key: StaticKey = {
    id: random.id(),
    ...wanted,
    createdAt: now,
    lastUsedAt: null,
    verifier: {
      keyedHash: sealer.mac(secret, CONTEXT),
      scram: await scramVerifier(secret, random.bytes(16)),
    },
  };
  return { key, secret };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Uniform: octets beyond the largest multiple of the alphabet's length are discarded. */
function lettersAndDigits(random: Random, length: number): string {
  const bound = 256 - (256 % ALPHABET.length);
  let text = '';
  while (text.length < length) {
    for (const octet of random.bytes(length)) {
      if (octet < bound && text.length < length) text += ALPHABET[octet % ALPHABET.length];
    }
  }
  return text;
}

/** RFC 5802 §3. */
async function scramVerifier(
  secret: string,
  salt: Buffer,
  iterations = SCRAM_ITERATIONS,
): Promise<KeyVerifier['scram']> {
  const salted = await derive(secret, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  return {
    salt,
    iterations,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: createHmac('sha256', salted).update('Server Key').digest(),
  };
}

/** Compares in constant time. False if the keyed hash was emptied. */
export function verifySecret(
  sealer: Sealer,
  verifier: Pick<KeyVerifier, 'keyedHash'>,
  secret: string,
): boolean {
  const given = sealer.mac(secret, CONTEXT);
  return verifier.keyedHash.length === given.length && timingSafeEqual(given, verifier.keyedHash);
}
/**
 * For a key whose keyed hash was emptied, because the secret key of the instance was lost: its SCRAM verifier
 * says whether the secret is right. Returns the new keyed hash; null if the secret is wrong.
 */
export async function recoverKeyedHash(
  sealer: Sealer,
  { keyedHash, scram }: KeyVerifier,
  secret: string,
): Promise<Buffer | null> {
  if (keyedHash.length > 0) return null;
  const again = await scramVerifier(secret, scram.salt, scram.iterations);
  return timingSafeEqual(again.storedKey, scram.storedKey) ? sealer.mac(secret, CONTEXT) : null;
}
