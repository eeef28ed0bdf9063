/**
 * Stands between the sessions and the Receiver and counts what comes from a network: slows down whoever asks for many
 * recipients that are not here, and refuses messages and recipients beyond the operator's caps. Both concern strangers
 * alone: mail from the Internet without AUTH, not from a trusted network. Invariants: a delay grows from answer to
 * answer up to 5 s; so many answers of a network wait at once, the next is 421; nothing of a message is held meanwhile;
 * messages are in hand in bounded numbers, of a network and in all.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { NoticeKind, Notices } from '../../runtime/notices.ts';
import { type Prefixes, prefixesOf } from '../../runtime/prefixes.ts';
import { createRate, createTally, perWidth } from '../../runtime/rates.ts';
import { closing, type Reply, reply } from '../reply.ts';
import type { Connection, Receiver, Transaction } from './receiver.ts';

export interface GuardOptions {
  readonly clock: Clock;
  readonly notices: Notices;
  /** From one address or /64 in a minute; wider networks have some times as much. 0: no cap. */
  readonly messagesPerMinute: number;
  readonly recipientsPerMinute: number;
  readonly exempt: (address: string) => boolean;
}

const MINUTE = 60_000;
const TEN_MINUTES = 10 * MINUTE;
/** Unknown recipients in ten minutes that cost an address nothing. */
const FREE_MISSES = perWidth(20);
const STEP_MS = 100;
const LONGEST_MS = 5_000;
/** Answers that wait at once for one network. */
const MOST_WAITING = 100;
/** Messages that are judged, read and written at once: in all, and as many of a network as it has places. */
const MOST_IN_HAND = 1_000;
const IN_HAND_OF_ONE = perWidth(50);
/** An address has this part at most of what is left for others, so that one with nothing finds something. */
const PART_OF_THE_REST = 16;
const TOO_MANY_IN_HAND = reply(451, '4.3.2', 'too many messages of your network at once, try again later');
const HARVESTING = closing(421, '4.7.0', 'too many recipients that are not here, try again later');
const TOO_MANY_MESSAGES = reply(
  451,
  '4.7.1',
  'too many messages a minute from your network, try again later',
);
const TOO_MANY_RECIPIENTS = reply(
  452,
  '4.7.1',
  'too many recipients a minute from your network, try again later',
);

/** Messages of each network that the Receiver has: those whose connection has gone count for as long as they are there. */
function createInHand() {
  const counts = new Map<string, number>();
  const of = (text: string) => counts.get(text) ?? 0;
  let all = 0;
  return {
    take(prefixes: Prefixes): boolean {
      if (of(prefixes[0].text) * PART_OF_THE_REST >= MOST_IN_HAND - all) return false;
      if (prefixes.some(({ text, width }) => of(text) >= IN_HAND_OF_ONE[width])) return false;
      all += 1;
      for (const { text } of prefixes) counts.set(text, of(text) + 1);
      return true;
    },
    leave(prefixes: Prefixes): void {
      all -= 1;
      for (const { text } of prefixes) {
        const left = of(text) - 1;
        if (left === 0) counts.delete(text);
        else counts.set(text, left);
      }
    },
  };
}

export function guardReceiver(receiver: Receiver, options: GuardOptions): Receiver {
  const { clock, notices } = options;
  const misses = createTally(clock, TEN_MINUTES);
  const waiting = new Map<string, number>();
  const inHand = createInHand();
  const messages = cap(options.messagesPerMinute);
  const recipients = cap(options.recipientsPerMinute);

  function cap(perMinute: number) {
    return perMinute === 0 ? null : createRate(clock, MINUTE, perWidth(perMinute));
  }
  /** ms to wait after one more miss, by the network that has most beyond what is free. */
  function delayOf(prefixes: Prefixes): number {
    const beyond = prefixes.map(({ width, text }) => misses.add(text) - FREE_MISSES[width]);
    return Math.min(LONGEST_MS, Math.max(0, ...beyond) * STEP_MS);
  }
  async function slowed(connection: Connection, prefixes: Prefixes, answer: Reply): Promise<Reply> {
    const ms = delayOf(prefixes);
    if (ms === 0) return answer;
    const host = prefixes[0].text;
    notices.tell('recipients-refused', connection.remoteAddress, connection.id);
    const many = waiting.get(host) ?? 0;
    if (many >= MOST_WAITING) return HARVESTING;
    waiting.set(host, many + 1);
    await new Promise<void>((resolve) => clock.after(ms, resolve));
    const left = waiting.get(host)! - 1;
    if (left === 0) waiting.delete(host);
    else waiting.set(host, left);
    return answer;
  }
  function guarded(transaction: Transaction, connection: Connection, prefixes: Prefixes): Transaction {
    const refuse = (kind: NoticeKind, answer: Reply) => {
      notices.tell(kind, connection.remoteAddress, connection.id);
      return { ok: false, reply: answer } as const;
    };
    return {
      sizeLimit: transaction.sizeLimit,
      async rcpt(parameters) {
        if (recipients !== null && recipients.take(prefixes) !== null)
          return refuse('recipients-capped', TOO_MANY_RECIPIENTS);
        const verdict = await transaction.rcpt(parameters);
        if (verdict.ok) return verdict;
        const { code, enhanced } = verdict.reply;
        if (code === 550 && enhanced === '5.7.1') return refuse('relay-refused', verdict.reply);
        if (code !== 550 || enhanced !== '5.1.1') return verdict;
        return { ok: false, reply: await slowed(connection, prefixes, verdict.reply) };
      },
      async data(message, committing) {
        if (!inHand.take(prefixes)) {
          transaction.abort();
          return refuse('messages-capped', TOO_MANY_IN_HAND).reply;
        }
        try {
          return await transaction.data(message, committing);
        } finally {
          inHand.leave(prefixes);
        }
      },
      abort: () => transaction.abort(),
    };
  }
  return {
    connect: (connection) => receiver.connect(connection),
    authenticate: (connection, username, password) => receiver.authenticate(connection, username, password),
    async mail(connection, mail) {
      const stranger = connection.role === 'mx' && connection.principal === null;
      if (!stranger || options.exempt(connection.remoteAddress)) return receiver.mail(connection, mail);
      const prefixes = prefixesOf(connection.remoteAddress);
      if (messages !== null && messages.take(prefixes) !== null) {
        notices.tell('messages-capped', connection.remoteAddress, connection.id);
        return { ok: false, reply: TOO_MANY_MESSAGES };
      }
      const verdict = await receiver.mail(connection, mail);
      return verdict.ok ? { ok: true, value: guarded(verdict.value, connection, prefixes) } : verdict;
    },
  };
}
