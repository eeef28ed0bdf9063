/** What goes through the one door, and how: planned messages and events, and what a hosted recipient came to. Types only. */
import type { EdjTx, SettleTx } from '../edj/types.ts';
import type { LedgerTx } from '../ledger/types.ts';
import type { TrafficTx } from '../limits/traffic.ts';
import type { LimitTx } from '../limits/types.ts';
import type { DomainId, TopicId } from '../runtime/ids.ts';
import type { NewMessage, RecipientRow, SpoolTx } from '../spool/types.ts';

export type IntakeTx = SpoolTx & EdjTx & LimitTx & LedgerTx;

export interface PlannedEvent {
  readonly topicId: TopicId;
  readonly name: 'incoming' | 'outgoing' | 'accepted' | 'held';
  readonly content: unknown;
  /** null: rendered from the message */
  readonly summary: string | null;
}
/** One project's share of an envelope. */
export interface PlannedMessage {
  readonly message: NewMessage;
  readonly recipients: readonly RecipientRow[];
  readonly events: readonly PlannedEvent[];
  /** Of mail that came in: recipients by the domain that took them. */
  readonly received?: ReadonlyMap<DomainId, number>;
}
export interface AcceptRequest {
  /** At least one; several where an envelope reaches several projects. */
  readonly messages: readonly PlannedMessage[];
  /** What else belongs into the same commit: usage, or the settlement of the recipients this one answers for. */
  readonly also?: (tx: IntakeTx) => void;
  readonly committing?: Committing;
}
/** Asked when all is ready to be written: false where nobody waits for it any more, and nothing is to be written. */
export type Committing = () => boolean;
/** Nobody waited for it any more; nothing was written. */
export class Abandoned extends Error {
  override name = 'Abandoned';
}
export interface Intake {
  accept(request: AcceptRequest): Promise<void>;
  /**
   * Accepts a message that a project sends. Recipients hosted here are taken by their receive rules and settled in
   * the very same commit; where that cannot be (a topic vanished), all go to the scheduler like any others.
   */
  send(planned: PlannedMessage, also: (tx: IntakeTx) => void, committing?: Committing): Promise<void>;
}
export interface HostedOutcome {
  readonly row: RecipientRow;
  /** 250 and taken; 550 5.1.1 for nobody; 451 where the domain is no longer hosted here. */
  readonly reply: { readonly code: number; readonly enhanced: string; readonly text: string };
}
/** Notes the settlement of one recipient in the transaction that takes its mail. */
export type RecordOutcome = (tx: SettleTx & Pick<TrafficTx, 'addTraffic'>, outcome: HostedOutcome) => void;

export interface HostedPlan {
  /** What is to be accepted for the projects of the recipients; empty where nobody takes the message. */
  readonly messages: readonly PlannedMessage[];
  readonly outcomes: readonly HostedOutcome[];
}
export type PlanHosted = (message: NewMessage, rows: readonly RecipientRow[]) => Promise<HostedPlan>;
