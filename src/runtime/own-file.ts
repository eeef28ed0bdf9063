/** Files of the data directory that are made where they are missing, readable by the owner alone. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Two processes that make the file at once end up with the same one; it has its name only when it is whole and on the
 * disk. Throws where it cannot be written or read; then there is none.
 */
export async function ownFile(
  directory: string,
  name: string,
  make: () => Promise<Buffer | string> | Buffer | string,
): Promise<Buffer> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  if (!existsSync(path)) {
    const octets = await make();
    const partial = `${path}.partial-${process.pid}`;
    try {
      rmSync(partial, { force: true });
      const descriptor = openSync(partial, 'wx', 0o600);
      try {
        writeFileSync(descriptor, octets);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      // Never over one that is there, as a rename would be.
      linkSync(partial, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(partial, { force: true });
    }
  }
  return readFileSync(path);
}
