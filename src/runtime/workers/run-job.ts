/** In a thread: runs one job after the other. A large result is handed over, not copied. */
import { threadId, workerData } from 'node:worker_threads';
import { move } from 'piscina';
import { CPU_AT_START, type JobCall, THREAD } from './job-call.ts';

const jobs: Record<string, unknown> = await import((workerData as { jobs: string }).jobs);
const WORTH = 64 * 1024;

export default async function runJob({ job, input, meter }: JobCall): Promise<unknown> {
  const run = jobs[job];
  if (typeof run !== 'function') throw new Error(`no such job: ${job}`);
  const { user, system } = process.threadCpuUsage();
  meter[CPU_AT_START] = user + system;
  meter[THREAD] = threadId;
  const result: unknown = await run(input);
  const whole =
    result instanceof Uint8Array && result.length >= WORTH && result.length === result.buffer.byteLength;
  return whole ? move(result as Uint8Array<ArrayBuffer>) : result;
}
