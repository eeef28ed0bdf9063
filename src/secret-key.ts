/**
 * The secret key of this configuration (HIKYAKU_SECRET_KEY, or a file of the data directory), and the sealer that
 * it makes for a store. Invariants: no key is made for a store that was used with another key; a sealer opens
 * only for the store's own key. Fails with SecretKeyError, whose text names the key and both ways out.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import { ownFile } from './runtime/own-file.ts';
import { createSealer, type Sealer } from './runtime/sealing.ts';
import type { Transactor } from './runtime/transactor.ts';
import { type Judgement, judgeKey, settleKey } from './sealed/judge-key.ts';
import { type KeyNotes, keyCheckOf, type SecretKeyTx } from './sealed/secret-key.ts';
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
/** The key that the service would use; null if there is none. Never makes a key. Throws SecretKeyError. */
export function presentKey(config: Config): PresentKey | null {
  if (config.secretKey !== null) return { key: config.secretKey, from: 'environment' };
  const path = secretKeyPath(config);
  const key = readKey(path);
  if (key === null) return null;
  if (key.length !== 32)
    throw new SecretKeyError(
      `${path} is not a secret key: it has ${key.length} octets instead of 32; put the right file back (mode 0600). ${lossWithout(path, 'file')}`,
    );
  return { key, from: 'file' };
}
function readKey(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new SecretKeyError(
      code === 'EISDIR'
        ? `${path} is a directory, not a secret key (a container makes one where a mounted file does not exist): remove it and put the right key there (mode 0600). ${lossWithout(path, 'directory')}`
        : `${path} cannot be read (${message}): the user of the service must be able to read the secret key`,
    );
  }
}
const lossWithout = (path: string, what: string) =>
  `If the right key is lost, remove the ${what} ${path} and run \`hikyaku secret-key replace\`: it lists what is lost, asks, and makes new secrets.`;
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
/**
 * What is wrong with the key for a store, as far as its notes say; null: nothing, or nothing is known. During a
 * replacement no key opens everything.
 */
export function faultOf(config: Config, notes: KeyNotes | null, present: PresentKey): SecretKeyError | null {
  if (notes === null) return null;
  const check = keyCheckOf(createSealer(present.key));
  if (notes.replacement !== null) return unfinished(config, present, notes.replacement === check);
  return notes.keyCheck !== null && notes.keyCheck !== check
    ? wrongKey(config, present, notes.keyCheck)
    : null;
}
/** Makes the key file if the configuration has no key. With PostgreSQL the environment always gives one. */
export async function makeKey(config: Config): Promise<PresentKey> {
  return { key: await ownFile(config.dataDir, SECRET_KEY_FILE, () => randomBytes(32)), from: 'file' };
}

const MEANING =
  'it cannot read DKIM keys and hook secrets, and does not recognise static keys, recovery codes and one-time codes';
/** What to do if nobody has the right key. */
export const LOSS =
  'If the right key is lost, run `hikyaku secret-key replace`: it lists what is lost, asks, and makes new secrets.';

/** Why the service does not start with this key, and what to do. `check`: the check value of the store. */
export function wrongKey(config: Config, present: PresentKey, check: number | null): SecretKeyError {
  const wrong = `${nameOf(config, present)} is not the secret key of this store: with it, ${MEANING}.`;
  const path = secretKeyPath(config);
  if (present.from === 'environment' && isKeyFile(path, check))
    return new SecretKeyError(
      `${wrong} The right key is in ${path}, which is used if ${VARIABLE} is not set: unset ${VARIABLE}.`,
    );
  const how =
    present.from === 'environment'
      ? `Set ${VARIABLE} to the right key.`
      : `Either put the right key back at ${path} (mode 0600), or set ${VARIABLE}.`;
  return new SecretKeyError(`${wrong} ${how} ${LOSS}`);
}
/** Whether the file has the key that the check value belongs to. */
function isKeyFile(path: string, check: number | null): boolean {
  if (check === null) return false;
  const key = readKey(path);
  return key !== null && key.length === 32 && keyCheckOf(createSealer(key)) === check;
}
export function missingKey(config: Config): SecretKeyError {
  return new SecretKeyError(
    `the secret key of this store is missing: ${VARIABLE} is not set, and ${secretKeyPath(config)} does not exist. Either put the key back there (mode 0600), or set ${VARIABLE} (base64 of the key file). ${LOSS}`,
  );
}

/** The way out of a replacement that has begun and is not finished. `begun`: with the key that is here. */
export function unfinished(config: Config, present: PresentKey | null, begun: boolean): SecretKeyError {
  const so =
    'a replacement of the secret key of this store has begun and is not finished, so no key opens everything';
  const place = `at ${secretKeyPath(config)} (mode 0600) or in ${VARIABLE}`;
  if (begun)
    return new SecretKeyError(
      `${so}. ${nameOf(config, present!)} is the key that it began with: run \`hikyaku secret-key replace\` again; it finishes, and shows everything again that it has made`,
    );
  const here = present === null ? 'There is no key here' : `${nameOf(config, present)} is another key`;
  const anew = present === null ? 'without it' : 'with the key that is here';
  return new SecretKeyError(
    `${so}. ${here}: put the key that the replacement began with ${place}, and run \`hikyaku secret-key replace\` again. If that key is lost, run the command ${anew}: it also replaces what that key has sealed`,
  );
}

/** For people: whether the key is the key of the store. An error says what to do. */
export async function verdictOf(
  config: Config,
  read: SealedReader,
  present: PresentKey | null,
): Promise<{ readonly kind: Judgement['kind'] | 'missing'; readonly text: string }> {
  if (present === null) {
    const isUnfinished = (await read.replacement()) !== null;
    return isUnfinished
      ? { kind: 'unfinished', text: unfinished(config, null, false).message }
      : { kind: 'missing', text: missingKey(config).message };
  }
  const name = nameOf(config, present);
  const judgement = await judgeKey(read, createSealer(present.key));
  const { kind } = judgement;
  switch (kind) {
    case 'right':
      return { kind, text: `${name} is the secret key of this store` };
    case 'new':
      return { kind, text: `the store has no secret key yet: the next start makes ${name} its key` };
    case 'partly':
      return {
        kind,
        text: `${name} does not open ${judgement.unreadable} secrets of this store, which another key has sealed: \`hikyaku secret-key replace\` replaces them`,
      };
    case 'wrong':
      return { kind, text: wrongKey(config, present, await read.keyCheck()).message };
    case 'unfinished':
      return { kind, text: unfinished(config, present, judgement.begun).message };
  }
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
    if ((await store.read.replacement()) !== null) throw unfinished(config, null, false);
    if ((await store.read.keyCheck()) !== null || (await store.read.wasUsedWithKey()))
      throw missingKey(config);
    present = await makeKey(config);
  }
  const sealer = createSealer(present.key);
  const judgement: Judgement = await settleKey(store.read, store, sealer);
  if (judgement.kind === 'wrong') throw wrongKey(config, present, await store.read.keyCheck());
  if (judgement.kind === 'unfinished') throw unfinished(config, present, judgement.begun);
  if (judgement.kind === 'partly') partly(judgement.unreadable);
  return sealer;
}
