/**
 * Files that are not whole yet: `<file>.partial-<pid>`, until they take their name. What a killed process has left there is
 * taken away by the next one that makes the same file. Invariant: a file of a process that lives is left alone.
 */
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The name for this process's; removes what others have left that are gone. Throws as the file system does. */
export function partialOf(file: string): string {
  const prefix = `${basename(file)}.partial-`;
  for (const name of readdirSync(dirname(file))) {
    const [, pid] = /^(\d{1,10})(?:-journal|-wal|-shm)?$/.exec(name.slice(prefix.length)) ?? [];
    if (!name.startsWith(prefix) || pid === undefined || isAlive(Number(pid))) continue;
    rmSync(join(dirname(file), name), { force: true });
  }
  return `${file}.partial-${process.pid}`;
}
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // it may be somebody else's
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
