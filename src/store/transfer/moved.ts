/**
 * The embedded store's tables in the form of an export: with the columns that PostgreSQL has. Ids are text,
 * octets are not packed, and each part of a message's octets is a row. Leftovers of removed owners
 * (sqlite/leftovers.ts) are not exported. Tables that are not listed here are exported unchanged.
 */
import type { DatabaseSync } from 'node:sqlite';
import { toBuffer } from '../command.ts';
import { toId } from '../sqlite/ids.ts';
import { partSize, unpack } from '../sqlite/pack.ts';
import type { TableName } from './format.ts';

/** Adds the functions that the queries below use to the connection. */
export function addFunctions(db: DatabaseSync): void {
  const options = { deterministic: true };
  db.function('hikyaku_text', options, (octets) =>
    octets === null ? null : toId(toBuffer(octets).toString('hex')),
  );
  db.function('hikyaku_unpack', options, (octets, size) =>
    unpack(toBuffer(octets), partSize(Number(size), 0)),
  );
}

/** Selects rows whose message exists. */
const OF_MESSAGE = 'JOIN message m ON m.nr = t.message';
const HIDDEN = (kind: string, column: string): string =>
  `NOT EXISTS (SELECT 1 FROM leftover l WHERE l.kind = '${kind}' AND l.project = hikyaku_text(t.project_id) AND l.id = hikyaku_text(t.${column}))`;
const text = (column: string, as = column.replace(/^\w+\./, '')): string =>
  `hikyaku_text(${column}) AS ${as}`;

export const MOVED: Partial<Record<TableName, string>> = {
  message: `SELECT ${text('t.project_id')}, ${text('t.id')}, ${text('t.domain_id')}, t.direction, t.source, t.mail_from, t.message_id_header, t.size, t.smtputf8, t.eight_bit,
      t.accepted_at, t.expires_at, t.facts, ${text('b.id', 'body_of')}, t.keep_until FROM message t LEFT JOIN message b ON b.nr = t.body_of`,
  message_body: `SELECT ${text('t.project_id')}, ${text('t.id', 'message_id')}, 0 AS part, t.prefix,
      iif(t.body_of IS NULL, hikyaku_unpack(t.data, t.size), t.data) AS data, t.reading FROM message t
    UNION ALL SELECT ${text('m.project_id')}, ${text('m.id', 'message_id')}, t.part, NULL, t.data, NULL FROM message_part t ${OF_MESSAGE}`,
  recipient: `SELECT ${text('t.project_id')}, ${text('t.id')}, ${text('m.id', 'message_id')}, t.address, t.domain, t.state, t.lane, t.attempts, t.next_attempt_at,
      t.held_since, t.held_ms, t.moves, t.dsn, t.last_result, t.created_at, t.settled_at FROM recipient t ${OF_MESSAGE}`,
  attempt: `SELECT ${text('m.project_id')}, ${text('m.id', 'message_id')}, ${text('t.recipient_id')}, t.number, t.at, t.outcome, t.detail FROM attempt t ${OF_MESSAGE}`,
  event: `SELECT t.seq, ${text('t.project_id')}, ${text('t.id')}, ${text('t.topic_id')}, t.service, t.name, t.created_at, t.expires_at, ${text('t.message_id')},
      t.content, t.summary, t.keep_until FROM event t WHERE ${HIDDEN('topic', 'topic_id')} ORDER BY t.seq`,
  subscriber_delivery: `SELECT ${text('t.project_id')}, ${text('t.id')}, ${text('t.subscriber_id')}, ${text('e.id', 'event_id')}, t.state, t.attempts, t.next_attempt_at,
      t.last_result, t.created_at, ${text('t.order_key')}, t.order_seq, t.holds_until FROM subscriber_delivery t JOIN event e ON e.seq = t.event WHERE ${HIDDEN('subscriber', 'subscriber_id')}`,
};
