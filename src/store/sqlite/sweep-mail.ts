/**
 * Retention of mail on SQLite: removes expired events with their deliveries, then expired messages with all
 * dependent rows. The reading connection finds rows by their indexes; the writer removes them. Invariants:
 * octets are removed after the last message that shares them; a message with waiting recipients is postponed
 * by a day, so it does not block others; if a message is more than one step, its own row is removed first and
 * the rest becomes a leftover (leftovers.ts), so nobody sees half of it.
 */
import { DAY_MS } from '../../limits/usage.ts';
import type { MessageId } from '../../runtime/ids.ts';
import type { Push } from '../command.ts';
import type { Removed } from '../retention.ts';
import { digits, ID, toId } from './ids.ts';
import { pagesOf } from './pace.ts';
import type { Statements } from './statements.ts';

/** What a step is about to do: its weight in units (pace.ts) and how it is written. */
export interface Step {
  readonly units: number;
  readonly removed: Partial<Removed>;
  readonly waiting?: readonly MessageId[];
  readonly record: (push: Push) => void;
  /** Called after its commit. */
  readonly done?: () => void;
}
/**
 * The most holders of shared octets that one step reads; the messages that share their octets are expired,
 * too, or soon will be.
 */
const MOST_HOLDERS = 5_000;

const EVENTS = `SELECT seq, (SELECT count(*) FROM subscriber_delivery d WHERE d.event = e.seq) AS deliveries
  FROM event e INDEXED BY event_keep WHERE keep_until <= ? ORDER BY keep_until`;
const MESSAGES = `SELECT nr, ${digits('id')}, iif(body_of IS NULL, size, 0) AS octets,
    (SELECT count(*) FROM recipient r WHERE r.message = m.nr) AS recipients,
    (SELECT count(*) FROM attempt a WHERE a.message = m.nr) AS attempts,
    EXISTS (SELECT 1 FROM recipient r WHERE r.message = m.nr AND r.next_attempt_at IS NOT NULL) AS waits,
    (SELECT max(keep_until) FROM message s INDEXED BY message_body_of WHERE s.body_of = m.nr) AS shown_until
  FROM message m INDEXED BY message_keep WHERE keep_until <= ? ORDER BY keep_until`;
const PUT_OFF = 'UPDATE message SET keep_until = ? WHERE nr = ?';

function walk<R>(statements: Statements, sql: string, now: number): Iterable<R> {
  return statements.get(sql).iterate(now) as Iterable<unknown> as Iterable<R>;
}

export function overEvents(statements: Statements, now: number, most: number): Step {
  const whole: number[] = [];
  let heavy: number | null = null;
  let [units, deliveries] = [0, 0];
  for (const event of walk<{ seq: number; deliveries: number }>(statements, EVENTS, now)) {
    const weight = 1 + event.deliveries;
    if (units + weight > most && units > 0) break;
    if (weight > most) {
      heavy = event.seq;
      units = most;
      deliveries = most;
      break;
    }
    whole.push(event.seq);
    units += weight;
    deliveries += event.deliveries;
  }
  return {
    units,
    removed: { events: whole.length, deliveries },
    record(push) {
      for (const seq of whole) {
        push({ sql: 'DELETE FROM subscriber_delivery WHERE event = ?', params: [seq] });
        push({ sql: 'DELETE FROM event WHERE seq = ?', params: [seq] });
      }
      // first its deliveries, in several steps; they are expired, so nobody misses them
      if (heavy !== null)
        push({
          sql: `DELETE FROM subscriber_delivery WHERE event = ?1 AND subscriber_id IN
            (SELECT subscriber_id FROM subscriber_delivery WHERE event = ?1 LIMIT ?2)`,
          params: [heavy, most],
        });
    },
  };
}

export function overMessages(statements: Statements, now: number, most: number): Step {
  interface Found {
    readonly nr: number;
    readonly id: string;
    readonly octets: number;
    readonly recipients: number;
    readonly attempts: number;
    readonly waits: 0 | 1;
    readonly shown_until: number | null;
  }
  const whole: Found[] = [];
  const putOff: { readonly nr: number; readonly until: number }[] = [];
  const waiting: MessageId[] = [];
  let heavy: number | null = null;
  let [units, holders] = [0, 0];
  for (const found of walk<Found>(statements, MESSAGES, now)) {
    if (units >= most || holders >= MOST_HOLDERS) break;
    const { nr, shown_until: shownUntil } = found;
    if (found.waits === 1) {
      waiting.push(toId(found.id) as MessageId);
      putOff.push({ nr, until: now + DAY_MS });
      units += 1;
    } else if (shownUntil !== null && shownUntil > now) {
      putOff.push({ nr, until: shownUntil });
      units += 1;
    } else if (shownUntil !== null) {
      // it is removed after the messages that share its octets, which are expired, too
      holders += 1;
    } else {
      const weight = 2 + found.recipients + found.attempts + pagesOf(found.octets);
      if (units + weight > most && units > 0) break;
      units += weight;
      if (weight > most) {
        heavy = nr;
        break;
      }
      whole.push(found);
    }
  }
  const sum = (of: 'recipients' | 'attempts') => whole.reduce((all, found) => all + found[of], 0);
  return {
    units: heavy === null ? units : 2,
    waiting,
    removed: {
      messages: whole.length + (heavy === null ? 0 : 1),
      recipients: sum('recipients'),
      attempts: sum('attempts'),
    },
    record(push) {
      for (const { nr } of whole) {
        for (const sql of PARTS_OF_MESSAGE) push({ sql, params: [nr] });
        push({ sql: REMOVE, params: [nr] });
      }
      if (heavy !== null) {
        push({ sql: LEAVE, params: [heavy] });
        push({ sql: REMOVE, params: [heavy] });
      }
      for (const { nr, until } of putOff) push({ sql: PUT_OFF, params: [until, nr] });
    },
  };
}
const REMOVE = 'DELETE FROM message WHERE nr = ?';
/** Its dependent rows are removed as leftovers. */
const LEAVE = `INSERT OR IGNORE INTO leftover (kind, project, id) VALUES ('message', '', ?)`;
const PARTS_OF_MESSAGE = [
  'DELETE FROM attempt WHERE message = ?',
  'DELETE FROM recipient WHERE message = ?',
  'DELETE FROM message_part WHERE message = ?',
];

/** Messages of a project that is to be removed, even with waiting recipients; null if there are none. */
export function messagesOf(statements: Statements, project: string, most: number): Step | null {
  const sql = `SELECT nr, iif(body_of IS NULL, size, 0) AS octets FROM message INDEXED BY message_project WHERE project_id = ${ID} LIMIT ?`;
  const found: number[] = [];
  let units = 0;
  const rows = statements.get(sql).iterate(project, most) as Iterable<unknown>;
  for (const { nr, octets } of rows as Iterable<{ nr: number; octets: number }>) {
    const weight = 2 + pagesOf(octets);
    if (units + weight > most && units > 0) break;
    units += weight;
    found.push(nr);
  }
  if (found.length === 0) return null;
  return {
    units,
    removed: {},
    record(push) {
      for (const nr of found) {
        push({ sql: LEAVE, params: [nr] });
        push({ sql: REMOVE, params: [nr] });
      }
    },
  };
}
