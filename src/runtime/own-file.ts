/** Files of the data directory that are made where they are missing, readable by the owner alone. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Two processes that make the file at once end up with the same one. Throws where it cannot be written or read. */
export async function ownFile(
  directory: string,
  name: string,
  make: () => Promise<Buffer | string> | Buffer | string,
): Promise<Buffer> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  if (!existsSync(path)) {
    try {
      writeFileSync(path, await make(), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return readFileSync(path);
}
