/**
 * The secret key of this configuration (HIKYAKU_SECRET_KEY, or a file of the data directory), and the sealer that
 * it makes for a store. Invariants: no key is made for a store that was used with another key; a sealer opens
 * only for the store's own key. Fails with SecretKeyError, whose text names the key and both ways out.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import { ownFile } from './runtime/own-file.ts';
import { createSealer, type Sealer } from './runtime/sealing.ts';
import type { Transactor } from './runtime/transactor.ts';
import { type Judgement, settleKey } from './sealed/judge-key.ts';
import { keyCheckOf, type SecretKeyTx } from './sealed/secret-key.ts';
import type { SealedReader } from './sealed/try-all.ts';

/** In the data directory; used if the environment gives no key. */
export const SECRET_KEY_FILE = 'secret.key';
const VARIABLE = 'HIKYAKU_SECRET_KEY';

/** The key of this configuration is missing, is not a key, or is not the key of the store. */
export class SecretKeyError extends Error {
  override name = 'SecretKeyError';
}
export interface PresentKey {
  readonly key: Buffer;
  readonly from: 'environment' | 'file';
}
export function secretKeyPath(config: Config): string {
  return join(config.dataDir, SECRET_KEY_FILE);
}
/** The key that the service would use; null if there is none. Never makes a key. */
export function presentKey(config: Config): PresentKey | null {
  if (config.secretKey !== null) return { key: config.secretKey, from: 'environment' };
  const path = secretKeyPath(config);
  if (!existsSync(path)) return null;
  const key = readFileSync(path);
  if (key.length !== 32)
    throw new SecretKeyError(
      `${path} is not a secret key: it has ${key.length} octets instead of 32; put the right file back`,
    );
  return { key, from: 'file' };
}
/**
 * The same key always gives the same id; the id reveals nothing about the key. Throws RangeError if the key
 * is not 32 octets long.
 */
export function keyIdOf(key: Buffer): string {
  return createSealer(key).mac('', 'key id').toString('hex').slice(0, 32);
}
/** The name of the present key, for people. */
export const nameOf = (config: Config, { from }: PresentKey): string =>
  from === 'environment' ? VARIABLE : secretKeyPath(config);
/** Whether the check value of a store says that the key is another one. Without a value, nothing is known. */
export const isOther = (check: number | null, { key }: PresentKey): boolean =>
  check !== null && check !== keyCheckOf(createSealer(key));
/** Makes the key file if the configuration has no key. With PostgreSQL the environment always gives one. */
export async function makeKey(config: Config): Promise<PresentKey> {
  return { key: await ownFile(config.dataDir, SECRET_KEY_FILE, () => randomBytes(32)), from: 'file' };
}

const MEANING =
  'it cannot read DKIM keys and hook secrets, and does not recognise static keys, recovery codes and one-time codes';
/** What to do if nobody has the right key. */
export const LOSS =
  'If the right key is lost, run `hikyaku secret-key replace`: it lists what is lost, asks, and makes new secrets.';

/** Why the service does not start with this key, and what to do. */
export function wrongKey(config: Config, present: PresentKey): SecretKeyError {
  const how =
    present.from === 'environment'
      ? `set ${VARIABLE} to the right key`
      : `put the right key back at ${secretKeyPath(config)} (mode 0600), or set ${VARIABLE}`;
  return new SecretKeyError(
    `${nameOf(config, present)} is not the secret key of this store: with it, ${MEANING}. Either ${how}. ${LOSS}`,
  );
}
export function missingKey(config: Config): SecretKeyError {
  return new SecretKeyError(
    `the secret key of this store is missing: ${VARIABLE} is not set, and ${secretKeyPath(config)} does not exist. Either put the key back there (mode 0600), or set ${VARIABLE} (base64 of the key file). ${LOSS}`,
  );
}

export interface KeyStore extends Transactor<SecretKeyTx> {
  readonly read: SealedReader;
}
/**
 * The sealer of the store. Makes a key if the configuration has none and the store was never used with one.
 * `partly` is called if some of the store's values were sealed with another key. Rejects with SecretKeyError.
 */
export async function openSealer(
  config: Config,
  store: KeyStore,
  partly: (unreadable: number) => void = () => {},
): Promise<Sealer> {
  let present = presentKey(config);
  if (present === null) {
    if ((await store.read.keyCheck()) !== null || (await store.read.wasUsedWithKey()))
      throw missingKey(config);
    present = await makeKey(config);
  }
  const sealer = createSealer(present.key);
  const judgement: Judgement = await settleKey(store.read, store, sealer);
  if (judgement.kind === 'wrong') throw wrongKey(config, present);
  if (judgement.kind === 'partly') partly(judgement.unreadable);
  return sealer;
}
