/**
 * What of the mail is over, on SQLite: events with their deliveries, then messages with all they have. Rows are found on
 * the reading connection by their indexes and removed by the writer.
 * Invariants: octets go after the last message that shows them; a message whose recipients wait is put off by a day, so
 * that it does not stand in the way of others; of what is more than a step, the message itself goes first and what it
 * had is left over (leftovers.ts), so that nobody meets half of it.
 */
import { DAY_MS } from '../../limits/types.ts';
import type { MessageId } from '../../runtime/ids.ts';
import type { Push } from '../command.ts';
import type { Removed } from '../retention.ts';
import { pagesOf } from './pace.ts';
import type { Statements } from './statements.ts';

/** What a step is about to do: its weight in units (pace.ts) and how it is written. */
export interface Step {
  readonly units: number;
  readonly removed: Partial<Removed>;
  readonly waiting?: readonly MessageId[];
  readonly record: (push: Push) => void;
  /** Called when it is committed. */
  readonly done?: () => void;
}
/** Holders of octets that others show, looked at in one step; all that show them are over, too, or soon will be. */
const MOST_HOLDERS = 5_000;

const EVENTS = `SELECT project_id, id, (SELECT count(*) FROM subscriber_delivery d INDEXED BY delivery_event
    WHERE d.project_id = e.project_id AND d.event_id = e.id) AS deliveries
  FROM event e INDEXED BY event_keep WHERE keep_until <= ? ORDER BY keep_until`;
const MESSAGES = `SELECT project_id, id, iif(body_of IS NULL, size, 0) AS octets,
    (SELECT count(*) FROM recipient r INDEXED BY recipient_message WHERE r.project_id = m.project_id AND r.message_id = m.id) AS recipients,
    (SELECT count(*) FROM attempt a WHERE a.project_id = m.project_id AND a.message_id = m.id) AS attempts,
    EXISTS (SELECT 1 FROM recipient r INDEXED BY recipient_message
      WHERE r.project_id = m.project_id AND r.message_id = m.id AND r.next_attempt_at IS NOT NULL) AS waits,
    (SELECT max(keep_until) FROM message s INDEXED BY message_body_of WHERE s.project_id = m.project_id AND s.body_of = m.id) AS shown_until
  FROM message m INDEXED BY message_keep WHERE keep_until <= ? ORDER BY keep_until`;
const PUT_OFF = 'UPDATE message SET keep_until = ? WHERE project_id = ? AND id = ?';

interface Over {
  readonly project_id: string;
  readonly id: string;
}
function walk<R>(statements: Statements, sql: string, now: number): Iterable<R> {
  return statements.get(sql).iterate(now) as Iterable<unknown> as Iterable<R>;
}

export function overEvents(statements: Statements, now: number, most: number): Step {
  const whole: Over[] = [];
  let heavy: Over | null = null;
  let [units, deliveries] = [0, 0];
  for (const event of walk<Over & { deliveries: number }>(statements, EVENTS, now)) {
    const weight = 1 + event.deliveries;
    if (units + weight > most && units > 0) break;
    if (weight > most) {
      heavy = event;
      units = most;
      deliveries = most;
      break;
    }
    whole.push(event);
    units += weight;
    deliveries += event.deliveries;
  }
  return {
    units,
    removed: { events: whole.length, deliveries },
    record(push) {
      for (const { project_id, id } of whole) {
        push({
          sql: 'DELETE FROM subscriber_delivery INDEXED BY delivery_event WHERE project_id = ? AND event_id = ?',
          params: [project_id, id],
        });
        push({ sql: 'DELETE FROM event WHERE project_id = ? AND id = ?', params: [project_id, id] });
      }
      // its deliveries first, in several steps: over as they are, nobody misses them
      if (heavy !== null)
        push({
          sql: `DELETE FROM subscriber_delivery WHERE (project_id, id) IN
            (SELECT project_id, id FROM subscriber_delivery INDEXED BY delivery_event WHERE project_id = ? AND event_id = ? LIMIT ?)`,
          params: [heavy.project_id, heavy.id, most],
        });
    },
  };
}

export function overMessages(statements: Statements, now: number, most: number): Step {
  interface Found extends Over {
    readonly octets: number;
    readonly recipients: number;
    readonly attempts: number;
    readonly waits: 0 | 1;
    readonly shown_until: number | null;
  }
  const whole: Found[] = [];
  const putOff: (Over & { readonly until: number })[] = [];
  const waiting: MessageId[] = [];
  let heavy: Over | null = null;
  let [units, holders] = [0, 0];
  for (const found of walk<Found>(statements, MESSAGES, now)) {
    if (units >= most || holders >= MOST_HOLDERS) break;
    const { project_id, id, shown_until: shownUntil } = found;
    if (found.waits === 1) {
      waiting.push(id as MessageId);
      putOff.push({ project_id, id, until: now + DAY_MS });
      units += 1;
    } else if (shownUntil !== null && shownUntil > now) {
      putOff.push({ project_id, id, until: shownUntil });
      units += 1;
    } else if (shownUntil !== null) {
      // it goes after those that show its octets, which are over, too
      holders += 1;
    } else {
      const weight = 2 + found.recipients + found.attempts + pagesOf(found.octets);
      if (units + weight > most && units > 0) break;
      units += weight;
      if (weight > most) {
        heavy = found;
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
      for (const { project_id, id } of whole) {
        for (const sql of PARTS_OF_MESSAGE) push({ sql, params: [project_id, id] });
        push({ sql: 'DELETE FROM message WHERE project_id = ? AND id = ?', params: [project_id, id] });
      }
      if (heavy !== null) {
        const { project_id, id } = heavy;
        push({
          sql: `INSERT OR IGNORE INTO leftover (kind, project, id) VALUES ('message', ?, ?)`,
          params: [project_id, id],
        });
        push({ sql: 'DELETE FROM message WHERE project_id = ? AND id = ?', params: [project_id, id] });
      }
      for (const { project_id, id, until } of putOff) push({ sql: PUT_OFF, params: [until, project_id, id] });
    },
  };
}
const PARTS_OF_MESSAGE = [
  'DELETE FROM attempt WHERE project_id = ? AND message_id = ?',
  'DELETE FROM recipient INDEXED BY recipient_message WHERE project_id = ? AND message_id = ?',
  'DELETE FROM message_body WHERE project_id = ? AND message_id = ?',
];
