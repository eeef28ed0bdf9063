/** Topics, subscribers, events and their deliveries, as rows; the interfaces the store implements. */
import type { DeliveryId, EventId, MessageId, ProjectId, SubscriberId, TopicId } from '../runtime/ids.ts';
import type { Settings } from '../runtime/settings.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import type { SpoolTx } from '../spool/messages.ts';

export interface Topic {
  readonly id: TopicId;
  readonly projectId: ProjectId;
  readonly name: string;
  readonly createdAt: number;
}
export interface Subscriber {
  readonly id: SubscriberId;
  readonly projectId: ProjectId;
  readonly topicId: TopicId;
  /** A name of kinds/kinds.ts, or one that another version of the program knows. */
  readonly type: string;
  /** Without what is secret. */
  readonly settings: Settings;
  /** What is secret (kinds/sealed.ts), sealed (runtime/sealing.ts). */
  readonly sealedSettings: Buffer;
  readonly createdAt: number;
}
/** An event row refers to its message; its JSON is rendered on sending, the same bytes every time. */
export interface EventRow {
  readonly id: EventId;
  readonly projectId: ProjectId;
  readonly topicId: TopicId;
  readonly service: 'mta' | 'edj';
  readonly name: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  /** Wall ms: the event and its deliveries are not removed before. Covered by the message's where the event shows it. */
  readonly keepUntil: number;
  /** incoming and outgoing show the message itself; others only name it in `content`. */
  readonly messageId: MessageId | null;
  /** What rendering needs beside the message: for incoming/outgoing `{rule, envelope, authentication}`; else the whole `content`. JSON. */
  readonly content: unknown;
  /** Summary of an event that shows no message; null for incoming and outgoing (rendered from the message). */
  readonly summary: string | null;
}
export type SubscriberDeliveryState = 'pending' | 'retry' | 'done' | 'dead';
export interface SubscriberDelivery {
  readonly id: DeliveryId;
  readonly projectId: ProjectId;
  readonly subscriberId: SubscriberId;
  readonly eventId: EventId;
  readonly state: SubscriberDeliveryState;
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
  /** JSON: status, first part of the answer, error. */
  readonly lastResult: unknown;
  readonly createdAt: number;
}
export interface SubscriberDeliveryMove {
  readonly projectId: ProjectId;
  readonly eventId: EventId;
  readonly subscriberId: SubscriberId;
  readonly id: DeliveryId;
  readonly from: readonly SubscriberDeliveryState[];
  readonly to: SubscriberDeliveryState;
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
  readonly lastResult: unknown;
}
/**
 * Subscribers in the order of their ids, from behind `after` to `until`, through the end and the beginning where that comes
 * first. null is the beginning; both the same is all of them.
 */
export interface Round {
  readonly after: SubscriberId | null;
  readonly until: SubscriberId | null;
}
export interface DueDeliveries {
  readonly due: readonly DueDelivery[];
  /** Not looked at, since enough were; null where the round came to its end, or `limit` was reached. */
  readonly rest: Round | null;
}
export interface DueDelivery {
  readonly delivery: SubscriberDelivery;
  readonly event: EventRow;
  readonly subscriber: Subscriber;
}
export interface EdjReader {
  topic(project: ProjectId, id: TopicId): Promise<Topic | null>;
  topics(project: ProjectId, page: PageRequest): Promise<Page<Topic>>;
  /** The oldest one. */
  firstTopic(project: ProjectId): Promise<Topic | null>;
  topicByName(project: ProjectId, name: string): Promise<Topic | null>;
  subscriber(project: ProjectId, id: SubscriberId): Promise<Subscriber | null>;
  subscribers(project: ProjectId, topic: TopicId, page: PageRequest): Promise<Page<Subscriber>>;
  /** Whether the topic has any subscriber. */
  isHeard(project: ProjectId, topic: TopicId): Promise<boolean>;
  event(project: ProjectId, id: EventId): Promise<EventRow | null>;
  /**
   * Oldest first after the event id `after` (null: from the beginning), at most `limit`, in the order of the commits.
   * Where that event is gone, nothing that was committed after it is left out; events of the minute before it may come
   * again. Cursors are the events' ids, good as `after`. A page ends behind the event with which it reaches `octets`.
   */
  eventsAfter(
    project: ProjectId,
    topic: TopicId,
    after: EventId | null,
    limit: number,
    octets?: number,
  ): Promise<Page<EventRow>>;
  /** Newest first, for lists. A page ends behind the event with which it reaches `octets`. */
  events(project: ProjectId, topic: TopicId, page: PageRequest, octets?: number): Promise<Page<EventRow>>;
  deliveries(
    project: ProjectId,
    subscriber: SubscriberId,
    page: PageRequest,
  ): Promise<Page<SubscriberDelivery>>;
  /**
   * Of each subscriber of the round its earliest due deliveries, subscriber after subscriber. What one subscriber has
   * waiting costs nothing to the others. A bounded number of subscribers is looked at: `rest` is what is left for then.
   */
  dueDeliveries(
    now: number,
    claim: {
      /** At most this many of one subscriber, those in `exclude` counted. */
      readonly perSubscriber: number;
      /** At most this many in all. */
      readonly limit: number;
      /** At most this many of the project, those in `exclude` not counted: its subscribers take nobody else's room. */
      readonly perProject: (project: ProjectId) => number;
      readonly round: Round;
      readonly exclude: ReadonlySet<DeliveryId>;
    },
  ): Promise<DueDeliveries>;
  nextDeliveryAfter(now: number): Promise<number | null>;
}
export interface EdjTx {
  /** ConflictError 'topic.name'. */
  insertTopic(topic: Topic): void;
  updateTopic(topic: Topic): void;
  /** ConflictError 'topic.in_use' while a rule or domain refers to it; removes its subscribers and their deliveries. */
  deleteTopic(project: ProjectId, id: TopicId): void;
  insertSubscriber(subscriber: Subscriber): void;
  updateSubscriber(subscriber: Subscriber): void;
  deleteSubscriber(project: ProjectId, id: SubscriberId): void;
  /** Writes the event and, for each subscriber the topic has at that moment, one pending delivery due at once (ids made by the store). StaleError where the topic is gone. */
  insertEvent(event: EventRow): void;
  moveDelivery(move: SubscriberDeliveryMove): void;
}
/** What the settlement of a recipient writes: its move, the attempt, and the events that tell of it. */
export type SettleTx = Pick<SpoolTx, 'moveRecipient' | 'insertAttempt'> & Pick<EdjTx, 'insertEvent'>;
/** Conditions of a transaction: it fails with StaleError unless the row is, at the commit, as it is given here. */
export interface EdjExpectations {
  expectTopic(topic: Topic): void;
  expectSubscriber(subscriber: Subscriber): void;
}
