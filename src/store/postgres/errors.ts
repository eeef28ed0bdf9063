/**
 * What PostgreSQL's errors mean for the caller. SQLSTATEs:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html Invariant: an error that a new connection, a
 * restart or a person can repair is never reported as final; only a fence is final.
 */
import pg from 'pg';
import { ConflictError, StaleError, StoreError } from '../../runtime/transactor.ts';

/** null if it is not an answer of the server: the connection failed (or the data could not be sent). */
export function stateOf(error: unknown): string | null {
  return error instanceof pg.DatabaseError && error.code !== undefined ? error.code : null;
}
/** The session is over or useless: shut down, failed over to a replica, cut off. */
export function isLost(error: unknown): boolean {
  const state = stateOf(error);
  if (state === null) return true;
  // 57P05: idle too long, 25P03: idle in a transaction, 25006: a replica now
  return /^(08|57P0[1235]|25P03|25006)/.test(state);
}
/** Deadlocks and serialization failures: write the same batch again. */
export function isTransient(error: unknown): boolean {
  return ['40P01', '40001'].includes(stateOf(error) ?? '');
}
/** A day's partition is gone or was never made. */
export function isUnpartitioned(error: unknown): boolean {
  return stateOf(error) === '23514' && (error as pg.DatabaseError).constraint === undefined;
}
/** The prepared statement was made before the schema changed. */
export function isOutdatedPlan(error: unknown): boolean {
  return stateOf(error) === '0A000' && /cached plan/.test((error as Error).message);
}
/**
 * The failure of one item; null if it concerns the whole batch. `foreign`: the name of the conflict for a
 * violated foreign key.
 */
export function itemError(error: unknown, foreign?: string): Error | null {
  if (error instanceof StaleError) return error;
  const state = stateOf(error);
  if (state === null) return null;
  if (state === '23503')
    return foreign === undefined
      ? new StaleError('what the row refers to is gone')
      : new ConflictError(foreign);
  if (state.startsWith('23')) return new ConflictError(conflictName(error as pg.DatabaseError));
  // Data that cannot be stored, or that exceeds a limit of the program (54): only this item is at fault.
  if (state.startsWith('22') || state.startsWith('54')) return error as Error;
  return null;
}
const NAMES: Readonly<Record<string, string>> = {
  directory_verified_domain: 'owned_domain.verified',
  directory_mta_domain_name: 'mta_domain.name',
  directory_mta_domain: 'mta_domain.id',
  directory_api_client: 'api_client.id',
  directory_static_key: 'static_key.id',
  directory_limit_request: 'limit_request.id',
};
/** 'topic_name' of table topic is 'topic.name'; a CHECK is 'check.<its name>'. */
function conflictName({ code, table = '', constraint = '', column }: pg.DatabaseError): string {
  const whole = table.replace(/_d\d+$/, '');
  if (code === '23502') return `${whole}.${column ?? ''}`;
  if (code === '23514') return `check.${constraint}`;
  const known = NAMES[constraint];
  if (known !== undefined) return known;
  if (constraint.endsWith('_pkey') || !constraint.startsWith(`${whole}_`)) return `${whole}.id`;
  return `${whole}.${constraint.slice(whole.length + 1)}`;
}
export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  // 53100: disk_full
  const full = stateOf(error) === '53100';
  return new StoreError(
    `postgres: ${error instanceof Error ? error.message : String(error)}`,
    true,
    error,
    full,
  );
}
