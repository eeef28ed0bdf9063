/** Rows of topics, subscribers, events and deliveries, and the interfaces that the store implements. */
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
  /** A kind in kinds/kinds.ts, or one that another version of the program knows. */
  readonly type: string;
  /** Settings that are not secret. */
  readonly settings: Settings;
  /** The secret settings (kinds/sealed.ts), sealed (runtime/sealing.ts). */
  readonly sealedSettings: Buffer;
  readonly createdAt: number;
  /** Wall ms. It has taken nothing since then, although something was tried; absent: it takes events, or nothing was tried. */
  readonly failingSince?: number;
  /** Wall ms. It is sent nothing since then; absent: it is not paused. */
  readonly pausedAt?: number;
  /** Wall ms. When its last pause ended; absent: it had none. */
  readonly resumedAt?: number;
  /** The stored settings cannot be read; `settings` has none of them. */
  readonly broken?: true;
}
/** An event row refers to its message. Its JSON is rendered when it is sent, with the same octets every time. */
export interface EventRow {
  readonly id: EventId;
  readonly projectId: ProjectId;
  readonly topicId: TopicId;
  readonly service: 'mta' | 'edj';
  readonly name: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  /**
   * Wall ms: the event and its deliveries are kept at least until then. If the event shows a message, it is kept as
   * long as the message.
   */
  readonly keepUntil: number;
  /** The events incoming and outgoing show the message; others only name it in `content`. */
  readonly messageId: MessageId | null;
  /**
   * Data for rendering, in addition to the message: `{rule, envelope, authentication}` for incoming and outgoing,
   * otherwise the whole `content`. JSON.
   */
  readonly content: unknown;
  /** Summary of an event that shows no message; null for incoming and outgoing (rendered from the message). */
  readonly summary: string | null;
}
/** The place of an event among others. Events with the same key are in the order of their sequences. */
export interface EventOrder {
  /** In the form of an id: for events about a recipient, its id. */
  readonly key: string;
  readonly sequence: number;
}
/** Deliveries with this key that were not tried, with a sequence above `after`, are due at `at` (wall ms). */
export interface Followers {
  readonly projectId: ProjectId;
  readonly subscriberId: SubscriberId;
  readonly key: string;
  readonly after: number;
  readonly at: number;
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
  /** JSON: the status, the beginning of the answer, or the error. */
  readonly lastResult: unknown;
  readonly createdAt: number;
  /** Its place among others (order.ts); null: it waits for none. */
  readonly order: EventOrder | null;
  /** Wall ms until which it holds others back, since it failed; null: it has not failed. */
  readonly holdsUntil: number | null;
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
  /** Absent: as before. */
  readonly holdsUntil?: number;
}
/**
 * A round of subscribers in the order of their ids: those after `after`, up to `until`. If `until` comes first in
 * the order, the round continues from the end to the beginning. null is the beginning; if both are the same, the
 * round has all subscribers.
 */
export interface Round {
  readonly after: SubscriberId | null;
  readonly until: SubscriberId | null;
}
export interface DueDeliveries {
  readonly due: readonly DueDelivery[];
  /** The part of the round that remains, because the look was bounded; null: the round or `limit` was reached. */
  readonly rest: Round | null;
  /** What is due but held back by others. Whoever asked puts it off. */
  readonly blocked: readonly Followers[];
}
export interface DueDelivery {
  /** It is tried although it may not be due (health.ts). A failure changes nothing. */
  readonly probe?: true;
  /** It comes after this one, which is in memory or comes before it in the same answer. */
  readonly behind?: DeliveryId;
  readonly delivery: SubscriberDelivery;
  readonly event: EventRow;
  readonly subscriber: Subscriber;
}
export interface FailingSubscriber {
  readonly id: SubscriberId;
  readonly projectId: ProjectId;
  /** Wall ms. */
  readonly since: number;
}
export interface EdjReader {
  topic(project: ProjectId, id: TopicId): Promise<Topic | null>;
  topics(project: ProjectId, page: PageRequest): Promise<Page<Topic>>;
  /** The oldest topic. */
  firstTopic(project: ProjectId): Promise<Topic | null>;
  topicByName(project: ProjectId, name: string): Promise<Topic | null>;
  subscriber(project: ProjectId, id: SubscriberId): Promise<Subscriber | null>;
  subscribers(project: ProjectId, topic: TopicId, page: PageRequest): Promise<Page<Subscriber>>;
  /** Whether the topic has any subscriber. */
  isHeard(project: ProjectId, topic: TopicId): Promise<boolean>;
  event(project: ProjectId, id: EventId): Promise<EventRow | null>;
  /**
   * Events after the event id `after` (null: from the beginning), oldest first, at most `limit`, in the order of
   * the commits. If that event was removed, no event that was committed after it is left out, but events of the
   * minute before it may come again. Cursors are event ids that also work as `after`. A page ends with the event
   * that reaches `octets`.
   */
  eventsAfter(
    project: ProjectId,
    topic: TopicId,
    after: EventId | null,
    limit: number,
    octets?: number,
  ): Promise<Page<EventRow>>;
  /** Newest first, for lists. A page ends with the event that reaches `octets`. */
  events(project: ProjectId, topic: TopicId, page: PageRequest, octets?: number): Promise<Page<EventRow>>;
  deliveries(
    project: ProjectId,
    subscriber: SubscriberId,
    page: PageRequest,
  ): Promise<Page<SubscriberDelivery>>;
  /**
   * The earliest due deliveries of each subscriber in the round that is not paused, subscriber by subscriber. The backlog of one
   * subscriber costs the others nothing. The call reads a bounded number of subscribers; `rest` is the part that
   * remains.
   */
  dueDeliveries(
    now: number,
    claim: {
      /** Maximum for a subscriber, not counting those in `exclude`. */
      readonly perSubscriber: {
        of(subscriber: SubscriberId): number;
        /** What `of` answers at most. */
        readonly most: number;
        /** Those for which it answers 0. */
        readonly full: readonly SubscriberId[];
      };
      /** Maximum in total. */
      readonly limit: number;
      /**
       * Maximum for a project, not counting those in `exclude`, so that its subscribers take no room of other
       * projects.
       */
      readonly perProject: (project: ProjectId) => number;
      readonly round: Round;
      /** Wall ms at which others are held back; absent: `now`. */
      readonly heldAt?: number;
      readonly exclude: Pick<ReadonlySet<DeliveryId>, 'has' | 'keys'>;
    },
  ): Promise<DueDeliveries>;
  /** Subscribers of all projects that take nothing, in the order of their ids, after `after`. */
  failingSubscribers(after: SubscriberId | null, limit: number): Promise<readonly FailingSubscriber[]>;
  /** Deliveries to the subscriber that wait for a moment after `after`, the earliest first, of those that this node serves. */
  waitingAfter(
    project: ProjectId,
    subscriber: SubscriberId,
    after: number,
    limit: number,
  ): Promise<readonly SubscriberDelivery[]>;
  nextDeliveryAfter(now: number): Promise<number | null>;
  /** The first deliveries that are due after `after`, of those that this node serves. */
  deliveriesAfter(after: number, limit: number): Promise<readonly SubscriberDelivery[]>;
}
export interface EdjTx {
  /** ConflictError 'topic.name'. */
  insertTopic(topic: Topic): void;
  updateTopic(topic: Topic): void;
  /**
   * Removes a topic with its subscribers and their deliveries. ConflictError 'topic.in_use' while a rule or domain
   * refers to it.
   */
  deleteTopic(project: ProjectId, id: TopicId): void;
  insertSubscriber(subscriber: Subscriber): void;
  /** Writes its type and its settings. StaleError if it is gone. */
  updateSubscriber(subscriber: Subscriber): void;
  deleteSubscriber(project: ProjectId, id: SubscriberId): void;
  /** It is sent nothing from then on (wall ms). StaleError if it is gone. */
  pauseSubscriber(project: ProjectId, id: SubscriberId, at: number): void;
  /** It is sent everything again from then on (wall ms). StaleError if it is gone. */
  resumeSubscriber(project: ProjectId, id: SubscriberId, at: number): void;
  /** It takes nothing since then (wall ms), unless an earlier time is known. Nothing if it is gone. */
  subscriberFails(project: ProjectId, id: SubscriberId, since: number): void;
  /** It took something. Nothing if it is gone. */
  subscriberTakes(project: ProjectId, id: SubscriberId): void;
  /**
   * Writes the event and, for each present subscriber of the topic, one pending delivery that is due at once. The
   * store makes the ids. StaleError if the topic is gone. `order`: where its deliveries stand among others.
   */
  insertEvent(event: EventRow, order?: EventOrder): void;
  moveDelivery(move: SubscriberDeliveryMove): void;
  /** The first thousand of them, in order. */
  moveFollowers(followers: Followers): void;
}
/** The writes that settle a recipient: its move, the attempt, and the events about it. */
export type SettleTx = Pick<SpoolTx, 'moveRecipient' | 'insertAttempt'> & Pick<EdjTx, 'insertEvent'>;
/** Conditions of a transaction: it fails with StaleError unless the row is unchanged at the commit. */
export interface EdjExpectations {
  expectTopic(topic: Topic): void;
  expectSubscriber(subscriber: Subscriber): void;
}
