/** The secret key as `backup` and `restore` see it: what there is, and a name for it that gives nothing away. */
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
/** The key the service would use, without making one; null where there is none. */
export function presentKey(config: Config): PresentKey | null {
  if (config.secretKey !== null) return { key: config.secretKey, from: 'environment' };
  const path = secretKeyPath(config);
  return existsSync(path) ? { key: readFileSync(path), from: 'file' } : null;
}
/** The same for the same key; tells nothing about it. Throws RangeError where it has not 32 octets. */
export function keyIdOf(key: Buffer): string {
  return createSealer(key).mac('', 'key id').toString('hex').slice(0, 32);
}
