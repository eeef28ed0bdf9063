/**
 * What owners that are gone have left: a topic's events, a subscriber's deliveries, and what a message had that was more
 * than a step. `leftover` names them (migration 010): who removes a topic or a subscriber with a million rows waits for
 * one row. Readers do not show what is left. Invariant: a name stays until nothing of it is left.
 */
import type { Removed } from '../retention.ts';
import { pagesOf } from './pace.ts';
import type { Statements } from './statements.ts';
import type { Step } from './sweep-mail.ts';

type Kind = 'message' | 'topic' | 'subscriber';
interface Part {
  readonly counts?: keyof Removed;
  /** Finds up to `?3` rows of the owner `?1`, `?2`, each by its key; `octets` where they weigh. */
  readonly find: string;
  /** Removes a row by its key. */
  readonly remove: string;
  readonly key: readonly string[];
}
const ATTEMPTS: Part = {
  counts: 'attempts',
  find: 'SELECT project_id, message_id, recipient_id, number FROM attempt WHERE project_id = ? AND message_id = ? LIMIT ?',
  remove: 'DELETE FROM attempt WHERE project_id = ? AND message_id = ? AND recipient_id = ? AND number = ?',
  key: ['project_id', 'message_id', 'recipient_id', 'number'],
};
const RECIPIENTS: Part = {
  counts: 'recipients',
  find: 'SELECT project_id, id FROM recipient INDEXED BY recipient_message WHERE project_id = ? AND message_id = ? LIMIT ?',
  remove: 'DELETE FROM recipient WHERE project_id = ? AND id = ?',
  key: ['project_id', 'id'],
};
const BODIES: Part = {
  find: `SELECT project_id, message_id, part, length(data) AS octets FROM message_body WHERE project_id = ? AND message_id = ? LIMIT ?`,
  remove: 'DELETE FROM message_body WHERE project_id = ? AND message_id = ? AND part = ?',
  key: ['project_id', 'message_id', 'part'],
};
const EVENTS: Part = {
  counts: 'events',
  find: 'SELECT project_id, id FROM event INDEXED BY event_topic WHERE project_id = ? AND topic_id = ? LIMIT ?',
  remove: 'DELETE FROM event WHERE project_id = ? AND id = ?',
  key: ['project_id', 'id'],
};
const DELIVERIES: Part = {
  counts: 'deliveries',
  find: 'SELECT project_id, id FROM subscriber_delivery INDEXED BY delivery_subscriber WHERE project_id = ? AND subscriber_id = ? LIMIT ?',
  remove: 'DELETE FROM subscriber_delivery WHERE project_id = ? AND id = ?',
  key: ['project_id', 'id'],
};
const PARTS: Readonly<Record<Kind, readonly Part[]>> = {
  message: [ATTEMPTS, RECIPIENTS, BODIES],
  topic: [EVENTS],
  subscriber: [DELIVERIES],
};

/** The next of what is left, up to `most` units; null where nothing is. */
export function leftOver(statements: Statements, most: number): Step | null {
  const [owner] = statements.all<{ kind: Kind; project: string; id: string }>(
    'SELECT kind, project, id FROM leftover LIMIT 1',
  );
  if (owner === undefined) return null;
  const { kind, project, id } = owner;
  for (const { find, remove, key, counts } of PARTS[kind]) {
    const rows: Record<string, string | number>[] = [];
    let units = 0;
    for (const row of statements.get(find).iterate(project, id, most) as Iterable<unknown> as Iterable<
      Record<string, string | number>
    >) {
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
