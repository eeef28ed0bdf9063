/**
 * Runs work that takes too long for the event loop in threads. Threads start when they are first needed and
 * end when they are idle; projects share their places (places.ts). The job itself limits its work by
 * counting. The limits of CPU time and memory of its thread are only a backstop, and wall time is never
 * limited: a job has the same result on an idle and on a busy machine. A job that exceeds the backstop ends
 * with TooComplex, and its thread ends with it; other jobs are not affected.
 */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Clock } from './clock.ts';
import { moduleBeside } from './module-beside.ts';
import { createPlaces } from './places.ts';
import { CPU_AT_START, type JobCall, THREAD } from './workers/job-call.ts';

export { NoPlace } from './places.ts';
/** The job exceeded its CPU time or its memory. */
export class TooComplex extends Error {
  override name = 'TooComplex';
}
/** The name of a function that the job module exports. */
export type JobName = string;
export interface JobOptions {
  /** The project whose place the job takes. */
  readonly share: string;
  /** Buffers that are transferred instead of copied. */
  readonly transfer?: readonly ArrayBuffer[];
  readonly signal?: AbortSignal;
  /** ms for which the job waits for a place, if it differs from the pool's setting. */
  readonly waitMs?: number;
}
export interface Workers extends AsyncDisposable {
  /**
   * Runs the named job of the job module off the event loop. If `input` is a function, it is called once
   * there is a place, so no copies wait; all octets of its result that have their own buffer are transferred.
   * Rejects with NoPlace if no place became free in time, with TooComplex if the job exceeded its CPU time or
   * memory, with the signal's reason if it was aborted, or with the job's own error.
   */
  run<T>(job: JobName, input: unknown, options: JobOptions): Promise<T>;
}
export interface WorkersOptions {
  /** The module whose exported functions are the jobs. */
  readonly jobs: URL;
  readonly clock: Clock;
  readonly threads?: number;
  /** ms for which a job waits for a place. */
  readonly waitMs?: number;
  /** ms of CPU time of one job. */
  readonly cpuMs?: number;
  /** MiB of heap of one thread. */
  readonly heapMiB?: number;
}
const IDLE_MS = 30_000;
const LOOK_MS = 250;

/** A copy of the octets with its own buffer, to be transferred: the buffer contains nothing else. */
export function packed(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(octets.length);
  copy.set(octets);
  return copy;
}

export function createWorkers({
  jobs,
  clock,
  threads = Math.max(2, Math.min(4, availableParallelism())),
  waitMs = 10_000,
  cpuMs = 20_000,
  heapMiB = 192,
}: WorkersOptions): Workers {
  const places = createPlaces(threads, clock);
  const running = new Set<AbortController>();
  const state = { pool: null as Piscina | null, closed: false };

  function open(): Piscina {
    const pool = new Piscina({
      filename: fileURLToPath(moduleBeside(import.meta.url, './workers/run-job')),
      workerData: { jobs: jobs.href },
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    });
    // A thread that cannot start has no job yet: the jobs that wait for a thread get the error.
    pool.on('error', (error: unknown) => {
      for (const controller of running) controller.abort(error);
    });
    return pool;
  }

  return {
    async run<T>(job: JobName, input: unknown, options: JobOptions): Promise<T> {
      const { share, transfer, signal } = options;
      using _ = await places.take(share, { waitMs: options.waitMs ?? waitMs, signal });
      if (state.closed) throw new Error('the workers are closed');
      state.pool ??= open();
      const controller = new AbortController();
      const enough = () => controller.abort(signal!.reason);
      signal?.addEventListener('abort', enough, { once: true });
      running.add(controller);
      const meter = new Float64Array(new SharedArrayBuffer(16));
      using _watch = watch(state.pool, meter, cpuMs, () =>
        controller.abort(new TooComplex(`${job} took too much CPU`)),
      );
      try {
        const given: unknown = typeof input === 'function' ? input() : input;
        const owned = typeof input === 'function' ? ownBuffers(given) : (transfer ?? []);
        const call: JobCall = { job, input: given, meter };
        return await state.pool.run(call, {
          signal: controller.signal,
          transferList: [...owned],
        });
      } catch (error) {
        if (controller.signal.aborted) throw controller.signal.reason;
        if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
          throw new TooComplex(`${job} took too much memory`, { cause: error });
        throw error;
      } finally {
        running.delete(controller);
        signal?.removeEventListener('abort', enough);
      }
    },
    async [Symbol.asyncDispose]() {
      state.closed = true;
      for (const controller of running) controller.abort(new Error('the workers are closed'));
      await state.pool?.destroy();
    },
  };
}

/** The buffers of octets in the object's own properties, if the octets do not share them. */
function ownBuffers(input: unknown): ArrayBuffer[] {
  return Object.values(input as object).flatMap((one) =>
    one instanceof Uint8Array && one.buffer instanceof ArrayBuffer && one.length === one.buffer.byteLength
      ? [one.buffer]
      : [],
  );
}

/**
 * Checks now and then how much CPU time the thread has used since the job began. The job itself stores its
 * thread and start.
 */
function watch(pool: Piscina, meter: Float64Array, cpuMs: number, over: () => void): Disposable {
  const look = async () => {
    const thread: Worker | undefined = pool.threads.find(({ threadId }) => threadId === meter[THREAD]);
    const used = await thread?.cpuUsage().catch(() => undefined); // the thread has ended
    if (used !== undefined && (used.user + used.system - meter[CPU_AT_START]!) / 1000 > cpuMs) over();
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
