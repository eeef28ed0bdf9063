/**
 * Counted caps as conditions of a transaction: it fails with StaleError unless there are fewer than `most` rows.
 * The first statement locks the row that the counted rows belong to, so that transactions of all nodes count one
 * after the other. The count is a statement of its own: on PostgreSQL, only a new statement sees what the
 * transaction that held the lock has committed.
 */
import type { Kysely, SelectQueryBuilder } from 'kysely';
import { command, type Push } from '../command.ts';
import type { Tables } from '../schema/tables.ts';

interface Owner {
  readonly table: 'member' | 'project' | 'mta_domain';
  readonly id: string;
}

/** `counted`: a query of the number of rows. Record it before the insert, by the same `push`. */
export function cap(
  db: Kysely<Tables>,
  push: Push,
  { table, id }: Owner,
  counted: SelectQueryBuilder<Tables, never, { n: number }>,
  most: number,
): void {
  const owner = db
    .updateTable(table as 'project')
    .set((row) => ({ created_at: row.ref('created_at') }))
    .where('id', '=', id);
  push(command(owner, { must: true }));
  push(
    command(
      owner.where((e) => e(counted, '<', most)),
      { must: true },
    ),
  );
}
