/** Watches a running service from outside while something is done to it: its answers at /healthz, its memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Running } from '../journeys/harness.ts';

export interface Watched {
  /** ms until each answer of /healthz, the longest of them, how many were no 200. */
  readonly times: readonly number[];
  readonly max: number;
  readonly wrong: number;
  /** MiB of resident memory: before, and the most while watching. */
  readonly rssBefore: number;
  readonly rssMost: number;
}
const PROBER = fileURLToPath(new URL('./prober.ts', import.meta.url));
const RSS_EVERY_MS = 20;

/** Resident memory of a process, MiB; 0 where it has ended. */
export function rssOf(pid: number): number {
  try {
    const found = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found === null ? 0 : Number(found[1]) / 1024;
  } catch {
    return 0;
  }
}

export async function watching(service: Running, work: () => Promise<void>): Promise<Watched> {
  const pid = service.child.pid!;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROBER, service.ready.http],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const rssBefore = rssOf(pid);
  let rssMost = rssBefore;
  const watch = setInterval(() => {
    rssMost = Math.max(rssMost, rssOf(pid));
  }, RSS_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(watch);
    child.stdin.end();
  }
  const { value } = await lines.next();
  await ended;
  if (service.child.exitCode !== null || service.child.signalCode !== null)
    throw new Error(`the service has ended:\n${service.log.slice(-20).join('\n')}`);
  const { times, wrong } = JSON.parse(value as string) as Pick<Watched, 'times' | 'wrong'>;
  return { times, wrong, max: Math.max(0, ...times), rssBefore, rssMost };
}
