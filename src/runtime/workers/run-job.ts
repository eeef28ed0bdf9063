/**
 * Runs in a thread: one job after the other. Large octets of a result (the result itself, or a property of
 * it) are transferred, not copied. The octets of the call are garbage after the job and are collected soon.
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
  // The input is released, and what was made from it.
  collector.released(3 * sizeOf(largeBuffers(input)));
  if (buffers.length === 0) return result;
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result } as never);
}

/** The buffers of octets that are large and do not share their buffer. */
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
