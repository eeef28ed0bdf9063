import type { DatabaseSync } from 'node:sqlite';

/** One step of the schema forward. */
export interface Migration {
  readonly version: number;
  readonly oldestCompatible: number;
  readonly sql: string;
}
/** One of the embedded store behind whose `sql` rows are moved, some at a time, each time in a transaction of its own. */
export interface MovingMigration extends Migration {
  /** Moves what is next; how many rows, 0 where none is left. */
  readonly moveSome: (db: DatabaseSync) => number;
  /** Rows that are left to be moved. */
  readonly left: (db: DatabaseSync) => number;
  /** When none is left. */
  readonly behind: string;
}

interface Part {
  readonly oldestCompatible: number;
  readonly sql: string;
}
/** A step of both engines' schemas: from 12 on they have the same numbers. */
export interface StepOfBoth {
  readonly version: number;
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
