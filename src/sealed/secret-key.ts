/**
 * What the store keeps about its secret key: a check value, which tells another key apart and reveals nothing
 * about the key; and, while a replacement of the key is unfinished, the check value of the new key. Interfaces
 * that the store implements.
 */
import type { Member } from '../iam/people-records.ts';
import type { MemberId } from '../runtime/ids.ts';
import type { Sealer } from '../runtime/sealing.ts';

/** A replacement of the secret key that has begun and is not finished. */
export interface Replacement {
  /** The check value of the key that it seals with. */
  readonly check: number;
  /** Wall ms. What it wrote into the audit log is not older. */
  readonly begunAt: number;
}
/** The check values that a store has noted: of its key, and of an unfinished replacement. null: none. */
export interface KeyNotes {
  readonly keyCheck: number | null;
  readonly replacement: number | null;
}
export interface SecretKeyReader {
  /** The check value of the store's key; null if the store has none yet. */
  keyCheck(): Promise<number | null>;
  /** null if none is unfinished. */
  replacement(): Promise<Replacement | null>;
  /** Whether a static key, a recovery code or a sealed value shows that the store was used with a key. */
  wasUsedWithKey(): Promise<boolean>;
  /** Members with one-time codes in the order of their ids: at most `limit`, after the id `after`. */
  membersWithTotp(after: MemberId | null, limit: number): Promise<readonly Member[]>;
}
export interface SecretKeyTx {
  /** Writes the check value. StaleError if the store has another one than `was`. */
  setKeyCheck(check: number, was: number | null): void;
  /** Notes an unfinished replacement. StaleError if the store has noted another check value than `was`. */
  setReplacement(replacement: Replacement, was: number | null): void;
  /** StaleError if the store has noted another check value. */
  endReplacement(replacement: Replacement): void;
  /**
   * For all projects and members: empties the keyed hash of each static key, removes all recovery codes, and
   * ends every set-up of one-time codes. All of them depend on the secret key.
   */
  voidKeyedHashes(): void;
}

/** 48 bits of a keyed hash: a wrong key has the same value once in 2^48. */
export function keyCheckOf(sealer: Sealer): number {
  return sealer.mac('', 'store check').readUIntBE(0, 6);
}
