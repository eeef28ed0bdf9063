import type { DatabaseSync } from 'node:sqlite';

/** One forward step of the schema. */
export interface Migration {
  readonly version: number;
  readonly oldestCompatible: number;
  readonly sql: string;
}
/**
 * A step of the embedded store that, after its `sql`, moves rows in portions, each in its own transaction.
 */
export interface MovingMigration extends Migration {
  /** Moves the next portion; returns the number of rows, 0 if none is left. */
  readonly moveSome: (db: DatabaseSync) => number;
  /** The number of rows that are still to be moved. */
  readonly left: (db: DatabaseSync) => number;
  /** SQL to run when none is left. */
  readonly behind: string;
}

interface Part {
  readonly oldestCompatible: number;
  readonly sql: string;
}
/** A step of both engines' schemas: from 12 on they have the same numbers. */
export interface StepOfBoth {
  readonly version: number;
  /** What the step changes in rows, for rows of an earlier version that are imported into PostgreSQL. It may run again. */
  readonly imported?: string;
  readonly sqlite: Part;
  readonly postgres: Part;
}
/**
 * A step that both engines can say in the same words, such as a column with a default. Programs of the schema before may use
 * the result: `oldest` names the oldest one of them, of SQLite.
 */
export function same(version: number, oldest: number, sql: string): StepOfBoth {
  return { version, sqlite: { oldestCompatible: oldest, sql }, postgres: { oldestCompatible: 1, sql } };
}
