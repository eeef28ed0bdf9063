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
/** A step of both engines' schemas. From step 12 on, both engines use the same numbers. */
export interface StepOfBoth {
  readonly version: number;
  /** The part of the step that changes rows. The import into PostgreSQL runs it on older rows. It may run repeatedly. */
  readonly imported?: string;
  readonly sqlite: Part;
  readonly postgres: Part;
}
/**
 * A step with the same SQL for both engines, such as a new column with a default. Programs of earlier schemas may use the
 * result; for SQLite, `oldest` is the version of the oldest schema whose programs may.
 */
export function same(version: number, oldest: number, sql: string): StepOfBoth {
  return { version, sqlite: { oldestCompatible: oldest, sql }, postgres: { oldestCompatible: 1, sql } };
}
