/**
 * The statements of the hot path: one per kind and batch, with the rows as one array per column. Invariant:
 * `changed` tells how many of the rows the statement matched. If it matched fewer than were given and the
 * kind is a `must`, a row is gone or has changed. A key may appear in a statement only once (`keyOf`).
 */
import type { QueryResult } from 'pg';
import type { SqlValue } from '../command.ts';

export type Row = readonly SqlValue[];
export interface BatchStatement {
  readonly text: string;
  readonly columns: number;
  /** Parameters after the columns. */
  readonly scalars: readonly SqlValue[];
  readonly must: boolean;
  readonly changed: (result: QueryResult) => number;
  readonly keyOf?: (row: Row) => string;
}
/** In writing order: rows that others refer to first, inserts before moves. */
export const BATCH_KINDS = ['message', 'recipient', 'move', 'attempt', 'event', 'deliveryMove'] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];
export type BatchStatements = Readonly<Record<BatchKind, BatchStatement>>;

const rowCount = (result: QueryResult) => result.rowCount ?? 0;
/** 'project_id text, n int8' as columns, and as arrays to unnest. */
function shape(columns: string) {
  const pairs = columns.split(', ').map((column) => column.split(' ') as [string, string]);
  return {
    names: pairs.map(([name]) => name).join(', '),
    arrays: pairs.map(([, type], i) => `$${i + 1}::${type}[]`).join(', '),
    columns: pairs.length,
  };
}
const MESSAGE = shape(
  'project_id text, id text, domain_id text, direction text, source text, mail_from text, message_id_header text, size int8, smtputf8 int8, eight_bit int8, accepted_at int8, expires_at int8, keep_until int8, drop_day int4, facts text, body_of text',
);
const RECIPIENT = shape(
  'project_id text, id text, message_id text, address text, domain text, lane text, state text, attempts int8, next_attempt_at int8, held_since int8, held_ms int8, moves int8, dsn text, last_result text, created_at int8, settled_at int8',
);
const MOVE = shape(
  'project_id text, id text, from_states text, state text, lane text, attempts int8, next_attempt_at int8, held_since int8, held_ms int8, moves int8, last_result text, settled_at int8',
);
const ATTEMPT = shape(
  'project_id text, message_id text, recipient_id text, number int8, at int8, outcome text, detail text',
);
const EVENT_TYPES =
  'project_id text, id text, topic_id text, service text, name text, created_at int8, expires_at int8, keep_until int8, drop_day int4, message_id text, content text, summary text, seq int8';
const EVENT = shape(EVENT_TYPES);
/** Of the deliveries of an event. */
const PLACED = shape(`${EVENT_TYPES}, order_key text, order_seq int8`);
const DELIVERY_MOVE = shape(
  'project_id text, id text, from_states text, state text, attempts int8, next_attempt_at int8, last_result text, holds_until int8',
);
const keyOf = (row: Row) => `${row[0]} ${row[1]}`;

/** `owner`: the member that owns the waiting rows. `era`: see migrate.ts. */
export function createBatchStatements(owner: string, era: number): BatchStatements {
  return {
    message: {
      text: `INSERT INTO message (${MESSAGE.names}) SELECT * FROM unnest(${MESSAGE.arrays})`,
      columns: MESSAGE.columns,
      scalars: [],
      must: false,
      changed: rowCount,
    },
    recipient: {
      text: `INSERT INTO recipient (${RECIPIENT.names}, owner) SELECT i.*, $${RECIPIENT.columns + 1}::text FROM unnest(${RECIPIENT.arrays}) AS i`,
      columns: RECIPIENT.columns,
      scalars: [owner],
      must: false,
      changed: rowCount,
    },
    move: {
      text: `UPDATE recipient r SET state = m.state, lane = m.lane, attempts = m.attempts, next_attempt_at = m.next_attempt_at,
          held_since = m.held_since, held_ms = m.held_ms, moves = m.moves, last_result = m.last_result, settled_at = m.settled_at
        FROM unnest(${MOVE.arrays}) AS m (${MOVE.names})
        WHERE r.project_id = m.project_id AND r.id = m.id AND strpos(m.from_states, ',' || r.state || ',') > 0`,
      columns: MOVE.columns,
      scalars: [],
      must: true,
      changed: rowCount,
      keyOf,
    },
    // The message determines the day on which its attempts may be removed.
    attempt: {
      text: `INSERT INTO attempt (${ATTEMPT.names}, drop_day) SELECT i.*, m.drop_day
        FROM unnest(${ATTEMPT.arrays}) AS i (${ATTEMPT.names}) JOIN message m ON m.project_id = i.project_id AND m.id = i.message_id`,
      columns: ATTEMPT.columns,
      scalars: [],
      must: true,
      changed: rowCount,
    },
    event: {
      text: `WITH given AS (
          SELECT * FROM unnest(${PLACED.arrays}) AS i (${PLACED.names})
        ), made AS (
          INSERT INTO event (${EVENT.names}, era) SELECT ${EVENT.names}, $${PLACED.columns + 2}::int8 FROM given i
            WHERE EXISTS (SELECT FROM topic t WHERE t.project_id = i.project_id AND t.id = i.topic_id)
            RETURNING project_id, id, topic_id, created_at, drop_day
        ), told AS (
          INSERT INTO subscriber_delivery (project_id, id, subscriber_id, event_id, drop_day, state, attempts, next_attempt_at, last_result, created_at, order_key, order_seq, owner)
            SELECT e.project_id, hikyaku_id(e.created_at), s.id, e.id, e.drop_day, 'pending', 0, e.created_at, NULL, e.created_at, i.order_key, i.order_seq, $${PLACED.columns + 1}::text
            FROM made e JOIN given i ON i.project_id = e.project_id AND i.id = e.id JOIN subscriber s ON s.project_id = e.project_id AND s.topic_id = e.topic_id
        ) SELECT count(*) AS n FROM made`,
      columns: PLACED.columns,
      scalars: [owner, era],
      must: true,
      changed: (result) => (result.rows[0] as { n: number } | undefined)?.n ?? 0,
    },
    deliveryMove: {
      text: `UPDATE subscriber_delivery d SET state = m.state, attempts = m.attempts, next_attempt_at = m.next_attempt_at, last_result = m.last_result,
          holds_until = coalesce(m.holds_until, d.holds_until)
        FROM unnest(${DELIVERY_MOVE.arrays}) AS m (${DELIVERY_MOVE.names})
        WHERE d.project_id = m.project_id AND d.id = m.id AND strpos(m.from_states, ',' || d.state || ',') > 0`,
      columns: DELIVERY_MOVE.columns,
      scalars: [],
      must: true,
      changed: rowCount,
      keyOf,
    },
  };
}
