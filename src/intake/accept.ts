/**
 * The only way into the spool. The bytes, recipient rows, events and usage of one envelope go into one
 * transaction. This module decides how long the message is kept. It reads what the message's events show
 * before it accepts the message. `accept` resolves only after its commit; then it hands the recipients to the
 * scheduler in memory and wakes EDJ. Fails with NoPlace, Abandoned, StoreError, ConflictError or StaleError
 * (a topic was removed between matching and commit). After a failure, nothing is written and nothing is
 * handed on.
 */
import type { SettleTx } from '../edj/topics.ts';
import type { TrafficTx } from '../limits/traffic.ts';
import { DAY_MS, keptMs, type LimitReader } from '../limits/usage.ts';
import type { Reader } from '../reading/reader.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MessageId, ProjectId, TopicId } from '../runtime/ids.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import type { NewMessage, RecipientRow, StoredMessage } from '../spool/messages.ts';
import { moved } from '../spool/transitions.ts';
import {
  Abandoned,
  type Committing,
  type HostedOutcome,
  type Intake,
  type IntakeTx,
  type PlanHosted,
  type PlannedMessage,
  type RecordOutcome,
} from './planned.ts';

export interface IntakeDeps {
  readonly read: Pick<LimitReader, 'sendingSettings'>;
  readonly transactor: Transactor<IntakeTx>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /**
   * Parses a message so that its events can show the content. Fails with NoPlace if that was not possible in
   * time.
   */
  readonly readMail: Reader;
  /** Gives committed outgoing recipients to the scheduler. */
  readonly enqueue: (message: StoredMessage, rows: readonly RecipientRow[]) => void;
  readonly planHosted: PlanHosted;
  /** Prepares how the outcomes of a message's recipients are recorded, and what to do after the commit. */
  readonly prepareSettle: (
    message: StoredMessage,
  ) => Promise<{ readonly record: RecordOutcome; readonly committed: () => void }>;
  readonly isHosted: (domain: string) => Promise<boolean>;
  /** Called after the commit: these topics of the project have new events. */
  readonly published: (project: ProjectId, topics: readonly TopicId[]) => void;
}

export function createIntake(deps: IntakeDeps): Intake {
  const { transactor, clock, random, metrics, read } = deps;

  /** Sets how long each message is kept. A message whose octets others share is kept as long as they are. */
  async function keep(
    planned: readonly PlannedMessage[],
    outcomes: readonly HostedOutcome[] = [],
  ): Promise<readonly KeptMessage[]> {
    const settled = new Set(outcomes.map(({ row }) => row.id));
    const kept: KeptMessage[] = [];
    for (const one of planned) {
      const forMs = keptMs(await read.sendingSettings(one.message.projectId));
      kept.push({ ...one, forMs, message: { ...one.message, keepUntil: keepUntil(one, settled, forMs) } });
    }
    return kept.map((one) => {
      const shown = kept.filter(({ message }) => holderOf(message, kept) === one.message.id);
      if (shown.length === 0) return one;
      const latest = Math.max(...[one, ...shown].map(({ message }) => message.keepUntil));
      return { ...one, message: { ...one.message, keepUntil: latest } };
    });
  }
  /**
   * The parsed content of the messages whose events show it, by octets. Messages that share their octets are
   * parsed once.
   */
  async function readingsOf(messages: readonly PlannedMessage[]): Promise<ReadonlyMap<Buffer, Buffer>> {
    const readings = new Map<Buffer, Buffer>();
    for (const { message, events } of messages)
      if (!readings.has(message.raw) && events.some(({ summary }) => summary === null))
        readings.set(message.raw, await deps.readMail(message.raw, message.projectId));
    return readings;
  }
  async function commit(
    messages: readonly KeptMessage[],
    also: ((tx: IntakeTx) => void) | undefined,
    committing: Committing,
    settled: {
      readonly outcomes: readonly HostedOutcome[];
      readonly record: RecordOutcome;
    } = NOTHING_SETTLED,
  ): Promise<void> {
    const first = messages[0];
    if (first === undefined) throw new RangeError('accept needs at least one message');
    const ids = new Set(settled.outcomes.map(({ row }) => row.id));
    const enqueued = ({ id }: RecipientRow) => !ids.has(id);
    const readings = await readingsOf(messages);
    // This check comes last: the steps before may take long, and the client may have given up in the
    // meantime.
    if (!committing()) throw new Abandoned('nobody waits for it any more');
    await transactor.transact(first.message.projectId, (tx) => {
      for (const planned of messages) {
        const { message, recipients, events, forMs } = planned;
        tx.insertMessage(message, holderOf(message, messages), readings.get(message.raw));
        countTraffic(tx, planned);
        for (const row of recipients.filter(enqueued)) tx.insertRecipient(row);
        for (const event of events) {
          const createdAt = clock.now();
          const over = createdAt + forMs;
          tx.insertEvent(
            {
              id: random.id(),
              projectId: message.projectId,
              topicId: event.topicId,
              service: 'mta',
              name: event.name,
              createdAt,
              expiresAt: null,
              // An event that is rendered from the message must not outlive the message.
              keepUntil: event.summary === null ? Math.min(over, message.keepUntil) : over,
              messageId: message.id,
              content: event.content,
              summary: event.summary,
            },
            event.order,
          );
        }
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
    accept: async ({ messages, also, committing = always }) => commit(await keep(messages), also, committing),
    async send(planned, also, committing = always) {
      const hosted: RecipientRow[] = [];
      for (const row of planned.recipients)
        if (goesAtOnce(row) && (await deps.isHosted(row.domain))) hosted.push(row);
      if (hosted.length > 0) {
        const { messages, outcomes } = await deps.planHosted(planned.message, hosted);
        const taken = outcomes.filter(({ reply }) => reply.code === 250);
        if (messages.length > 0) {
          const all = await keep([planned, ...messages], taken);
          const { record, committed } = await deps.prepareSettle(all[0]!.message);
          try {
            await commit(all, also, committing, { outcomes: taken, record });
            committed();
            return;
          } catch (error) {
            if (!(error instanceof StaleError)) throw error;
          }
        }
      }
      await commit(await keep([planned]), also, committing);
    },
  };
}

interface KeptMessage extends PlannedMessage {
  readonly message: StoredMessage;
  /** ms: the project's retention setting. */
  readonly forMs: number;
}

/**
 * After its time in the queue, a recipient may be held for 7 more days. 2 further days leave room for a last
 * attempt and for people who ask what happened.
 */
const AFTER_QUEUE_MS = 9 * DAY_MS;

function keepUntil(
  { message, recipients }: PlannedMessage,
  settled: ReadonlySet<RecipientRow['id']>,
  forMs: number,
): number {
  const wanted = message.acceptedAt + forMs;
  const waits = recipients.some(({ id }) => !settled.has(id));
  return waits ? Math.max(wanted, message.expiresAt + AFTER_QUEUE_MS) : wanted;
}

/** The earlier message of this commit with the same octets, if it is of the same project. */
function holderOf(message: NewMessage, messages: readonly PlannedMessage[]): MessageId | undefined {
  const holder = messages.find(
    (one) => one.message.raw === message.raw && one.message.projectId === message.projectId,
  )?.message;
  return holder === message ? undefined : holder?.id;
}

const always = () => true;
const NOTHING_SETTLED = { outcomes: [], record: () => {} };

/** Counts the traffic of domains. Mail without a domain (notifications) is not counted. */
function countTraffic(
  tx: Pick<TrafficTx, 'addTraffic'>,
  { message, recipients, received }: PlannedMessage,
): void {
  const { projectId, domainId, acceptedAt, direction } = message;
  if (direction === 'outgoing' && domainId !== null)
    tx.addTraffic(projectId, domainId, acceptedAt, {
      accepted: recipients.length,
      held: recipients.filter(({ state }) => state === 'held').length,
    });
  for (const [domain, count] of received ?? [])
    tx.addTraffic(projectId, domain, acceptedAt, { received: count });
}

/** If a row is settled in the same commit that inserts it, writes it once, in its final state. */
function settling(tx: IntakeTx, row: RecipientRow): SettleTx & Pick<TrafficTx, 'addTraffic'> {
  return {
    moveRecipient: (move) => tx.insertRecipient(moved(row, move)),
    insertAttempt: tx.insertAttempt,
    insertEvent: tx.insertEvent,
    addTraffic: tx.addTraffic,
  };
}

/** A recipient with a requested success notification goes to the scheduler, which sends the notification. */
function goesAtOnce({ state, dsn }: RecipientRow): boolean {
  return state === 'queued' && dsn?.notify?.includes('SUCCESS') !== true;
}
