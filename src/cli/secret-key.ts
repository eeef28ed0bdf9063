/** The secret key for `backup` and `restore`: where it is, and an id for it that reveals nothing about it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { createSealer } from '../runtime/sealing.ts';
import { SECRET_KEY_FILE } from '../stores.ts';

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
  return existsSync(path) ? { key: readFileSync(path), from: 'file' } : null;
}
/**
 * The same key always gives the same id; the id reveals nothing about the key. Throws RangeError if the key
 * is not 32 octets long.
 */
export function keyIdOf(key: Buffer): string {
  return createSealer(key).mac('', 'key id').toString('hex').slice(0, 32);
}
