/**
 * An event as mail: the letter that the subscriber's kind makes of it, and handing it to the queue. Invariants: an event about
 * a message that such a letter became is not mailed, nor a message that has the mark of its own topic or passed too many
 * topics (event-trace.ts): it ends as done, with the reason. A subscriber sends a bounded number a minute, so what removes all
 * marks cannot make a storm. Fails as rendering does.
 */
import type { Address } from '../mail/address.ts';
import type { MessageId, ProjectId, SubscriberId } from '../runtime/ids.ts';
import type { Tally } from '../runtime/rates.ts';
import type { SpoolReader } from '../spool/messages.ts';
import { type EventTrace, MOST_TOPICS } from './event-trace.ts';
import type { Letter, MailKind, RequestDeps, Verdict } from './kinds/kind.ts';
import { shownBy } from './shown-ahead.ts';
import type { EventRow } from './topics.ts';

export interface HandedOver {
  readonly project: ProjectId;
  readonly from: Address;
  readonly recipients: readonly Address[];
  readonly raw: Buffer;
  /** The same for the same event and subscriber: it is accepted once. No key of a client has a space. */
  readonly key: string;
}
/** `later`: seconds until it may be accepted. */
export type Handed =
  | { readonly kind: 'accepted'; readonly id: MessageId }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'later'; readonly retryAfter: number; readonly why: string };

export interface EventMailDeps {
  readonly trace: EventTrace;
  readonly sizeLimit: number;
  /** The message as the API shows it. */
  readonly original: (project: ProjectId, id: MessageId) => Promise<Buffer | null>;
  /** Gives the mail to the queue. Rejects with NoPlace. */
  readonly handOver: (mail: HandedOver) => Promise<Handed>;
  /** What each subscriber has sent within MAIL_WINDOW_MS. */
  readonly sent: Tally;
}
export const MAIL_WINDOW_MS = 60_000;
/** Letters of a subscriber in a window. */
export const MOST_LETTERS = 60;

/** `id`: of the message in the queue. `skipped`: why there is none. */
export type MailResult =
  | { readonly message: MessageId }
  | { readonly skipped: string }
  | { readonly error: string; readonly detail: string };
export interface Mailed {
  readonly result: MailResult;
  readonly verdict: Verdict;
}

export async function letterFor(
  kind: MailKind,
  making: RequestDeps,
  { trace, sizeLimit, original }: EventMailDeps,
  passed: readonly string[] = [],
): Promise<Letter> {
  const { projectId, topicId } = making.event;
  const id = shownBy(making.event);
  return kind.letter({
    ...making,
    trace: [...passed, trace.markOf(topicId)],
    sizeLimit,
    original: id === null ? null : () => original(projectId, id),
  });
}

export async function mailEvent(
  kind: MailKind,
  subscriber: SubscriberId,
  making: RequestDeps,
  deps: EventMailDeps,
  spool: Pick<SpoolReader, 'shown'>,
): Promise<Mailed> {
  const { event } = making;
  const { passed, stop } = await passedBy(event, deps.trace, spool);
  if (stop !== null) return { result: { skipped: stop }, verdict: { kind: 'done' } };
  // Counted before anything is waited for: several attempts run at a time.
  const count = deps.sent.add(subscriber);
  if (count > MOST_LETTERS) {
    const detail = `the subscriber has sent ${MOST_LETTERS} letters within a minute`;
    // Those that come after have a later turn.
    const retryAfter = (MAIL_WINDOW_MS / 1000) * Math.floor((count - 1) / MOST_LETTERS);
    // The word for what is no fault of the subscriber (dispatcher.ts).
    return { result: { error: 'too-busy', detail }, verdict: { kind: 'later', retryAfter } };
  }
  const { from, recipients, header, body } = await letterFor(kind, making, deps, passed);
  const raw = Buffer.concat([Buffer.from(`${header}\r\n`), body]);
  const key = `event ${event.id} ${subscriber}`;
  const handed = await deps.handOver({ project: event.projectId, from, recipients, raw, key });
  switch (handed.kind) {
    case 'accepted':
      return { result: { message: handed.id }, verdict: { kind: 'done' } };
    case 'refused':
      return { result: { error: 'not-accepted', detail: handed.why }, verdict: { kind: 'refused' } };
    case 'later':
      return {
        result: { error: 'not-accepted', detail: handed.why },
        verdict: { kind: 'later', retryAfter: handed.retryAfter },
      };
  }
}

/** The marks of the message that the event is about, and why the event must not be mailed; null: it may. */
async function passedBy(
  { projectId, topicId, messageId, summary }: EventRow,
  trace: EventTrace,
  spool: Pick<SpoolReader, 'shown'>,
): Promise<{ readonly passed: readonly string[]; readonly stop: string | null }> {
  const message = messageId === null ? null : await spool.shown(projectId, messageId);
  if (message === null) return { passed: [], stop: null };
  if (message.source === 'edj')
    return { passed: [], stop: 'the event is about a message that a subscriber by mail has sent' };
  if (summary !== null) return { passed: [], stop: null };
  const passed = trace.marksIn(message.head.toString('latin1'));
  if (passed.includes(trace.markOf(topicId)))
    return {
      passed,
      stop: 'the message comes from a subscriber of this topic: mailing it would make a loop',
    };
  if (passed.length >= MOST_TOPICS)
    return { passed, stop: `the message has passed ${passed.length} topics as mail` };
  return { passed, stop: null };
}
