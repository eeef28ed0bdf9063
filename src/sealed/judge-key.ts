/**
 * Whether a secret key is the key of the store. During a replacement no key is; otherwise the check value says it.
 * A store of an earlier version has none: then every sealed value is tried, and the check value is written if the
 * key opens them all. Invariant: a wrong key writes nothing. Rejects if the store does.
 */
import { INSTANCE } from '../runtime/ids.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { keyCheckOf, type SecretKeyTx } from './secret-key.ts';
import { type SealedReader, tryAll } from './try-all.ts';

export type Judgement =
  | { readonly kind: 'right' }
  /** The store has no key yet, and the key is not needed to open anything. */
  | { readonly kind: 'new' }
  /**
   * A replacement of the key has begun and is not finished, so no key opens everything. `begun`: with this key.
   */
  | { readonly kind: 'unfinished'; readonly begun: boolean }
  | { readonly kind: 'wrong' }
  /**
   * Some values open and some do not: an earlier version was once started with another key and went on. No key
   * opens them all, so the service runs with this one.
   */
  | { readonly kind: 'partly'; readonly unreadable: number };

export async function judgeKey(read: SealedReader, sealer: Sealer): Promise<Judgement> {
  const replacement = await read.replacement();
  if (replacement !== null) return { kind: 'unfinished', begun: replacement.check === keyCheckOf(sealer) };
  const check = await read.keyCheck();
  if (check !== null) return { kind: check === keyCheckOf(sealer) ? 'right' : 'wrong' };
  const { opened, unreadable } = await tryAll(read, sealer);
  if (unreadable === 0) return { kind: opened > 0 || (await read.wasUsedWithKey()) ? 'right' : 'new' };
  return opened === 0 ? { kind: 'wrong' } : { kind: 'partly', unreadable };
}

/** The same; also writes the check value for a right key, unless the store has one. */
export async function settleKey(
  read: SealedReader,
  transactor: Transactor<SecretKeyTx>,
  sealer: Sealer,
): Promise<Judgement> {
  const judgement = await judgeKey(read, sealer);
  if (judgement.kind !== 'new' && (judgement.kind !== 'right' || (await read.keyCheck()) !== null))
    return judgement;
  try {
    await transactor.transact(INSTANCE, (tx) => tx.setKeyCheck(keyCheckOf(sealer), null));
    return { kind: 'right' };
  } catch (error) {
    // Another node has written a check value in the meantime: it decides.
    if (error instanceof StaleError) return judgeKey(read, sealer);
    throw error;
  }
}
