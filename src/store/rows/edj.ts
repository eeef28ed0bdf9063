/** Events and subscriber deliveries as both engines read them; see spool.ts. */
import type { Previous } from '../../edj/order.ts';
import type { EdjReader, EventRow, Followers, Round, SubscriberDelivery } from '../../edj/topics.ts';
import {
  DISORDER_MS,
  type EventId,
  idsFrom,
  madeAt,
  type ProjectId,
  type SubscriberId,
} from '../../runtime/ids.ts';
import type { Page } from '../../runtime/transactor.ts';
import { fromJson } from '../command.ts';

export interface EventCells {
  project_id: string;
  id: string;
  topic_id: string;
  service: string;
  name: string;
  created_at: number;
  expires_at: number | null;
  keep_until: number;
  message_id: string | null;
  content: string | null;
  summary: string | null;
}
export interface DeliveryCells {
  project_id: string;
  id: string;
  subscriber_id: string;
  event_id: string;
  state: string;
  attempts: number;
  next_attempt_at: number | null;
  last_result: string | null;
  created_at: number;
  order_key: string | null;
  order_seq: number | null;
  holds_until: number | null;
}
export function toEvent(r: EventCells): EventRow {
  return {
    id: r.id as EventRow['id'],
    projectId: r.project_id as EventRow['projectId'],
    topicId: r.topic_id as EventRow['topicId'],
    service: r.service as EventRow['service'],
    name: r.name,
    createdAt: r.created_at,
    expiresAt: r.expires_at,
    keepUntil: r.keep_until,
    messageId: r.message_id as EventRow['messageId'],
    content: fromJson(r.content),
    summary: r.summary,
  };
}
/** The stored size of an event; engines count the same in SQL. */
export const octetsOf = ({ content, summary }: EventCells): number =>
  Buffer.byteLength(content ?? '') + Buffer.byteLength(summary ?? '');
/** Makes a page of rows that may end anywhere; `hasMore`: more rows follow. */
export function toEventPage<R extends EventCells>(
  rows: readonly R[],
  hasMore: boolean,
  cursorOf: (row: R) => string,
): Page<EventRow> {
  const cursors = rows.map(cursorOf);
  return { items: rows.map(toEvent), cursors, nextCursor: hasMore ? (cursors.at(-1) ?? null) : null };
}
export function toDelivery(r: DeliveryCells): SubscriberDelivery {
  return {
    id: r.id as SubscriberDelivery['id'],
    projectId: r.project_id as SubscriberDelivery['projectId'],
    subscriberId: r.subscriber_id as SubscriberDelivery['subscriberId'],
    eventId: r.event_id as SubscriberDelivery['eventId'],
    state: r.state as SubscriberDelivery['state'],
    attempts: r.attempts,
    nextAttemptAt: r.next_attempt_at,
    lastResult: fromJson(r.last_result),
    createdAt: r.created_at,
    order: r.order_key === null || r.order_seq === null ? null : { key: r.order_key, sequence: r.order_seq },
    holdsUntil: r.holds_until,
  };
}
/** Counts what a claim has taken of each project. */
export function projectShares(perProject: (project: ProjectId) => number) {
  const left = new Map<string, number>();
  const leftOf = (project: string) => left.get(project) ?? perProject(project as ProjectId);
  return {
    hasRoom: (project: string): boolean => leftOf(project) > 0,
    take: (project: string): void => void left.set(project, leftOf(project) - 1),
  };
}
/**
 * Where to continue after an event that is gone, by the time in its id: every event of the project with an id
 * below this one was committed before it. After the last of them nothing is skipped; a younger event that was
 * committed before it comes again.
 */
export const surelyBefore = (gone: EventId): string => idsFrom(madeAt(gone) - DISORDER_MS);
/** Collects what a claim finds held back; each key once. */
export function blockedOf() {
  const found = new Map<string, Followers>();
  return {
    /** What it holds back is put off together, so it begins after the one before. */
    add({ projectId, subscriberId, order }: SubscriberDelivery, previous: number, at: number): void {
      const { key } = order!;
      const name = `${subscriberId} ${key}`;
      if (!found.has(name)) found.set(name, { projectId, subscriberId, key, after: previous, at });
    },
    all: (): readonly Followers[] => [...found.values()],
  };
}
export interface PreviousCells {
  readonly id: string;
  readonly next_attempt_at: number;
  readonly holds_until: number | null;
  readonly order_seq: number;
}
export const toPrevious = (r: PreviousCells): Previous => ({
  id: r.id as Previous['id'],
  nextAttemptAt: r.next_attempt_at,
  holdsUntil: r.holds_until,
});
/** Deliveries that are held back, of which one claim reads no more. */
export const MOST_BLOCKED = 500;
/** Those of one subscriber, so that it does not keep others from their turn. */
export const MOST_BLOCKED_OF = 50;
/** Deliveries of a key that are moved at once. */
export const MOST_FOLLOWERS = 1_000;
/** The most subscribers that one claim reads. */
export const LOOKED_AT = 1_000;
/** A round as one or two upward walks: from after `from` to `to`; null means to the end. */
export function walksOf({ after, until }: Round): { readonly from: string; readonly to: string | null }[] {
  const [from, to] = [after ?? '', until ?? ''];
  if (from < to) return [{ from, to }];
  const toTheEnd = { from, to: null };
  return to === '' ? [toTheEnd] : [toTheEnd, { from: '', to }];
}
/** The part of the round after `at`. */
export function restOf({ until }: Round, at: string): Round | null {
  return at === until ? null : { after: at as SubscriberId, until };
}
export type EventReader = Pick<
  EdjReader,
  | 'event'
  | 'eventsAfter'
  | 'events'
  | 'deliveries'
  | 'dueDeliveries'
  | 'waitingAfter'
  | 'nextDeliveryAfter'
  | 'deliveriesAfter'
>;
