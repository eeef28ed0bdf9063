/**
 * Which rows a query reads. The scheduler and the dispatcher get only rows that this member owns; people see
 * everyone's rows.
 */
import type { Reading } from './reading.ts';

export interface Member {
  readonly id: string;
  /** The members whose waiting rows it serves: itself and those that it has taken over. */
  readonly owners: () => readonly string[];
}
type Waiting = 'recipient' | 'subscriber_delivery';
export interface Owners {
  mine(table: Waiting): Promise<readonly string[]>;
  /** All members with waiting rows; one index lookup for each. */
  all(table: Waiting): Promise<readonly string[]>;
}
/** Orders that one index of the table has. */
const BEHIND = { recipient: 'project_id', subscriber_delivery: 'next_attempt_at' };
const walk = (table: Waiting) => `WITH RECURSIVE o (owner) AS (
    (SELECT owner FROM ${table} WHERE next_attempt_at IS NOT NULL ORDER BY owner, ${BEHIND[table]} LIMIT 1)
    UNION ALL
    SELECT (SELECT t.owner FROM ${table} t WHERE t.next_attempt_at IS NOT NULL AND t.owner > o.owner ORDER BY t.owner, t.${BEHIND[table]} LIMIT 1)
      FROM o WHERE o.owner IS NOT NULL
  ) SELECT owner FROM o WHERE owner IS NOT NULL`;

/** `member` null: a command, which treats every row as its own. */
export function createOwners(ask: Reading, member: Member | null): Owners {
  const all = async (table: Waiting) => (await ask<{ owner: string }>(walk(table))).map(({ owner }) => owner);
  return { all, mine: async (table) => (member === null ? all(table) : member.owners()) };
}
