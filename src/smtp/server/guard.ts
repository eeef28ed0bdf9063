/**
 * Stands between the sessions and the Receiver and counts what comes from a network: slows down whoever asks for many
 * recipients that are not here, and refuses messages and recipients beyond the operator's caps. Both concern strangers
 * alone: mail from the Internet without AUTH, not from a trusted network. Invariants: a delay grows from answer to
 * answer up to 5 s, also where its connection has gone; while so many of a network wait, it learns of nobody whether he is
 * here; nothing of a message is held meanwhile; messages are in hand in bounded numbers, of a network and in all.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { NoticeKind, Notices } from '../../runtime/notices.ts';
import { type PerWidth, type Prefixes, prefixesOf } from '../../runtime/prefixes.ts';
import { createRate, createTally, perWidth } from '../../runtime/rates.ts';
import { type Reply, reply } from '../reply.ts';
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
const MOST_WAITING = perWidth(10);
/** Messages that are judged, read and written at once: in all, and as many of a network as it has places. */
const MOST_IN_HAND = 1_000;
const IN_HAND_OF_ONE = perWidth(50);
/** An address has this part at most of what is left for others, so that one with nothing finds something. */
const PART_OF_THE_REST = 16;
const TOO_MANY_IN_HAND = reply(451, '4.3.2', 'too many messages of your network at once, try again later');
const HARVESTING = reply(451, '4.7.1', 'too many recipients that are not here, try again later');
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

/** What is under way at once, of each network and in all. */
function createCounts() {
  const counts = new Map<string, number>();
  let all = 0;
  const of = (text: string) => counts.get(text) ?? 0;
  return {
    of,
    get all() {
      return all;
    },
    isFull: (prefixes: Prefixes, most: PerWidth) =>
      prefixes.some(({ text, width }) => of(text) >= most[width]),
    add(prefixes: Prefixes): void {
      all += 1;
      for (const { text } of prefixes) counts.set(text, of(text) + 1);
    },
    remove(prefixes: Prefixes): void {
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
  const waiting = createCounts();
  /** Messages that the Receiver has: those whose connection has gone count for as long as they are there. */
  const inHand = createCounts();
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
    notices.tell('recipients-refused', connection.remoteAddress, connection.id);
    waiting.add(prefixes);
    await new Promise<void>((resolve) => clock.after(ms, resolve));
    waiting.remove(prefixes);
    return answer;
  }
  function hasRoom(prefixes: Prefixes): boolean {
    const left = MOST_IN_HAND - inHand.all;
    return inHand.of(prefixes[0].text) * PART_OF_THE_REST < left && !inHand.isFull(prefixes, IN_HAND_OF_ONE);
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
        // Before it is asked: an answer that only the missing get would be their answer.
        if (waiting.isFull(prefixes, MOST_WAITING)) return refuse('recipients-refused', HARVESTING);
        const verdict = await transaction.rcpt(parameters);
        if (verdict.ok) return verdict;
        const { code, enhanced } = verdict.reply;
        if (code === 550 && enhanced === '5.7.1') return refuse('relay-refused', verdict.reply);
        if (code !== 550 || enhanced !== '5.1.1') return verdict;
        return { ok: false, reply: await slowed(connection, prefixes, verdict.reply) };
      },
      async data(message, committing, longLine) {
        if (!hasRoom(prefixes)) {
          transaction.abort();
          return refuse('messages-capped', TOO_MANY_IN_HAND).reply;
        }
        inHand.add(prefixes);
        try {
          return await transaction.data(message, committing, longLine);
        } finally {
          inHand.remove(prefixes);
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
