/** Files of the data directory that are made if they are missing, or replaced. Only the owner can read them. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * If two processes make the file at once, both end up with the same file. The file gets its name only when it
 * is complete and synced. Throws if it cannot be written or read; then there is no file.
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
    const partial = partialOf(path);
    try {
      writeWhole(partial, octets);
      // A link never replaces an existing file; a rename would.
      linkSync(partial, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(partial, { force: true });
    }
  }
  return readFileSync(path);
}

/** Puts new content in place of a file, in one step. Throws if it cannot be written; then the old file is there. */
export function replaceOwnFile(directory: string, name: string, octets: Buffer | string): void {
  const path = join(directory, name);
  const partial = partialOf(path);
  try {
    writeWhole(partial, octets);
    renameSync(partial, path);
  } finally {
    rmSync(partial, { force: true });
  }
}
const partialOf = (path: string) => `${path}.partial-${process.pid}`;
function writeWhole(path: string, octets: Buffer | string): void {
  rmSync(path, { force: true });
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(descriptor, octets);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
