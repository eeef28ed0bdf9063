/**
 * Who commits: a separate thread (in a server), or the caller's thread (commands, stores in memory). Both
 * take batches in order and return one outcome per item. Fails with StoreError; if the thread dies, its
 * running and all later transactions fail.
 */

import { getCompileCacheDir } from 'node:module';
import type { DatabaseSync } from 'node:sqlite';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import { moduleBeside } from '../../runtime/module-beside.ts';
import type { Report } from '../../runtime/report.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { BackupError } from '../store.ts';
import { commitBatch, type Recorded } from './commit.ts';
import { shrinkFile } from './files.ts';
import type { LogState } from './log-state.ts';
import type { Statements } from './statements.ts';
import { createEncoder, decodeError, type WireAsked, type WireTold } from './wire.ts';
import type { WriterData } from './writer-thread.ts';

export interface Writer {
  commit(batch: readonly Recorded[]): Promise<readonly ItemOutcome[]>;
  /**
   * Commits one transaction separately, between two batches; resolves to the ms it took, rejects with its
   * error.
   */
  commitAlone(recorded: Recorded): Promise<number>;
  /** See shrinkFile; returns the ms it took. */
  shrink(pages: number): Promise<number>;
  /** See copyStore; the file exists and is empty. Rejects with BackupError. */
  copy(file: string, report: Report, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
/** Made once: a function made for each batch would keep the batch in memory. */
const NO_REPORT: Report = () => {};

type OnCommit = (info: { ops: number; ms: number }) => void;
interface Answer {
  readonly outcomes: readonly ItemOutcome[];
  readonly ms: number;
}

export function createOwnWriter(
  db: DatabaseSync,
  statements: Statements,
  monotonic: () => number,
  onCommit: OnCommit,
): Writer {
  return {
    async commit(batch) {
      const began = monotonic();
      const outcomes = commitBatch(db, statements, batch);
      onCommit({ ops: batch.length, ms: monotonic() - began });
      return outcomes;
    },
    async commitAlone(recorded) {
      const began = monotonic();
      const [outcome] = commitBatch(db, statements, [recorded]);
      if (outcome) throw outcome;
      return monotonic() - began;
    },
    async shrink(pages) {
      const began = monotonic();
      shrinkFile(db, pages);
      return monotonic() - began;
    },
    async copy() {
      throw new BackupError('only a service copies its store');
    },
    async close() {},
  };
}

export async function createThreadWriter(
  directory: string,
  maxPages: number | null,
  onCommit: OnCommit,
  onLog: (state: LogState) => void,
): Promise<Writer> {
  const { port1: port, port2 } = new MessageChannel();
  // with what the process has already compiled, the thread need not load the compiler
  const cache = getCompileCacheDir();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const data: WriterData = { directory, maxPages, port: port2, bell };
  const worker = new Worker(moduleBeside(import.meta.url, './writer-thread'), {
    workerData: data,
    transferList: [port2],
    // the writer does not need the process's own flags (test runners, profilers)
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
    // batches are short-lived and few: a large nursery would only stay resident
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  const encode = createEncoder();
  interface Asker {
    readonly resolve: (answer: Answer) => void;
    readonly reject: (error: Error) => void;
    readonly report: Report;
  }
  const waiting = new Map<number, Asker>();
  let seq = 0;
  let dead: StoreError | null = null;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  function die(error: unknown): void {
    dead ??= new StoreError('the writer thread has ended', false, error);
    for (const { reject } of waiting.values()) reject(dead);
    waiting.clear();
  }
  worker.on('error', die);
  worker.on('exit', () => die(null));
  function send(wire: WireAsked, hands: readonly ArrayBuffer[] = []): void {
    // Wakes a thread that rests between two steps of a copy.
    Atomics.add(bell, 0, 1);
    Atomics.notify(bell, 0);
    port.postMessage(wire, [...hands]);
  }
  port.on('message', (told: WireTold) => {
    if (!('seq' in told)) return onLog(told.log);
    const asker = waiting.get(told.seq);
    if ('done' in told) return asker?.report({ done: told.done, total: told.total, unit: 'pages' });
    const { seq: id, outcomes, ops, ms } = told;
    if (ops > 0) onCommit({ ops, ms });
    onLog(told.log);
    waiting.delete(id);
    if ('kind' in outcomes) asker?.reject(decodeError(outcomes));
    else
      asker?.resolve({ outcomes: outcomes.map((error) => (error === null ? null : decodeError(error))), ms });
  });
  function ask(
    wire: Exclude<WireAsked, null> & { readonly seq: number },
    hands: readonly ArrayBuffer[] = [],
    report = NO_REPORT,
  ): Promise<Answer> {
    if (dead !== null) return Promise.reject(dead);
    return new Promise((resolve, reject) => {
      waiting.set(wire.seq, { resolve, reject, report });
      send(wire, hands);
    });
  }
  function commit(batch: readonly Recorded[]): Promise<Answer> {
    const wire = encode(seq++, batch);
    return ask(wire, [wire.block]);
  }
  return {
    commit: async (batch) => (await commit(batch)).outcomes,
    async commitAlone(recorded) {
      const { outcomes, ms } = await commit([recorded]);
      if (outcomes[0]) throw outcomes[0];
      return ms;
    },
    async copy(file, report, signal) {
      signal.throwIfAborted();
      const id = seq++;
      const breakOff = () => send({ breakOff: id });
      signal.addEventListener('abort', breakOff, { once: true });
      try {
        await ask({ seq: id, copy: file }, [], report);
      } finally {
        signal.removeEventListener('abort', breakOff);
      }
    },
    shrink: async (pages) => (await ask({ seq: seq++, shrink: pages })).ms,
    async close() {
      send(null);
      await exited;
      port.close();
    },
  };
}
