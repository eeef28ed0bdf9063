/** A thread that says how much CPU time one input takes where nothing counts the code that runs. */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { cpuOf } from './cpu.ts';
import type { Target } from './target.ts';

export interface Weighed {
  /** Directory of the tree whose `src` is fuzzed. */
  readonly tree: string;
  /** The target's file. */
  readonly file: string;
  readonly input: Uint8Array;
}

const RUNS = 10;

const { tree, file, input } = workerData as Weighed;
const { target } = (await import(pathToFileURL(file).href)) as { target: Target };
const source = pathToFileURL(`${tree}/src/`).href;
const read = await target.open((module) => import(source + module));
parentPort!.postMessage(await cpuOf(read, Buffer.from(input), RUNS));
