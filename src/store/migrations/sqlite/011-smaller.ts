/**
 * The tables that grow with the mail become smaller: ids are 16 octets instead of 36 characters; rows that
 * depend on a message or an event refer to it by its number; a message and its first octets are one row; and
 * octets are packed if that saves enough (sqlite/pack.ts). Rows are moved from the old tables (`old_…`) in
 * portions, each in its own transaction. A moved row is removed from the old table, so the file does not
 * grow, a kill loses nothing, and the next start continues. Rows that a removed message left behind are not
 * moved.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { MovingMigration } from '../migration.ts';

/** Rows of one transaction: messages with recipients, or events with deliveries; and their octets. */
const ROWS = 2_000;
const OCTETS = 16 * 1024 * 1024;

const id = (column: string): string => `unhex(${column}, '-')`;
/** The number of the message. */
const nrOf = (column: string): string =>
  `(SELECT nr FROM message INDEXED BY message_id WHERE id = ${id(column)})`;

const SQL = `
CREATE TABLE old_sequence AS SELECT coalesce(max(seq), 0) AS seq FROM sqlite_sequence WHERE name = 'event';

DROP INDEX message_header;
DROP INDEX message_domain;
DROP INDEX message_keep;
DROP INDEX message_body_of;
DROP INDEX recipient_lane;
DROP INDEX event_topic;
DROP INDEX event_keep;
DROP INDEX delivery_subscriber;
DROP INDEX delivery_due;
DROP INDEX delivery_due_of;
ALTER TABLE message RENAME TO old_message;
ALTER TABLE message_body RENAME TO old_message_body;
ALTER TABLE recipient RENAME TO old_recipient;
ALTER TABLE attempt RENAME TO old_attempt;
ALTER TABLE event RENAME TO old_event;
ALTER TABLE subscriber_delivery RENAME TO old_subscriber_delivery;

CREATE TABLE message (nr INTEGER PRIMARY KEY AUTOINCREMENT, project_id BLOB NOT NULL, id BLOB NOT NULL, domain_id BLOB, body_of INTEGER,
  direction TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing')), source TEXT NOT NULL, mail_from TEXT NOT NULL, message_id_header TEXT NOT NULL,
  size INTEGER NOT NULL, smtputf8 INTEGER NOT NULL, eight_bit INTEGER NOT NULL, accepted_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, keep_until INTEGER NOT NULL,
  facts TEXT NOT NULL, prefix BLOB NOT NULL, reading BLOB, data BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX message_id ON message (id);
CREATE INDEX message_project ON message (project_id);
CREATE INDEX message_domain ON message (domain_id) WHERE domain_id IS NOT NULL;
CREATE INDEX message_header ON message (project_id, message_id_header);
CREATE INDEX message_keep ON message (keep_until);
CREATE INDEX message_body_of ON message (body_of) WHERE body_of IS NOT NULL;
CREATE TABLE message_part (message INTEGER NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (message, part)) STRICT;

CREATE TABLE recipient (message INTEGER NOT NULL, id BLOB NOT NULL, project_id BLOB NOT NULL, address TEXT NOT NULL, domain TEXT NOT NULL,
  state TEXT NOT NULL CONSTRAINT recipient_state CHECK (state IN ('queued', 'deferred', 'held', 'delivered', 'bounced', 'expired', 'suppressed', 'cancelled')),
  lane TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt_at INTEGER, held_since INTEGER, held_ms INTEGER NOT NULL, dsn TEXT,
  last_result TEXT, created_at INTEGER NOT NULL, settled_at INTEGER,
  PRIMARY KEY (message, id),
  CONSTRAINT recipient_held CHECK ((state = 'held') = (held_since IS NOT NULL)),
  CONSTRAINT recipient_waits CHECK ((state IN ('queued', 'deferred', 'held')) = (next_attempt_at IS NOT NULL))) STRICT, WITHOUT ROWID;
CREATE INDEX recipient_lane ON recipient (project_id, lane, next_attempt_at, state, id) WHERE next_attempt_at IS NOT NULL;
CREATE TABLE attempt (message INTEGER NOT NULL, recipient_id BLOB NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'deferred', 'bounced')), detail TEXT,
  PRIMARY KEY (message, recipient_id, number)) STRICT, WITHOUT ROWID;

CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, project_id BLOB NOT NULL, id BLOB NOT NULL, topic_id BLOB NOT NULL,
  service TEXT NOT NULL CHECK (service IN ('mta', 'edj')), name TEXT NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER, keep_until INTEGER NOT NULL, message_id BLOB, content TEXT, summary TEXT) STRICT;
CREATE UNIQUE INDEX event_id ON event (id);
CREATE INDEX event_topic ON event (topic_id);
CREATE INDEX event_keep ON event (keep_until);
CREATE TABLE subscriber_delivery (event INTEGER NOT NULL, subscriber_id BLOB NOT NULL, project_id BLOB NOT NULL, id BLOB NOT NULL,
  state TEXT NOT NULL CONSTRAINT delivery_state CHECK (state IN ('pending', 'retry', 'done', 'dead')), attempts INTEGER NOT NULL, next_attempt_at INTEGER,
  last_result TEXT, created_at INTEGER NOT NULL,
  PRIMARY KEY (event, subscriber_id),
  CONSTRAINT delivery_waits CHECK ((state IN ('pending', 'retry')) = (next_attempt_at IS NOT NULL))) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_subscriber ON subscriber_delivery (subscriber_id, event);
CREATE INDEX delivery_due ON subscriber_delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX delivery_due_of ON subscriber_delivery (subscriber_id, next_attempt_at, project_id, id) WHERE next_attempt_at IS NOT NULL;

INSERT INTO sqlite_sequence (name, seq) SELECT 'event', seq FROM old_sequence;
DROP TABLE old_sequence;
DELETE FROM leftover WHERE kind = 'message';
CREATE TABLE old_shown (nr INTEGER PRIMARY KEY, holder TEXT NOT NULL) STRICT;
`;

/** Moves rows up to a message, by project and id, from the old tables into the new ones. */
const MOVE_MESSAGES = [
  `INSERT INTO message (project_id, id, domain_id, body_of, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit,
      accepted_at, expires_at, keep_until, facts, prefix, reading, data)
    SELECT ${id('m.project_id')}, ${id('m.id')}, ${id('m.domain_id')}, NULL, m.direction, m.source, m.mail_from, m.message_id_header, m.size, m.smtputf8, m.eight_bit,
      m.accepted_at, m.expires_at, m.keep_until, m.facts, coalesce(b.prefix, x''), b.reading, hikyaku_pack(coalesce(b.data, x''))
    FROM old_message m LEFT JOIN old_message_body b ON b.project_id = m.project_id AND b.message_id = m.id AND b.part = 0
    WHERE (m.project_id, m.id) <= (?, ?) ORDER BY m.project_id, m.id`,
  `INSERT INTO old_shown (nr, holder) SELECT ${nrOf('o.id')}, o.body_of FROM old_message o WHERE (o.project_id, o.id) <= (?, ?) AND o.body_of IS NOT NULL`,
  `INSERT INTO message_part (message, part, data) SELECT ${nrOf('b.message_id')} AS nr, b.part, b.data FROM old_message_body b
    WHERE (b.project_id, b.message_id) <= (?, ?) AND b.part > 0 AND nr IS NOT NULL`,
  'DELETE FROM old_message_body WHERE (project_id, message_id) <= (?, ?)',
  `INSERT INTO recipient (message, id, project_id, address, domain, state, lane, attempts, next_attempt_at, held_since, held_ms, dsn, last_result, created_at, settled_at)
    SELECT ${nrOf('m.id')}, ${id('r.id')}, ${id('r.project_id')}, r.address, r.domain, r.state, r.lane, r.attempts, r.next_attempt_at, r.held_since, r.held_ms, r.dsn, r.last_result, r.created_at, r.settled_at
    FROM old_message m CROSS JOIN old_recipient r INDEXED BY recipient_message ON r.project_id = m.project_id AND r.message_id = m.id
    WHERE (m.project_id, m.id) <= (?, ?) ORDER BY m.project_id, m.id`,
  `DELETE FROM old_recipient WHERE (project_id, id) IN (SELECT r.project_id, r.id
    FROM old_message m CROSS JOIN old_recipient r INDEXED BY recipient_message ON r.project_id = m.project_id AND r.message_id = m.id
    WHERE (m.project_id, m.id) <= (?, ?))`,
  `INSERT INTO attempt (message, recipient_id, number, at, outcome, detail)
    SELECT ${nrOf('a.message_id')} AS nr, ${id('a.recipient_id')}, a.number, a.at, a.outcome, a.detail FROM old_attempt a
    WHERE (a.project_id, a.message_id) <= (?, ?) AND nr IS NOT NULL`,
  'DELETE FROM old_attempt WHERE (project_id, message_id) <= (?, ?)',
  'DELETE FROM old_message WHERE (project_id, id) <= (?, ?)',
];
/** Moves rows up to an event, by its number. */
const MOVE_EVENTS = [
  `INSERT INTO event (seq, project_id, id, topic_id, service, name, created_at, expires_at, keep_until, message_id, content, summary)
    SELECT seq, ${id('project_id')}, ${id('id')}, ${id('topic_id')}, service, name, created_at, expires_at, keep_until, ${id('message_id')}, content, summary
    FROM old_event WHERE seq <= ? ORDER BY seq`,
  `INSERT INTO subscriber_delivery (event, subscriber_id, project_id, id, state, attempts, next_attempt_at, last_result, created_at)
    SELECT e.seq, ${id('d.subscriber_id')}, ${id('d.project_id')}, ${id('d.id')}, d.state, d.attempts, d.next_attempt_at, d.last_result, d.created_at
    FROM old_event e CROSS JOIN old_subscriber_delivery d INDEXED BY delivery_event ON d.project_id = e.project_id AND d.event_id = e.id
    WHERE e.seq <= ? ORDER BY e.seq, d.subscriber_id`,
  `DELETE FROM old_subscriber_delivery WHERE (project_id, id) IN (SELECT d.project_id, d.id
    FROM old_event e CROSS JOIN old_subscriber_delivery d INDEXED BY delivery_event ON d.project_id = e.project_id AND d.event_id = e.id
    WHERE e.seq <= ?)`,
  'DELETE FROM old_event WHERE seq <= ?',
];
const NEXT_MESSAGES = `SELECT project_id, id, size AS octets,
    (SELECT count(*) FROM old_recipient r INDEXED BY recipient_message WHERE r.project_id = m.project_id AND r.message_id = m.id) AS hanging
  FROM old_message m ORDER BY project_id, id LIMIT ${ROWS}`;
const NEXT_EVENTS = `SELECT seq, coalesce(octet_length(content), 0) + coalesce(octet_length(summary), 0) AS octets,
    (SELECT count(*) FROM old_subscriber_delivery d INDEXED BY delivery_event WHERE d.project_id = e.project_id AND d.event_id = e.id) AS hanging
  FROM old_event e ORDER BY seq LIMIT ${ROWS}`;

/** The key up to which the next portion goes. A portion has at least one row. */
function nextKey(db: DatabaseSync, sql: string): SQLInputValue[] | null {
  let last: SQLInputValue[] | null = null;
  let weight = { rows: 0, octets: 0 };
  for (const { octets, hanging, ...key } of db.prepare(sql).iterate()) {
    weight = { rows: weight.rows + 1 + Number(hanging), octets: weight.octets + Number(octets) };
    if (last !== null && (weight.rows > ROWS || weight.octets > OCTETS)) break;
    last = Object.values(key) as SQLInputValue[];
  }
  return last;
}
const count = (db: DatabaseSync, table: string): number =>
  Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!['n']);

/** Moves the next portion; returns the number of messages and events, 0 if none is left. */
function moveSome(db: DatabaseSync): number {
  for (const [next, statements, table] of [
    [NEXT_MESSAGES, MOVE_MESSAGES, 'message'],
    [NEXT_EVENTS, MOVE_EVENTS, 'event'],
  ] as const) {
    const key = nextKey(db, next);
    if (key === null) continue;
    let moved = 0;
    for (const sql of statements) {
      const { changes } = db.prepare(sql).run(...key);
      if (sql.startsWith(`INSERT INTO ${table} (`)) moved = Number(changes);
    }
    return moved;
  }
  return shownOctets(db);
}
/** Sets the references of messages to shared octets, after all messages have their numbers. */
function shownOctets(db: DatabaseSync): number {
  const rows = db.prepare('SELECT nr, holder FROM old_shown ORDER BY nr LIMIT ?').all(ROWS);
  const show = db.prepare(`UPDATE message SET body_of = ${nrOf('?')} WHERE nr = ?`);
  const done = db.prepare('DELETE FROM old_shown WHERE nr = ?');
  for (const { nr, holder } of rows) {
    show.run(holder!, nr!);
    done.run(nr!);
  }
  return rows.length;
}

export const smaller: MovingMigration = {
  version: 11,
  oldestCompatible: 11,
  sql: SQL,
  moveSome,
  left: (db) =>
    count(db, 'old_message') +
    count(db, 'old_event') +
    count(db, 'old_shown') +
    count(db, 'old_message WHERE body_of IS NOT NULL'),
  behind: `
DROP TABLE old_message_body;
DROP TABLE old_recipient;
DROP TABLE old_attempt;
DROP TABLE old_message;
DROP TABLE old_subscriber_delivery;
DROP TABLE old_event;
DROP TABLE old_shown;
`,
};
