/**
 * In a thread: runs one job after the other. Large octets of a result (the result itself, or a property of it) are handed
 * over, not copied; those of the call, which are garbage behind it, are collected soon.
 */
import { threadId, workerData } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { createCollector } from '../collect.ts';
import { CPU_AT_START, type JobCall, THREAD } from './job-call.ts';

const jobs: Record<string, unknown> = await import((workerData as { jobs: string }).jobs);
const collector = createCollector();
const WORTH = 64 * 1024;

export default async function runJob({ job, input, meter }: JobCall): Promise<unknown> {
  const run = jobs[job];
  if (typeof run !== 'function') throw new Error(`no such job: ${job}`);
  const { user, system } = process.threadCpuUsage();
  meter[CPU_AT_START] = user + system;
  meter[THREAD] = threadId;
  const result: unknown = await run(input);
  const buffers = largeBuffers(result);
  // What came is let go, and what was made on the way.
  collector.released(3 * sizeOf(largeBuffers(input)));
  if (buffers.length === 0) return result;
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result } as never);
}

/** Of octets that are large and have their buffer for themselves. */
function largeBuffers(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return [];
  const found = value instanceof Uint8Array ? [value] : Object.values(value);
  return found.flatMap((one) =>
    one instanceof Uint8Array &&
    one.length >= WORTH &&
    one.length === one.buffer.byteLength &&
    one.buffer instanceof ArrayBuffer
      ? [one.buffer]
      : [],
  );
}
function sizeOf(buffers: readonly ArrayBuffer[]): number {
  return buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
