/**
 * Outcomes into the store: the move, the attempt and the events the domain's rules ask for, in one transaction.
 * `prepareSettle` reads what is needed; the recorder it gives is synchronous and may be called in any transaction of
 * the message's project (hosted recipients settle in the commit that accepts them), and again if that one failed.
 */
import { classifyReply, classifyStatus } from '../bounces/classify.ts';
import type { DomainReader } from '../domains/types.ts';
import type { EdjTx } from '../edj/types.ts';
import type { DeliveryEventContent, DeliveryEventName } from '../events/catalogue.ts';
import type { EventRule, RuleReader } from '../rules/types.ts';
import { backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { toBounced, toDeferred, toDelivered, toExpired } from '../spool/transitions.ts';
import type { RecipientMove, RecipientRow, SpoolTx, StoredMessage } from '../spool/types.ts';
import type { Outcome } from './outcome.ts';

/** The message without its bytes is enough to settle. */
export type MessageHead = Omit<StoredMessage, 'raw' | 'prefix'>;
export type SettleRecorder = (tx: SpoolTx & EdjTx, row: RecipientRow, outcome: Outcome) => void;
export interface Settled {
  readonly result: 'delivered' | 'deferred' | 'bounced' | 'expired';
  /** Wall ms of the next attempt, where there is one. */
  readonly nextAttemptAt: number | null;
  readonly events: number;
}
export interface Settlement {
  readonly record: SettleRecorder;
  /** What was recorded last for each recipient id: true once its transaction has been committed. */
  readonly recorded: ReadonlyMap<string, Settled>;
}
/** ms: first and longest wait between attempts */
export const DEFAULT_RETRY = { baseMs: 300_000, maxMs: 4_000_000 } as const;
export interface SettleDeps {
  readonly read: RuleReader & DomainReader;
  readonly clock: Clock;
  readonly random: Random;
  /** ms */
  readonly retry: { readonly baseMs: number; readonly maxMs: number };
}

/** Reads the domain and its event rules. Rejects where the store does. */
export async function prepareSettle(message: MessageHead, deps: SettleDeps): Promise<Settlement> {
  const { projectId, domainId } = message;
  const [rules, domain] =
    domainId === null
      ? [[] as readonly EventRule[], null]
      : await Promise.all([
          deps.read.rules(projectId, domainId, 'event'),
          deps.read.domain(projectId, domainId),
        ]);
  const recorded = new Map<string, Settled>();

  function record(tx: SpoolTx & EdjTx, row: RecipientRow, outcome: Outcome): void {
    const now = deps.clock.now();
    const number = row.attempts + 1;
    const { move, name } = decide(row, outcome, now);
    const classification = classify(outcome);
    const nextAt = move.nextAttemptAt;
    tx.moveRecipient(move);
    const detail = {
      remote: outcome.remote,
      tls: outcome.tls,
      reply: outcome.reply,
      ...(outcome.kind === 'delivered'
        ? {}
        : { cause: outcome.cause, status: outcome.status, classification }),
      ...(outcome.kind === 'deferred' && outcome.ambiguous ? { ambiguous: true } : {}),
    };
    tx.insertAttempt({
      projectId,
      messageId: message.id,
      recipientId: row.id,
      number,
      at: now,
      outcome: outcome.kind,
      detail,
    });
    const wanted = rules.filter((rule) => rule.names.includes(name));
    if (wanted.length > 0) {
      const content: DeliveryEventContent = {
        id: message.id,
        message_id: message.messageIdHeader,
        domain: domain === null ? null : { id: domain.id, name: domain.name },
        recipient: { id: row.id, address: row.address },
        sender: message.mailFrom,
        attempt: number,
        ...(outcome.remote === null ? {} : { remote: outcome.remote, tls: outcome.tls }),
        ...(outcome.reply === null ? {} : { reply: outcome.reply }),
        ...(outcome.kind === 'delivered' ? {} : { classification, cause: outcome.cause }),
        ...(nextAt === null ? {} : { next_attempt_at: new Date(nextAt).toISOString() }),
      };
      for (const rule of wanted)
        tx.insertEvent({
          id: deps.random.id(),
          projectId,
          topicId: rule.topicId,
          service: 'mta',
          name,
          createdAt: now,
          expiresAt: null,
          messageId: message.id,
          content,
          summary: `${name} ${row.address}: ${saying(outcome)}`.slice(0, 500),
        });
    }
    recorded.set(row.id, { result: name, nextAttemptAt: nextAt, events: wanted.length });
  }

  function decide(
    row: RecipientRow,
    outcome: Outcome,
    now: number,
  ): { move: RecipientMove; name: Settled['result'] & DeliveryEventName } {
    const result = {
      ...outcome,
      classification: outcome.kind === 'delivered' ? undefined : classify(outcome),
    };
    if (outcome.kind === 'delivered') return { move: toDelivered(row, now, result), name: 'delivered' };
    if (outcome.kind === 'bounced') return { move: toBounced(row, now, result), name: 'bounced' };
    if (now >= message.expiresAt) return { move: toExpired(row, now, result), name: 'expired' };
    const wait = backoff({ attempt: row.attempts + 1, ...deps.retry, random: deps.random });
    // The last try falls on the very end of the message's time: nothing expires untried.
    const next = Math.min(now + Math.round(wait), message.expiresAt);
    return { move: toDeferred(row, next, result), name: 'deferred' };
  }
  return { record, recorded };
}

function classify(outcome: Outcome): string {
  if (outcome.kind === 'delivered') return 'undetermined';
  return outcome.reply === null ? classifyStatus(outcome.status) : classifyReply(outcome.reply);
}
/** For people: the server's words, else our cause. */
function saying(outcome: Outcome): string {
  if (outcome.reply === null) return outcome.kind === 'delivered' ? '' : outcome.cause;
  const { code, enhanced, text } = outcome.reply;
  return [code, enhanced, text].filter((part) => part !== null && part !== '').join(' ');
}
