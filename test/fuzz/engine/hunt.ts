/**
 * A thread that hunts: changes inputs, has them read, keeps those that reach new code or take long for their length. It
 * says which input it begins in shared memory, so that its parent knows the one it never came back from.
 */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { createCoverage } from './coverage.ts';
import { cpuOf, MOST_MS } from './cpu.ts';
import { type Orders, writeDesk } from './desk.ts';
import { mutate } from './mutate.ts';
import { createDice } from './random.ts';
import type { Target } from './target.ts';

export type News =
  | { readonly kind: 'failed'; readonly input: Uint8Array; readonly what: string }
  /** Took over the limit here, where the count of the code that ran makes it several times slower. */
  | { readonly kind: 'slow'; readonly input: Uint8Array }
  | {
      readonly kind: 'done';
      readonly runs: number;
      readonly slowestMs: number;
      readonly blocks: { readonly run: number; readonly known: number };
      /** Inputs, seeds among them, that reached code which no earlier one did. */
      readonly kept: readonly Uint8Array[];
    };

/** Where the clock says more for one input, its CPU time is measured. */
const SUSPECT_MS = 15;
const BATCH = 32;
/** One batch in so many is looked at input by input, for how often code ran. */
const CLOSELY = 16;
const LONGEST = 64 * 1024;
const MOST_FAILURES = 20;
const MOST_SLOW = 20;
const MOST_POOL = 4000;

const { desk, tree, file, seeds, seed, seconds } = workerData as Orders;
const { target } = (await import(pathToFileURL(file).href)) as { target: Target };
const source = pathToFileURL(`${tree}/src/`).href;
const coverage = createCoverage(source);
const read = await target.open((module) => import(source + module));
const dice = createDice(seed);
const words = target.words.map((word) => Buffer.from(word, 'utf8'));
const longest = Math.min(target.longest ?? LONGEST, LONGEST);
const pool: Buffer[] = seeds.map((octets) => Buffer.from(octets));
const kept: Buffer[] = [];
const failed = new Set<string>();
/** Of each length, about, the input that took longest. */
const slowest = new Map<number, { readonly took: number; readonly input: Buffer }>();
let runs = 0;
let slowestMs = 0;
let slowTold = 0;

/** Has one input read. What is wrong with it is told to the parent. */
async function attempt(input: Buffer): Promise<void> {
  writeDesk(desk, input);
  runs++;
  const began = performance.now();
  try {
    const pending = read(input);
    if (pending !== undefined) await pending;
    const took = performance.now() - began;
    const cpu = took > SUSPECT_MS ? await cpuOf(read, input, 3) : took;
    if (cpu > MOST_MS && cpu > slowestMs && slowTold++ < MOST_SLOW) tell({ kind: 'slow', input });
    slowestMs = Math.max(slowestMs, cpu);
    noteTime(input, cpu);
  } catch (error) {
    fail(input, `throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
function noteTime(input: Buffer, took: number): void {
  const size = Math.floor(Math.log2(input.length + 1));
  if (took > (slowest.get(size)?.took ?? 0) * 1.25) slowest.set(size, { took, input });
}
function add(input: Buffer): void {
  if (pool.length < MOST_POOL) pool.push(input);
}
/** Once for each kind. */
function fail(input: Buffer, what: string): void {
  const kind = what.split('\n', 2).join(' ').replace(/\d+/g, '0');
  if (failed.has(kind) || failed.size >= MOST_FAILURES) return;
  failed.add(kind);
  tell({ kind: 'failed', input, what });
}
function tell(news: News): void {
  parentPort!.postMessage(news);
}

if (pool.length === 0) pool.push(Buffer.from('a'));
// Short ones first: a longer one is kept where it reaches what they do not.
pool.sort((a, b) => a.length - b.length);
coverage.forget();
for (const input of pool) {
  await attempt(input);
  if (coverage.learn()) kept.push(input);
}
// Once more: what is measured is to be compiled by then.
for (const input of pool) await attempt(input);
coverage.learnCounts();
slowest.clear();
slowestMs = 0;
const until = performance.now() + seconds * 1000;
for (let batch = 0; performance.now() < until; batch++) {
  const slow = [...slowest.values()].map(({ input }) => input);
  const inputs = Array.from({ length: BATCH }, () => mutate(dice, { pool, slow, words, longest }));
  const closely = batch % CLOSELY === 0;
  coverage.forget();
  for (const input of inputs) {
    await attempt(input);
    if (!closely) continue;
    const learnt = coverage.learnCounts();
    if (learnt !== null) add(input);
    if (learnt === 'code') kept.push(input);
  }
  if (closely || !coverage.isNew()) continue;
  for (const input of inputs) {
    await attempt(input);
    if (!coverage.learn()) continue;
    add(input);
    kept.push(input);
  }
}
tell({ kind: 'done', runs, slowestMs, blocks: coverage.blocks, kept });
