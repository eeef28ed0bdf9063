/**
 * The one door into the spool. Bytes, recipient rows, events and usage of one envelope go into one transaction;
 * `accept` resolves only after its commit, then hands the recipients to the scheduler in memory and nudges EDJ.
 * Fails with StoreError, StaleError (a topic vanished between matching and commit) or ConflictError; then nothing was
 * written and nothing was handed on.
 */
import type { SettleTx } from '../edj/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EventId, MessageId, ProjectId, TopicId } from '../runtime/ids.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { moved } from '../spool/transitions.ts';
import type { RecipientRow, StoredMessage } from '../spool/types.ts';
import type {
  HostedOutcome,
  Intake,
  IntakeTx,
  PlanHosted,
  PlannedEvent,
  PlannedMessage,
  RecordOutcome,
} from './planned.ts';

export interface IntakeDeps {
  readonly transactor: Transactor<IntakeTx>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** The scheduler's hand: outgoing recipients, already committed. */
  readonly enqueue: (message: StoredMessage, rows: readonly RecipientRow[]) => void;
  readonly planHosted: PlanHosted;
  /** How the outcomes of a message's recipients are recorded, and what to do once that is committed. */
  readonly prepareSettle: (
    message: StoredMessage,
  ) => Promise<{ readonly record: RecordOutcome; readonly committed: () => void }>;
  readonly isHosted: (domain: string) => Promise<boolean>;
  /** After commit: these topics of the project have new events. */
  readonly published: (project: ProjectId, topics: readonly TopicId[]) => void;
}

export function createIntake(deps: IntakeDeps): Intake {
  const { transactor, clock, random, metrics } = deps;
  async function commit(
    messages: readonly PlannedMessage[],
    also: ((tx: IntakeTx) => void) | undefined,
    settled: {
      readonly outcomes: readonly HostedOutcome[];
      readonly record: RecordOutcome;
    } = NOTHING_SETTLED,
  ): Promise<void> {
    const first = messages[0];
    if (first === undefined) throw new RangeError('accept needs at least one message');
    const ids = new Set(settled.outcomes.map(({ row }) => row.id));
    const enqueued = ({ id }: RecipientRow) => !ids.has(id);
    await transactor.transact(first.message.projectId, (tx) => {
      for (const { message, recipients, events } of messages) {
        tx.insertMessage(message, holderOf(message, messages));
        for (const row of recipients.filter(enqueued)) tx.insertRecipient(row);
        for (const event of events)
          tx.insertEvent(eventRow(message.projectId, message, event, random.id<'event'>(), clock.now()));
      }
      also?.(tx);
      for (const outcome of settled.outcomes) settled.record(settling(tx, outcome.row), outcome);
    });
    for (const { message, recipients, events } of messages) {
      metrics.messagesAccepted(message.source);
      const waiting = recipients.filter(enqueued);
      if (waiting.length > 0) deps.enqueue(message, waiting);
      if (events.length > 0)
        deps.published(
          message.projectId,
          events.map(({ topicId }) => topicId),
        );
    }
  }

  return {
    accept: ({ messages, also }) => commit(messages, also),
    async send(planned, also) {
      const hosted: RecipientRow[] = [];
      for (const row of planned.recipients)
        if (goesAtOnce(row) && (await deps.isHosted(row.domain))) hosted.push(row);
      if (hosted.length > 0) {
        const { messages, outcomes } = await deps.planHosted(planned.message, hosted);
        const taken = outcomes.filter(({ reply }) => reply.code === 250);
        if (messages.length > 0) {
          const { record, committed } = await deps.prepareSettle(planned.message);
          try {
            await commit([planned, ...messages], also, { outcomes: taken, record });
            committed();
            return;
          } catch (error) {
            if (!(error instanceof StaleError)) throw error;
          }
        }
      }
      await commit([planned], also);
    },
  };
}

/** The earlier message of the commit whose octets these are too, where it is of the same project. */
function holderOf(message: StoredMessage, messages: readonly PlannedMessage[]): MessageId | undefined {
  const holder = messages.find(
    (one) => one.message.raw === message.raw && one.message.projectId === message.projectId,
  )?.message;
  return holder === message ? undefined : holder?.id;
}

const NOTHING_SETTLED = { outcomes: [], record: () => {} };

/** A row that is settled in the very commit that inserts it is written once, as what it came to. */
function settling(tx: IntakeTx, row: RecipientRow): SettleTx {
  return {
    moveRecipient: (move) => tx.insertRecipient(moved(row, move)),
    insertAttempt: tx.insertAttempt,
    insertEvent: tx.insertEvent,
  };
}

/** Whoever asked to be told of the success gets his notification from the scheduler. */
function goesAtOnce({ state, dsn }: RecipientRow): boolean {
  return state === 'queued' && dsn?.notify?.includes('SUCCESS') !== true;
}

function eventRow(
  projectId: ProjectId,
  message: StoredMessage,
  event: PlannedEvent,
  id: EventId,
  now: number,
) {
  return {
    id,
    projectId,
    topicId: event.topicId,
    service: 'mta' as const,
    name: event.name,
    createdAt: now,
    expiresAt: null,
    messageId: message.id,
    content: event.content,
    summary: event.summary,
  };
}
