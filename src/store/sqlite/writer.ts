/**
 * Who commits: a thread of its own (a server), or the caller's thread (commands, stores in memory). Both take batches
 * in order and give one outcome per item. Fails with StoreError; a thread that dies fails what was under way and
 * everything after it.
 */

import { getCompileCacheDir } from 'node:module';
import type { DatabaseSync } from 'node:sqlite';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import { StoreError } from '../../runtime/transactor.ts';
import { commitBatch, type Recorded } from './commit.ts';
import { shrinkFile } from './files.ts';
import type { Statements } from './statements.ts';
import { createEncoder, decodeError, type WireAnswer, type WireBatch, type WireShrink } from './wire.ts';
import type { WriterData } from './writer-thread.ts';

export interface Writer {
  commit(batch: readonly Recorded[]): Promise<readonly ItemOutcome[]>;
  /** One transaction as a commit of its own between two batches; resolves to the ms it took, rejects with its error. */
  commitAlone(recorded: Recorded): Promise<number>;
  /** See shrinkFile; the ms it took. */
  shrink(pages: number): Promise<number>;
  close(): Promise<void>;
}
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
    async close() {},
  };
}

export async function createThreadWriter(
  directory: string,
  maxPages: number | null,
  onCommit: OnCommit,
): Promise<Writer> {
  const { port1: port, port2 } = new MessageChannel();
  // with what the process has compiled already, the thread need not load the compiler
  const cache = getCompileCacheDir();
  const data: WriterData = { directory, maxPages, port: port2 };
  const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), {
    workerData: data,
    transferList: [port2],
    // flags of the process itself (test runners, profilers) are not the writer's business
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
    // batches are short-lived and few: a large nursery would only stay resident
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  const encode = createEncoder();
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
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
  port.on('message', ({ seq: id, outcomes, ops, ms }: WireAnswer) => {
    if (ops > 0) onCommit({ ops, ms });
    const asker = waiting.get(id);
    waiting.delete(id);
    if ('kind' in outcomes) asker?.reject(decodeError(outcomes));
    else
      asker?.resolve({ outcomes: outcomes.map((error) => (error === null ? null : decodeError(error))), ms });
  });
  function ask(wire: WireBatch | WireShrink, hands: readonly ArrayBuffer[]): Promise<Answer> {
    if (dead !== null) return Promise.reject(dead);
    return new Promise((resolve, reject) => {
      waiting.set(wire.seq, { resolve, reject });
      port.postMessage(wire, [...hands]);
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
    shrink: async (pages) => (await ask({ seq: seq++, shrink: pages }, [])).ms,
    async close() {
      port.postMessage(null);
      await exited;
      port.close();
    },
  };
}
