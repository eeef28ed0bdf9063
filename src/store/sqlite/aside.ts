/**
 * SQLite calls that take minutes on a large store run in a separate process. A thread could not be ended in
 * the middle of one, and would delay the signal that asks for it. Ending the process is like a kill: SQLite
 * rolls back. Rejects with the signal's reason, with StoreTooNew, or with BackupError, which has SQLite's
 * message.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { moduleBeside } from '../../runtime/module-beside.ts';
import type { Progress, Watch } from '../../runtime/report.ts';
import { BackupError, StoreTooNew } from '../store.ts';

/** What the process reports, line by line. */
export type Told =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly value: number }
  | { readonly kind: 'too new'; readonly oldest: number; readonly ours: number }
  | { readonly kind: 'failed'; readonly message: string };

const PROCESS = fileURLToPath(moduleBeside(import.meta.url, './aside-process'));

/** Checks a file for damage, which BackupError reports; `what` names the file in the error. */
export async function checkAside(file: string, what: string, watch: Watch): Promise<void> {
  await aside(['check', file, what], { done: 0, total: null, unit: 'looking for damage' }, watch);
}
/** Checks the structure of a store for damage, whether it is in use or not; the store is only read. */
export async function lookAside(file: string, watch: Watch): Promise<void> {
  await aside(['look', file], { done: 0, total: null, unit: 'looking for damage' }, watch);
}
/** Copies a store, whether it is in use or not, into an existing empty file. */
export async function copyAside(from: string, to: string, watch: Watch): Promise<void> {
  await aside(['copy', from, to], { done: 0, total: null, unit: 'copying' }, watch);
}
/** Migrates the store in the directory to our schema; returns its version. */
export async function migrateAside(directory: string, watch: Watch): Promise<number> {
  return await aside(['migrate', directory], null, watch);
}

async function aside(
  args: readonly string[],
  first: Progress | null,
  { report, signal }: Watch,
): Promise<number> {
  signal.throwIfAborted();
  if (first !== null) report(first);
  // In its own process group: keys typed at the terminal go to the command, which decides.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROCESS, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const end = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', end);
  const exited = once(child, 'exit');
  try {
    let last: Told | null = null;
    for await (const line of createInterface({ input: child.stdout })) {
      last = JSON.parse(line) as Told;
      if (last.kind === 'progress') report(last.progress);
    }
    await exited;
    signal.throwIfAborted();
    if (last?.kind === 'done') return last.value;
    if (last?.kind === 'too new') throw new StoreTooNew(last.oldest, last.ours);
    throw new BackupError(
      last?.kind === 'failed' ? last.message : 'the process that works on the store was killed',
    );
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
