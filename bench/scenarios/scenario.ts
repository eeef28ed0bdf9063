/** What the scenarios share: a prepared store, the load, figures. */
import { readFileSync } from 'node:fs';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  portOf,
  type Running,
  temporaryDirectory,
} from '../../test/journeys/harness.ts';
import type { Load } from '../generator.ts';

export interface ScenarioOptions {
  readonly runs: number;
  /** Scales the case down for a quick look; the figure goes into the result. */
  readonly count: number | null;
  readonly kind: string | null;
  /** What keeps the store, where a scenario has the choice. */
  readonly engine: 'sqlite' | 'postgres';
  /** Of a scenario that has several; empty: all of them. */
  readonly parts: readonly string[];
  /** Where a scenario keeps what takes long to make; null: nowhere. */
  readonly keptIn: string | null;
  /** How long a scenario works that looks whether anything grows. */
  readonly minutes: number;
}
/** One line of output. */
export type Result = Record<string, unknown>;
const SETTINGS = { HIKYAKU_LIMIT_PER_MINUTE: '0', HIKYAKU_LIMIT_PER_DAY: '0' };
export const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
/** The q-quantile of numbers in ascending order. */
export const at = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;

/** Resident memory of a process, MiB. */
export function rss(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

/** A store with a verified domain, and the settings with which its submission port takes mail from loopback. */
export async function prepared(more: Record<string, string> = {}): Promise<{
  directory: string;
  who: Bootstrapped;
  settings: Record<string, string>;
}> {
  const directory = temporaryDirectory();
  const own = { ...SETTINGS, ...more };
  const who = await bootstrap(environment(directory, own), 'sender.test');
  return {
    directory,
    who,
    settings: { ...own, HIKYAKU_TRUSTED_NETWORKS: `127.0.0.0/8=${who.api_client_id}` },
  };
}

/** A load into the service's submission port. */
export function relay(service: Running, recipient: string, count: number, over: Partial<Load> = {}): Load {
  return {
    kind: 'smtp',
    host: '127.0.0.1',
    port: portOf(service.ready.submission),
    tls: 'none',
    user: null,
    secret: null,
    sessions: 20,
    persistent: true,
    count,
    size: 4096,
    sender: 'sender@sender.test',
    recipient,
    ...over,
  };
}
