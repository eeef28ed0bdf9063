/**
 * The types of what `accept` takes: planned messages and events, and the outcome of a recipient that is
 * hosted here. Types only.
 */
import type { EdjTx, EventOrder, SettleTx } from '../edj/topics.ts';
import type { LedgerTx } from '../ledger/tasks.ts';
import type { TrafficTx } from '../limits/traffic.ts';
import type { LimitTx } from '../limits/usage.ts';
import type { DomainId, TopicId } from '../runtime/ids.ts';
import type { NewMessage, RecipientRow, SpoolTx } from '../spool/messages.ts';

export type IntakeTx = SpoolTx & EdjTx & LimitTx & LedgerTx;

export interface PlannedEvent {
  readonly topicId: TopicId;
  readonly name: 'incoming' | 'outgoing' | 'accepted' | 'held';
  readonly content: unknown;
  /** null if the summary is rendered from the message */
  readonly summary: string | null;
  /** Of an event about a recipient. */
  readonly order?: EventOrder;
}
/** One project's share of an envelope. */
export interface PlannedMessage {
  readonly message: NewMessage;
  readonly recipients: readonly RecipientRow[];
  readonly events: readonly PlannedEvent[];
  /** For incoming mail: the number of recipients by the domain that takes them. */
  readonly received?: ReadonlyMap<DomainId, number>;
}
export interface AcceptRequest {
  /** At least one message; several if an envelope has recipients in several projects. */
  readonly messages: readonly PlannedMessage[];
  /**
   * What else belongs in the same commit: usage, or the settlement of the recipients that this envelope
   * decides.
   */
  readonly also?: (tx: IntakeTx) => void;
  readonly committing?: Committing;
}
/**
 * Called when everything is ready to be written. false if the client has given up; then nothing may be
 * written.
 */
export type Committing = () => boolean;
/** The client gave up; nothing was written. */
export class Abandoned extends Error {
  override name = 'Abandoned';
}
export interface Intake {
  accept(request: AcceptRequest): Promise<void>;
  /**
   * Accepts a message that a project sends. Receive rules take the recipients hosted here, and the same
   * commit settles them. If that is not possible (a topic was removed), all recipients go to the scheduler.
   */
  send(planned: PlannedMessage, also: (tx: IntakeTx) => void, committing?: Committing): Promise<void>;
}
export interface HostedOutcome {
  readonly row: RecipientRow;
  /** 250: taken; 550 5.1.1: no such recipient; 451: the domain is no longer hosted here. */
  readonly reply: { readonly code: number; readonly enhanced: string; readonly text: string };
}
/** Records the settlement of one recipient in the transaction that accepts its mail. */
export type RecordOutcome = (tx: SettleTx & Pick<TrafficTx, 'addTraffic'>, outcome: HostedOutcome) => void;

export interface HostedPlan {
  /** What is to be accepted for the recipients' projects; empty if no rule takes the message. */
  readonly messages: readonly PlannedMessage[];
  readonly outcomes: readonly HostedOutcome[];
}
export type PlanHosted = (message: NewMessage, rows: readonly RecipientRow[]) => Promise<HostedPlan>;
