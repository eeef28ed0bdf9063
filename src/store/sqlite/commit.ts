/**
 * Commits one batch of recorded transactions as one SQLite commit. Savepoints cost an eighth of a batch's
 * time and rarely matter, so a batch is first written without them. If one of its transactions fails (a
 * violated constraint, a stale move), the batch is undone and written again with a savepoint for each, so
 * only the failed transactions are undone. Counters of the same row are summed and written once, for the
 * transactions that succeeded. Fails as a whole with StoreError.
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
  /** By the statement, and by the values that select the row. */
  const tallies = new Map<string, Map<string, SqlValue[]>>();
  function apply(recorded: Recorded): ItemOutcome {
    for (const command of recorded.commands) {
      if (command.tally !== undefined) continue;
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
      if (tally === undefined) continue;
      const first = params.length - tally;
      let rows = tallies.get(sql);
      if (rows === undefined) {
        rows = new Map();
        tallies.set(sql, rows);
      }
      const key = params.slice(0, first).join('\0');
      const known = rows.get(key);
      if (known === undefined) rows.set(key, [...params]);
      else for (let i = first; i < params.length; i += 1) known[i] = Number(known[i]) + Number(params[i]);
    }
  }
  function applyAll(savepoints: boolean): ItemOutcome[] {
    return batch.map((recorded) => {
      if (savepoints) exec('SAVEPOINT item');
      const outcome = apply(recorded);
      if (savepoints && outcome !== null) exec('ROLLBACK TO item');
      if (savepoints) exec('RELEASE item');
      return outcome;
    });
  }
  try {
    exec('BEGIN IMMEDIATE');
    let outcomes = applyAll(false);
    if (outcomes.some((outcome) => outcome !== null)) {
      exec('ROLLBACK');
      if (batch.length === 1) return outcomes;
      exec('BEGIN IMMEDIATE');
      outcomes = applyAll(true);
    }
    batch.forEach((recorded, i) => {
      if (outcomes[i] === null) count(recorded);
    });
    for (const [sql, rows] of tallies) for (const params of rows.values()) statements.get(sql).run(...params);
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
