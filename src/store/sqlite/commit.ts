/**
 * One batch of recorded transactions as one SQLite commit. Each stands in its own savepoint, so that a violated
 * constraint or a stale move undoes only its own; a lone one needs none. Counters of the same row are added up and
 * written once, for the transactions that succeeded. Fails as a whole with StoreError.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { ItemOutcome } from '../../runtime/group-commit.ts';
import { StaleError } from '../../runtime/transactor.ts';
import type { Command, SqlValue } from '../command.ts';
import { itemError, storeError } from './errors.ts';
import type { Statements } from './statements.ts';

export interface Recorded {
  readonly commands: readonly Command[];
  readonly bytes: number;
}

export function commitBatch(
  db: DatabaseSync,
  statements: Statements,
  batch: readonly Recorded[],
): readonly ItemOutcome[] {
  const exec = (sql: string) => void statements.get(sql).run();
  const tallies = new Map<string, { sql: string; params: SqlValue[] }>();
  function apply(recorded: Recorded): ItemOutcome {
    for (const command of recorded.commands) {
      if (command.tally === true) continue;
      try {
        const { changes } = statements.get(command.sql).run(...command.params);
        if (command.must && changes === 0) return new StaleError('the row has moved on or is gone');
      } catch (error) {
        const own = itemError(error, command);
        if (own === null) throw error;
        return own;
      }
    }
    return null;
  }
  function count(recorded: Recorded): void {
    for (const { sql, params, tally } of recorded.commands) {
      if (tally !== true) continue;
      const last = params.length - 1;
      const key = `${sql}\0${params.slice(0, last).join('\0')}`;
      const known = tallies.get(key);
      if (known === undefined) tallies.set(key, { sql, params: [...params] });
      else known.params[last] = Number(known.params[last]) + Number(params[last]);
    }
  }
  try {
    exec('BEGIN IMMEDIATE');
    const outcomes: ItemOutcome[] = [];
    for (const recorded of batch) {
      if (batch.length > 1) exec('SAVEPOINT item');
      const outcome = apply(recorded);
      outcomes.push(outcome);
      if (outcome === null) count(recorded);
      if (batch.length > 1) {
        if (outcome !== null) exec('ROLLBACK TO item');
        exec('RELEASE item');
      } else if (outcome !== null) {
        exec('ROLLBACK');
        return outcomes;
      }
    }
    for (const { sql, params } of tallies.values()) statements.get(sql).run(...params);
    exec('COMMIT');
    return outcomes;
  } catch (error) {
    const failure = storeError(error);
    try {
      // a full disk may have rolled back already
      if (db.isTransaction) exec('ROLLBACK');
    } catch (rollback) {
      throw storeError(rollback).retryable ? failure : storeError(rollback);
    }
    throw failure;
  }
}
