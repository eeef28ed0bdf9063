/**
 * SQLite's calls that take minutes on a large store, run by a process of their own: a thread could not be ended in the
 * middle of one, and would hold up the signal that asks for it. Ending the process is as a kill: SQLite rolls back.
 * Rejects with the signal's reason, with StoreTooNew, or with BackupError, which says what SQLite said.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { moduleBeside } from '../../runtime/module-beside.ts';
import type { Progress, Watch } from '../../runtime/report.ts';
import { BackupError, StoreTooNew } from '../store.ts';

/** What it tells, line by line. */
export type Told =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly value: number }
  | { readonly kind: 'too new'; readonly oldest: number; readonly ours: number }
  | { readonly kind: 'failed'; readonly message: string };

const PROCESS = fileURLToPath(moduleBeside(import.meta.url, './aside-process'));

/** Looks through a file for damage, which BackupError tells; `what` names it. */
export async function checkAside(file: string, what: string, watch: Watch): Promise<void> {
  await aside(['check', file, what], { done: 0, total: null, unit: 'looking for damage' }, watch);
}
/** Looks through a store, in use or not, as far as its structure goes; it is only read. */
export async function lookAside(file: string, watch: Watch): Promise<void> {
  await aside(['look', file], { done: 0, total: null, unit: 'looking for damage' }, watch);
}
/** Copies a store, in use or not, into a file that is there and empty. */
export async function copyAside(from: string, to: string, watch: Watch): Promise<void> {
  await aside(['copy', from, to], { done: 0, total: null, unit: 'copying' }, watch);
}
/** Brings the store in the directory to our schema; its version. */
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
  // In a process group of its own: what is typed at the terminal is for the command, which decides.
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
      last?.kind === 'failed' ? last.message : 'the process that looks at the store was ended',
    );
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
