/** How much CPU time an input takes. */
import type { Target } from './target.ts';

/** Milliseconds that one input may take. */
export const MOST_MS = 50;

/** Milliseconds, the least of so many runs: neither a busy machine nor a collection of garbage is the input's fault. */
export async function cpuOf(
  read: Awaited<ReturnType<Target['open']>>,
  input: Buffer,
  runs: number,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const before = process.threadCpuUsage();
    await read(input);
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
