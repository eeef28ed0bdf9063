/**
 * Removes what removed owners have left: a topic's events, a subscriber's deliveries, and the parts of a
 * message that were more than one step. `leftover` names these owners (migration 010), a message by its
 * number; so a request that removes a topic or a subscriber with a million rows only writes one row. Readers
 * do not show leftover rows. Invariant: a name stays until nothing of it is left.
 */
import type { SqlValue } from '../command.ts';
import type { Removed } from '../retention.ts';
import { ID } from './ids.ts';
import { pagesOf } from './pace.ts';
import type { Statements } from './statements.ts';
import type { Step } from './sweep-mail.ts';

type Kind = 'message' | 'topic' | 'subscriber';
interface Part {
  readonly counts?: keyof Removed;
  /** Finds up to this many rows of the owner by their keys; with `octets` if they count as weight. */
  readonly find: string;
  /** Removes a row by its key. */
  readonly remove: string;
  readonly key: readonly string[];
}
const ATTEMPTS: Part = {
  counts: 'attempts',
  find: 'SELECT message, recipient_id, number FROM attempt WHERE message = ? LIMIT ?',
  remove: 'DELETE FROM attempt WHERE message = ? AND recipient_id = ? AND number = ?',
  key: ['message', 'recipient_id', 'number'],
};
const RECIPIENTS: Part = {
  counts: 'recipients',
  find: 'SELECT message, id FROM recipient WHERE message = ? LIMIT ?',
  remove: 'DELETE FROM recipient WHERE message = ? AND id = ?',
  key: ['message', 'id'],
};
const BODIES: Part = {
  find: 'SELECT message, part, length(data) AS octets FROM message_part WHERE message = ? LIMIT ?',
  remove: 'DELETE FROM message_part WHERE message = ? AND part = ?',
  key: ['message', 'part'],
};
const EVENTS: Part = {
  counts: 'events',
  find: `SELECT seq FROM event INDEXED BY event_topic WHERE topic_id = ${ID} LIMIT ?`,
  remove: 'DELETE FROM event WHERE seq = ?',
  key: ['seq'],
};
const DELIVERIES: Part = {
  counts: 'deliveries',
  find: `SELECT event, subscriber_id FROM subscriber_delivery INDEXED BY delivery_subscriber WHERE subscriber_id = ${ID} LIMIT ?`,
  remove: 'DELETE FROM subscriber_delivery WHERE event = ? AND subscriber_id = ?',
  key: ['event', 'subscriber_id'],
};
const PARTS: Readonly<Record<Kind, readonly Part[]>> = {
  message: [ATTEMPTS, RECIPIENTS, BODIES],
  topic: [EVENTS],
  subscriber: [DELIVERIES],
};

/** The next leftover rows, up to `most` units; null if there are none. */
export function leftOver(statements: Statements, most: number): Step | null {
  const [owner] = statements.all<{ kind: Kind; project: string; id: string }>(
    'SELECT kind, project, id FROM leftover LIMIT 1',
  );
  if (owner === undefined) return null;
  const { kind, project, id } = owner;
  for (const { find, remove, key, counts } of PARTS[kind]) {
    const rows: Record<string, SqlValue>[] = [];
    let units = 0;
    const found = statements
      .get(find)
      .iterate(kind === 'message' ? Number(id) : id, most) as Iterable<unknown>;
    for (const row of found as Iterable<Record<string, SqlValue>>) {
      if (units >= most) break;
      rows.push(row);
      units += 1 + pagesOf(Number(row['octets'] ?? 0));
    }
    if (rows.length === 0) continue;
    return {
      units,
      removed: counts === undefined ? {} : { [counts]: rows.length },
      record(push) {
        for (const row of rows) push({ sql: remove, params: key.map((column) => row[column]!) });
      },
    };
  }
  return {
    units: 1,
    removed: {},
    record: (push) =>
      push({
        sql: 'DELETE FROM leftover WHERE kind = ? AND project = ? AND id = ?',
        params: [kind, project, id],
      }),
  };
}
