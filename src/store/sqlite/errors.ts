/** What SQLite's errors mean for the caller. Codes: https://www.sqlite.org/rescode.html */
import { ConflictError, StaleError, StoreError } from '../../runtime/transactor.ts';
import type { Command } from '../command.ts';
import { sqliteWords } from './words.ts';

const FULL = 13;
const BUSY = 5;
const LOCKED = 6;
const NOMEM = 7;
const CONSTRAINT = 19;
const CONSTRAINT_FOREIGN_KEY = 787;
const CONSTRAINT_TRIGGER = 1811;

function codeOf(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code : null;
}
export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && ((code & 0xff) === BUSY || (code & 0xff) === LOCKED);
}
/** The failure of one item; null if it concerns the whole store. */
export function itemError(error: unknown, command: Command): Error | null {
  if (error instanceof StaleError) return error;
  const code = codeOf(error);
  // not an error of SQLite: a value that cannot be bound
  if (code === null) return error instanceof Error ? error : new Error(String(error));
  if ((code & 0xff) !== CONSTRAINT) return null;
  if (code === CONSTRAINT_FOREIGN_KEY || code === CONSTRAINT_TRIGGER) {
    return command.foreign === undefined
      ? new StaleError('the referenced row is gone')
      : new ConflictError(command.foreign);
  }
  return new ConflictError(constraintName((error as Error).message));
}
/** 'UNIQUE constraint failed: topic.project_id, topic.name' is 'topic.name'; a CHECK is 'check.<its name>'. */
function constraintName(message: string): string {
  const names = message.slice(message.indexOf(':') + 1).trim();
  if (message.startsWith('CHECK')) return `check.${names}`;
  if (names === 'owned_domain.name') return 'owned_domain.verified';
  if (names === 'limit_request.project_id') return 'limit_request.open';
  return names.split(',').at(-1)!.trim();
}
/**
 * Full, busy and out of memory are temporary; an I/O error, corruption or anything unknown ends writing until
 * a restart.
 */
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const primary = code === null ? -1 : code & 0xff;
  const retryable = primary === FULL || primary === BUSY || primary === LOCKED || primary === NOMEM;
  return new StoreError(
    `sqlite: ${sqliteWords(error) ?? (error instanceof Error ? error.message : String(error))}`,
    retryable,
    error,
    primary === FULL,
  );
}
