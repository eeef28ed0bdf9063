/**
 * Files that are not complete yet are named `<file>.partial-<pid>` until they get their final name. If a
 * process was killed, the next process that makes the same file removes its partial file. Invariant: a file
 * of a living process is left alone.
 */
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * The name of this process's partial file; removes those of dead processes. Throws as the file system does.
 */
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
    // the process may belong to somebody else
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
