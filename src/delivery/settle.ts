/**
 * Outcomes into the store: the move, the attempt and the events the domain's rules ask for, in one transaction.
 * `prepareSettle` reads what is needed; the recorder it gives is synchronous and may be called in any transaction of
 * the message's project (hosted recipients settle in the commit that accepts them), and again if that one failed.
 */
import { type Classification, classifyReply, classifyStatus } from '../bounces/classify.ts';
import type { EventContent } from '../contract/event-contents.ts';
import type { DeliveryEventName } from '../contract/events.ts';
import type { DomainReader } from '../domains/mta-domains.ts';
import type { SettleTx } from '../edj/topics.ts';
import type { TrafficTx } from '../limits/traffic.ts';
import { DEFAULT_SENDING, keptMs, type LimitReader, type SendingSettings } from '../limits/usage.ts';
import type { EventRule, RuleReader } from '../rules/rules.ts';
import { backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { attemptDetail } from '../spool/attempts.ts';
import type { HELD_LANES, RecipientMove, RecipientRow, StoredMessage } from '../spool/messages.ts';
import {
  toBounced,
  toCancelled,
  toDeferred,
  toDelivered,
  toExpired,
  toHeld,
  toInterrupted,
} from '../spool/transitions.ts';
import type { Outcome } from './outcome.ts';

/** The message without its bytes is enough to settle. */
export type MessageHead = Omit<StoredMessage, 'raw' | 'prefix'>;
/** What happens to a recipient without an attempt. */
export type Change =
  | {
      readonly kind: 'held';
      readonly until: number;
      readonly lane: (typeof HELD_LANES)[keyof typeof HELD_LANES];
      readonly cause: string;
    }
  | { readonly kind: 'cancelled' | 'returned' | 'overheld'; readonly cause: string };
export interface Item {
  readonly row: RecipientRow;
  readonly outcome: Outcome | Change;
  /** The site the row turned out to belong to; its lane from now on. */
  readonly site?: string;
}
export type SettlementTx = SettleTx & Pick<TrafficTx, 'addTraffic'>;
export type SettleRecorder = (tx: SettlementTx, item: Item) => void;
type Result = Extract<
  DeliveryEventName,
  'delivered' | 'deferred' | 'bounced' | 'expired' | 'held' | 'cancelled'
>;
export interface Settled {
  readonly result: Result;
  readonly to: RecipientMove['to'];
  readonly lane: string;
  /** Wall ms of the next attempt, where there is one. */
  readonly nextAttemptAt: number | null;
  readonly events: number;
}
export interface Settlement {
  readonly record: SettleRecorder;
  /** What was recorded last for each recipient id: true once its transaction has been committed. */
  readonly recorded: ReadonlyMap<string, Settled>;
  /** How the item will end, without recording it. */
  foresee(item: Item): Result;
  /** The deferral after which a sender who asked for it is told of the delay; wall ms until which it is tried, or null. */
  delayedUntil(item: Item): number | null;
}
/** s: age at which a delay is worth telling (RFC 3461 §6.2 leaves it to us). */
const DELAY_AGE = 4 * 3600;
export interface SettleDeps {
  readonly read: RuleReader & DomainReader & Pick<LimitReader, 'sendingSettings'>;
  readonly clock: Clock;
  readonly random: Random;
  /** ms */
  readonly retry: { readonly baseMs: number; readonly maxMs: number };
  /** False for a while after the wall clock jumped: nothing expires by it. */
  readonly timeIsTrusted: () => boolean;
}
/** ms: first and longest wait between attempts */
export const DEFAULT_RETRY = { baseMs: 300_000, maxMs: 4_000_000 } as const;

function isAttempt(outcome: Outcome | Change): outcome is Outcome {
  return outcome.kind === 'delivered' || outcome.kind === 'deferred' || outcome.kind === 'bounced';
}

/** Reads the domain, its event rules and the project's settings. Rejects where the store does. */
export async function prepareSettle(message: MessageHead, deps: SettleDeps): Promise<Settlement> {
  const { projectId, domainId } = message;
  const [rules, domain, settings] = await Promise.all([
    domainId === null ? ([] as readonly EventRule[]) : deps.read.rules(projectId, domainId, 'event'),
    domainId === null ? null : deps.read.domain(projectId, domainId),
    deps.read.sendingSettings(projectId),
  ]);
  const { deferredAges }: SendingSettings = settings ?? DEFAULT_SENDING;
  const recorded = new Map<string, Settled>();

  function decide(item: Item, now: number): { move: RecipientMove; name: Result } {
    const { row, outcome } = item;
    if (!isAttempt(outcome)) {
      const result = { ...outcome, at: now };
      switch (outcome.kind) {
        case 'held':
          return { move: toHeld(row, now, outcome.until, outcome.lane, result), name: 'held' };
        case 'cancelled':
          return { move: toCancelled(row, now, result), name: 'cancelled' };
        case 'returned':
          return { move: withoutAttempt(row, toBounced(row, now, result)), name: 'bounced' };
        case 'overheld':
          return { move: withoutAttempt(row, toExpired(row, now, result)), name: 'expired' };
      }
    }
    const result = {
      ...outcome,
      at: now,
      classification: outcome.kind === 'delivered' ? undefined : classify(outcome),
    };
    if (outcome.kind === 'delivered') return { move: toDelivered(row, now, result), name: 'delivered' };
    if (outcome.kind === 'bounced') return { move: toBounced(row, now, result), name: 'bounced' };
    if (outcome.stopped === true)
      return { move: toInterrupted(row, now, item.site ?? row.lane, result), name: 'deferred' };
    const expiresAt = message.expiresAt + row.heldMs;
    // Asked each time: so the clock is looked at whenever a time is written.
    const isTrusted = deps.timeIsTrusted();
    if (now >= expiresAt && isTrusted) return { move: toExpired(row, now, result), name: 'expired' };
    const wait = Math.round(backoff({ attempt: row.attempts + 1, ...deps.retry, random: deps.random }));
    // The last try falls on the very end of the message's time: nothing expires untried.
    const next = now < expiresAt ? Math.min(now + wait, expiresAt) : now + wait;
    return { move: toDeferred(row, now, next, item.site ?? row.lane, result), name: 'deferred' };
  }

  /** A deferral is told at the first attempt, and then once at each of the ages the project chose. */
  function isTold(row: RecipientRow, name: Result, now: number): boolean {
    if (name === 'held') return row.heldSince === null;
    if (name !== 'deferred') return true;
    return passes(row, deferredAges, now);
  }
  /** This attempt is the first one at or after one of the ages (s). */
  function passes(row: RecipientRow, ages: readonly number[], now: number): boolean {
    const before = row.attempts === 0 ? -1 : (lastAt(row) ?? now) - message.acceptedAt;
    return ages.some((age) => age * 1000 > before && age * 1000 <= now - message.acceptedAt);
  }

  /** What belongs to no domain (notifications) is not counted. */
  function count(tx: SettlementTx, row: RecipientRow, name: Result, now: number): void {
    if (domainId === null || name === 'cancelled') return;
    // each recipient once: at its first attempt, when its wait begins
    if (name === 'deferred' && row.attempts > 0) return;
    if (name === 'held' && row.state === 'held') return;
    tx.addTraffic(projectId, domainId, now, { [name]: 1 });
  }
  function record(tx: SettlementTx, item: Item): void {
    const { row, outcome } = item;
    const now = deps.clock.now();
    const { move, name } = decide(item, now);
    tx.moveRecipient(move);
    count(tx, row, name, now);
    // The last attempt of a settled row is its last result (spool/attempts.ts); only those before it are kept apart.
    if (isAttempt(outcome) && move.nextAttemptAt !== null) {
      tx.insertAttempt({
        projectId,
        messageId: message.id,
        recipientId: row.id,
        number: move.attempts,
        at: now,
        outcome: outcome.kind,
        detail: attemptDetail(move.lastResult),
      });
    }
    const wanted = isTold(row, name, now) ? rules.filter((rule) => rule.names.includes(name)) : [];
    if (wanted.length > 0) {
      const content: EventContent<DeliveryEventName> = {
        id: message.id,
        message_id: message.messageIdHeader,
        domain: domain === null ? null : { id: domain.id, name: domain.name },
        recipient: { id: row.id, address: row.address },
        sender: message.mailFrom,
        sequence: move.moves + 1,
        attempt: move.attempts,
        ...(isAttempt(outcome) && outcome.remote !== null
          ? { remote: outcome.remote, tls: outcome.tls }
          : {}),
        ...(outcome.kind === 'delivered' && outcome.converted === true ? { converted: true } : {}),
        ...(isAttempt(outcome) && outcome.reply !== null ? { reply: outcome.reply } : {}),
        ...(isAttempt(outcome) && outcome.kind !== 'delivered' ? { classification: classify(outcome) } : {}),
        ...(outcome.kind === 'delivered' ? {} : { cause: outcome.cause }),
        ...(move.nextAttemptAt === null
          ? {}
          : { next_attempt_at: new Date(move.nextAttemptAt).toISOString() }),
      };
      for (const rule of wanted)
        tx.insertEvent(
          {
            id: deps.random.id(),
            projectId,
            topicId: rule.topicId,
            service: 'mta',
            name,
            createdAt: now,
            expiresAt: null,
            // it tells all by itself and does not need the message
            keepUntil: now + keptMs(settings),
            messageId: message.id,
            content,
            summary: `${name} ${row.address}: ${saying(outcome)}`.slice(0, 500),
          },
          { key: row.id, sequence: content.sequence },
        );
    }
    const { nextAttemptAt, lane } = move;
    recorded.set(row.id, { result: name, to: move.to, lane, nextAttemptAt, events: wanted.length });
  }
  return {
    record,
    recorded,
    foresee: (item) => decide(item, deps.clock.now()).name,
    delayedUntil(item) {
      const now = deps.clock.now();
      const delayed = decide(item, now).name === 'deferred' && passes(item.row, [DELAY_AGE], now);
      return delayed ? message.expiresAt + item.row.heldMs : null;
    },
  };
}

/** What no server was asked about is no attempt. */
function withoutAttempt(row: RecipientRow, move: RecipientMove): RecipientMove {
  return { ...move, attempts: row.attempts };
}
function lastAt({ lastResult }: RecipientRow): number | null {
  const at = (lastResult as { at?: unknown } | null)?.at;
  return typeof at === 'number' ? at : null;
}
function classify(outcome: Outcome): Classification {
  if (outcome.kind === 'delivered') return 'undetermined';
  return outcome.reply === null ? classifyStatus(outcome.status) : classifyReply(outcome.reply);
}
/** For people: the server's words, else our cause. */
export function saying(outcome: Outcome | Change): string {
  const reply = isAttempt(outcome) ? outcome.reply : null;
  if (reply === null) return outcome.kind === 'delivered' ? '' : outcome.cause;
  const { code, enhanced, text } = reply;
  return [code, enhanced, text].filter((part) => part !== null && part !== '').join(' ');
}
