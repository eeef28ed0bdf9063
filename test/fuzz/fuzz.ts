/**
 * `npm run fuzz [-- --seconds N --seed N --keep --tree DIR | --before COMMIT] [target …]`: coverage-guided fuzzing of what
 * reads foreign octets. An input fails that makes its reader throw, takes over 50 ms of CPU, or never ends. It is written
 * to `test/fuzz/found`, and the run ends with 1. `--keep` makes the corpus one of
 * what reached new code, what has a name of its own aside; with `--seconds 0` it is only trimmed. `--before`
 * fuzzes another commit's `src`, to see that the fuzzer finds what was wrong in it; with `--expect TEXT` the run ends with
 * 0 where a failure has the text, and with 1 where none has.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { MOST_MS } from './engine/cpu.ts';
import { createDesk, type Orders, readDesk } from './engine/desk.ts';
import type { News } from './engine/hunt.ts';
import type { Weighed } from './engine/weigh.ts';

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, '../..');
const LONGEST = 64 * 1024;
/** An input that is read for so long is given to three fresh threads; what ends in none of them, never ends. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 250;
/** Inputs worth keeping are short. */
const MOST_KEPT = 2048;
/** Names that inputs are given here. */
const HASHED = /^[0-9a-f]{16}$/;

type Done = Extract<News, { kind: 'done' }>;
type Told = Exclude<News, Done>;
interface Failure {
  readonly input: Uint8Array;
  readonly what: string;
}
interface Outcome {
  readonly failures: readonly Failure[];
  /** null: the thread did not come to its end. */
  readonly done: Done | null;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
    tree: { type: 'string' },
    before: { type: 'string' },
    expect: { type: 'string' },
  },
});
const targets = globSync('*.fuzz.ts', { cwd: HERE })
  .map((file) => basename(file, '.fuzz.ts'))
  .sort();
const unknown = positionals.find((name) => !targets.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`no such target: ${unknown}; there are ${targets.join(', ')}\n`);
  process.exit(2);
}
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const checkout = values.before === undefined ? null : checkoutOf(values.before);
const tree = checkout ?? resolve(values.tree ?? ROOT);
const failures: Failure[] = [];
try {
  for (const name of positionals.length === 0 ? targets : positionals) failures.push(...(await fuzz(name)));
} finally {
  if (checkout !== null) rmSync(checkout, { recursive: true });
}
const { expect } = values;
const wanted =
  expect === undefined ? failures.length === 0 : failures.some(({ what }) => what.includes(expect));
if (expect !== undefined) process.stdout.write(`${wanted ? 'found' : 'NOT FOUND'}: ${expect}\n`);
process.exit(wanted ? 0 : 1);

async function fuzz(name: string): Promise<readonly Failure[]> {
  const corpus = join(HERE, 'corpus', name);
  const all = existsSync(corpus) ? readdirSync(corpus) : [];
  // What was found since may be the very answer: an older tree begins with the plain inputs alone.
  const files = checkout === null ? all : all.filter((file) => !HASHED.test(file));
  const seeds = files.map((file) => readFileSync(join(corpus, file)));
  const orders = { tree, file: join(HERE, `${name}.fuzz.ts`), seed };
  const began = performance.now();
  const outcome = await watch({ ...orders, seeds, seconds: Number(values.seconds) });
  const took = (performance.now() - began) / 1000;
  for (const { input, what } of outcome.failures) {
    process.stdout.write(
      `${name}: ${what.split('\n').slice(0, 8).join('\n  ')}\n  input: ${write(join(HERE, 'found', name), input)}\n`,
    );
    process.stdout.write(`  ${JSON.stringify(Buffer.from(input).toString('latin1').slice(0, 200))}\n`);
  }
  const { done } = outcome;
  process.stdout.write(
    `${name}: ${outcome.failures.length} failures in ${took.toFixed(0)} s, ${seeds.length} seeds, seed ${seed}` +
      (done === null
        ? '\n'
        : `, ${done.runs} runs, slowest ${done.slowestMs.toFixed(1)} ms, ${done.blocks.run} of ${done.blocks.known} blocks\n`),
  );
  if (values.keep && done !== null) {
    const named = files.filter((file) => !HASHED.test(file)).map((file) => readFileSync(join(corpus, file)));
    for (const file of files) if (HASHED.test(file)) rmSync(join(corpus, file));
    for (const input of done.kept)
      if (input.length <= MOST_KEPT && !named.some((one) => one.equals(input))) write(corpus, input);
  }
  return outcome.failures;
}

/** Lets a thread hunt, and looks after it. */
async function watch(orders: Omit<Orders, 'desk'>): Promise<Outcome> {
  const failures: Failure[] = [];
  const slow: Uint8Array[] = [];
  const first = await startThread(orders, (news) => {
    if (news.kind === 'slow') slow.push(news.input);
    else failures.push(news);
  });
  failures.push(...(await findSlow(orders, slow)));
  if (first.kind === 'done') return { failures, done: first.done };
  const again = { ...orders, seeds: [first.input], seconds: 0 };
  const others = await Promise.all([1, 2, 3].map(() => startThread(again, () => {})));
  const what = others.every(({ kind }) => kind === 'lost') ? first.what : `${first.what}; not again`;
  return { failures: [...failures, { input: first.input, what }], done: null };
}

/** The slowest of the inputs, where it takes too long in a fresh thread as well. */
async function findSlow(
  { tree, file }: Omit<Orders, 'desk'>,
  inputs: readonly Uint8Array[],
): Promise<Failure[]> {
  let worst: { readonly input: Uint8Array; readonly ms: number } | null = null;
  for (const input of inputs) {
    const ms = await weigh({ tree, file, input });
    if (ms > MOST_MS && ms > (worst?.ms ?? 0)) worst = { input, ms };
  }
  if (worst === null) return [];
  const { input, ms } = worst;
  return [{ input, what: `takes ${ms.toFixed(0)} ms of CPU for ${input.length} octets` }];
}
/** Milliseconds of CPU. */
async function weigh(weighed: Weighed): Promise<number> {
  const thread = new Worker(join(HERE, 'engine/weigh.ts'), { workerData: weighed });
  const [ms] = (await once(thread, 'message')) as [number];
  await thread.terminate();
  return ms;
}

type End =
  | { readonly kind: 'done'; readonly done: Done }
  | { readonly kind: 'lost'; readonly input: Buffer; readonly what: string };

async function startThread(orders: Omit<Orders, 'desk'>, tell: (news: Told) => void): Promise<End> {
  const desk = createDesk(LONGEST);
  const thread = new Worker(join(HERE, 'engine/hunt.ts'), {
    workerData: { ...orders, desk } satisfies Orders,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  const ended = new AbortController();
  const end = new Promise<End>((done) => {
    thread.on('message', (news: News) => {
      if (news.kind === 'done') done({ kind: 'done', done: news });
      else tell(news);
    });
    thread.on('error', (error: Error) =>
      done({
        kind: 'lost',
        input: readDesk(desk).input,
        what: `ends the thread: ${error.stack ?? error.message}`,
      }),
    );
  });
  const stuck = lookAfter(desk, ended.signal);
  const result = await Promise.race([end, stuck]);
  ended.abort();
  await thread.terminate();
  return result;
}
async function lookAfter(desk: Orders['desk'], signal: AbortSignal): Promise<End> {
  let last = { begun: -1, at: performance.now() };
  for (;;) {
    await pause(LOOK_MS);
    if (signal.aborted) return new Promise(() => {});
    const { begun, input } = readDesk(desk);
    if (begun !== last.begun) last = { begun, at: performance.now() };
    else if (performance.now() - last.at > PATIENCE_MS)
      return { kind: 'lost', input, what: `never ends (${PATIENCE_MS / 1000} s, ${input.length} octets)` };
  }
}

function write(directory: string, input: Uint8Array): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(file, input);
  return file;
}
function checkoutOf(commit: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-fuzz-'));
  const files = execFileSync('git', ['archive', commit, 'src', 'package.json'], {
    cwd: ROOT,
    maxBuffer: 2 ** 28,
  });
  execFileSync('tar', ['-x', '-C', directory], { input: files });
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}
