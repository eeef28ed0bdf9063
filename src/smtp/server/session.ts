/**
 * One SMTP session without sockets or timers: octets in, actions out. Commands are taken strictly in order; while the
 * Receiver is being asked, further input waits. Invariants: nothing that came in clear text before TLS is read after
 * it (RFC 3207 §4.2); AUTH is known only inside TLS; the input buffer is bounded.
 */
import { findLongLine, MAX_LINE } from '../../mail/long-lines.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { NoticeKind, Notices } from '../../runtime/notices.ts';
import { prefixesOf } from '../../runtime/prefixes.ts';
import { createOctetQueue } from '../octet-queue.ts';
import { formatReply, type Reply, reply } from '../reply.ts';
import { decodeAuth, type Exchange, startAuth } from './auth.ts';
import { type ByteBudget, type Grant, SMALL } from './byte-budget.ts';
import { type CommandState, commands, splitCommand } from './commands.ts';
import { createDataReader, type DataReader, type DataResult } from './data-reader.ts';
import type { Connection, ListenerRole, MailParameters, Receiver, Transaction } from './receiver.ts';
import * as replies from './replies.ts';

/** What the session asks of whoever holds the socket. */
export interface Output {
  write(text: string): void;
  /** After the reply to STARTTLS has been written: upgrade, then call `secured`. */
  startTls(): void;
  close(): void;
  /** A new phase has begun: its deadline counts from now. */
  phase(name: 'command' | 'data' | 'judging' | 'committing'): void;
}
export interface SessionOptions {
  readonly hostname: string;
  readonly receiver: Receiver;
  readonly budget: ByteBudget;
  /** Whose part of the budget it is where the peer is known; null: its networks'. */
  readonly shareOf?: (connection: Connection) => string | null;
  readonly logger: Logger;
  /** Octets announced by SIZE to this connection. */
  readonly announcedSize: (connection: Connection) => number;
  /** STARTTLS can be offered. */
  readonly tlsAvailable: boolean;
  /** The TLS version that AUTH needs, where this one is older; null: AUTH may be offered. As `TLSv1.2`. */
  readonly authNeeds: (tlsVersion: string) => string | null;
  /** Asked before each STARTTLS: whether the peer may have one more handshake now. */
  readonly mayHandshake?: () => boolean;
  readonly notices?: Notices;
  readonly maxRecipients?: number;
  readonly maxErrors?: number;
  /** Commands that move no mail (NOOP, RSET, VRFY, HELP, EHLO …) a connection may send between two messages. */
  readonly maxJunk?: number;
}
export interface Session {
  /** Greets, or refuses; whoever has spoken by then is told so. */
  begin(): Promise<void>;
  feed(chunk: Buffer): void;
  /** The TLS handshake after STARTTLS is done. */
  secured(tls: { version: string; cipher: string }): void;
  /** Ends with the reply, as soon as no message is being taken. */
  end(last: Reply): void;
  /** The connection is gone. */
  closed(): void;
  /** Octets waiting: the socket should be paused above 64 KiB. */
  waiting(): number;
  readonly connection: Connection;
  /** Resolves when nothing fed so far is left to do. */
  settled(): Promise<void>;
}
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** RFC 5321 §4.5.3.1.4, with room for extensions' parameters and AUTH (RFC 4954 §4). */
const MAX_COMMAND = 2048;
const MAX_AUTH_LINE = 12_288;
/** Replies the operator is told of. */
const TOLD: ReadonlyMap<Reply, NoticeKind> = new Map([
  [replies.EARLY, 'spoke-early'],
  [replies.PIPELINED, 'spoke-early'],
  [replies.TOO_MANY_ERRORS, 'errors-capped'],
  [replies.TOO_MANY_HANDSHAKES, 'handshakes-capped'],
  [replies.TOO_SLOW, 'connection-dropped'],
]);
/** First words of other protocols, often with much behind them. */
const FOREIGN = /^(GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE|PATCH|TRACE|PROXY)$/;
/** Mail from outside is taken as it came; its senders cannot be asked for shorter lines. */
const MX_MAX_LINE = 64 * 1024;

export function createSession(
  facts: Pick<Connection, 'id' | 'role' | 'remoteAddress' | 'remotePort' | 'tls'>,
  options: SessionOptions,
  output: Output,
): Session {
  const { receiver, logger, budget } = options;
  const connection: Mutable<Connection> = { ...facts, helo: null, esmtp: false, principal: null };
  const maxRecipients = options.maxRecipients ?? 1000;
  const maxErrors = options.maxErrors ?? 20;
  const maxJunk = options.maxJunk ?? 100;
  const input = createOctetQueue();
  let pending = '';
  let mode: 'idle' | 'command' | 'auth' | 'data' | 'tls' | 'closed' = 'idle';
  let exchange: Exchange | null = null;
  let transaction: Transaction | null = null;
  let mail: MailParameters | null = null;
  let recipients = 0;
  let reader: DataReader | null = null;
  let grant: Grant | null = null;
  let overBudget = false;
  let skippingLine = false;
  let errors = 0;
  let junk = 0;
  /** RCPT beyond the cap in this transaction. */
  let beyond = 0;
  let opening: Promise<void> | null = null;
  let running: Promise<void> | null = null;
  let ending: Reply | null = null;

  function flush(): void {
    if (pending !== '') output.write(pending);
    pending = '';
  }
  function say(answer: Reply): void {
    if (mode === 'closed') return;
    pending += formatReply(answer);
    if (answer.code >= 500) errors++;
    const kind = TOLD.get(answer);
    if (kind !== undefined) tell(kind);
    if (answer.close) shut();
    else if (errors >= mostErrors()) say(replies.TOO_MANY_ERRORS);
  }
  function tell(kind: NoticeKind): void {
    options.notices?.tell(kind, connection.remoteAddress, connection.id);
  }
  /** A transaction with recipients comes to its DATA: nobody's list is lost for the bad addresses in it. */
  function mostErrors(): number {
    return transaction !== null && recipients > 0 ? maxErrors + 2 * maxRecipients : maxErrors;
  }
  function shut(): void {
    flush();
    mode = 'closed';
    dropTransaction();
    input.clear();
    output.close();
  }
  function dropTransaction(): void {
    transaction?.abort();
    clearTransaction();
  }
  function clearTransaction(): void {
    transaction = null;
    mail = null;
    recipients = 0;
    beyond = 0;
    reader = null;
    grant?.release();
    grant = null;
    overBudget = false;
  }
  /** Room for a message of so many octets, in place of what it has. */
  function takeRoom(octets: number): boolean {
    grant?.release();
    grant = budget.take(octets, {
      shares: shares(),
      received: () => (mode === 'data' ? (reader?.received ?? null) : null),
      drop: () => say(replies.TOO_SLOW),
    });
    return grant !== null;
  }
  function shares(): readonly string[] {
    const known = options.shareOf?.(connection) ?? null;
    return known === null ? prefixesOf(connection.remoteAddress).map(({ text }) => text) : [known];
  }
  async function ask<T>(question: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await question();
    } catch (error) {
      logger.error({ connection: connection.id, err: error }, 'the receiver failed');
      return otherwise;
    }
  }

  const state: CommandState = {
    connection,
    inTransaction: () => transaction !== null,
    tlsAvailable: options.tlsAvailable,
    authOffered: () =>
      connection.tls !== null &&
      connection.principal === null &&
      options.authNeeds(connection.tls.version) === null,
    authNeeds: options.authNeeds,
    announcedSize: () => options.announcedSize(connection),
    mayHandshake: options.mayHandshake ?? (() => true),
    hostname: options.hostname,
    smtputf8: () => mail?.smtputf8 ?? false,
    recipients: () => recipients,
    maxRecipients,
    // RFC 5321 §4.5.3.1.10: a client goes on behind the cap, and learns of each recipient that it has to come again.
    beyondCap() {
      if (++beyond > maxRecipients) errors++;
    },
    hello(name, esmtp) {
      dropTransaction();
      connection.helo = name;
      connection.esmtp = esmtp;
    },
    reset: dropTransaction,
    upgrade() {
      say(replies.READY_FOR_TLS);
      flush();
      dropTransaction();
      // RFC 3207 §4.2: whatever was pipelined behind STARTTLS in clear text is dropped, what was learnt is forgotten.
      input.clear();
      connection.helo = null;
      connection.esmtp = false;
      connection.principal = null;
      mode = 'tls';
      output.startTls();
    },
    async auth(mechanism, initial) {
      const step = startAuth(mechanism, initial);
      await authStep(step);
    },
    async mail(parameters) {
      // Only said early: what is not sent yet takes nothing from others.
      const { size } = parameters;
      if (size !== null && size > SMALL && !budget.fits(size, shares())) return replies.NO_MEMORY;
      const verdict = await ask(() => receiver.mail(connection, parameters), {
        ok: false,
        reply: replies.LOCAL_ERROR,
      } as const);
      if (mode === 'closed') {
        if (verdict.ok) verdict.value.abort();
        return null;
      }
      if (!verdict.ok) {
        clearTransaction();
        return verdict.reply;
      }
      transaction = verdict.value;
      mail = parameters;
      return replies.SENDER_OK;
    },
    async rcpt(parameters) {
      const open = transaction;
      if (open === null) return replies.BAD_SEQUENCE;
      const verdict = await ask(() => open.rcpt(parameters), {
        ok: false,
        reply: replies.LOCAL_ERROR,
      } as const);
      if (!verdict.ok) return verdict.reply;
      recipients++;
      return replies.RECIPIENT_OK;
    },
    data() {
      const size = mail?.size ?? null;
      if (size !== null && size > SMALL && !takeRoom(size)) {
        dropTransaction();
        return replies.NO_MEMORY;
      }
      reader = createDataReader(transaction!.sizeLimit, isFromOutside() ? MX_MAX_LINE : MAX_LINE, size);
      mode = 'data';
      flush();
      pending += formatReply(replies.GO_AHEAD);
      flush();
      output.phase('data');
      return null;
    },
  };

  async function authStep(step: ReturnType<typeof startAuth>): Promise<void> {
    if (step.kind === 'challenge') {
      exchange = step.next;
      mode = 'auth';
      say(reply(334, null, step.text));
      return;
    }
    exchange = null;
    if (mode === 'auth') mode = 'command';
    if (step.kind === 'failed') return say(step.reply);
    // Judging may take its time: a name that is guessed at from everywhere has its answers slowly.
    output.phase('judging');
    const verdict = await ask(() => receiver.authenticate(connection, step.username, step.password), {
      ok: false,
      reply: reply(454, '4.7.0', 'temporary authentication failure'),
    } as const);
    if (!verdict.ok) return say(verdict.reply);
    connection.principal = verdict.value;
    say(replies.AUTHENTICATED);
  }

  async function line(octets: Buffer): Promise<void> {
    const text = octets.toString('utf8');
    if (mode === 'auth') {
      const { next } = { next: exchange! };
      return authStep(decodeAuth(next, text));
    }
    // Nobody greets with NUL: a binary protocol, such as a PROXY header that nobody here asked for.
    if (connection.helo === null && (text.includes('\0') || input.view().includes(0)))
      return say(replies.NOT_SMTP);
    if (/[\x00-\x08\x0a-\x1f\x7f\ufffd]/.test(text)) return say(replies.BARE_LINE_END);
    const { verb, rest } = splitCommand(text);
    const command = commands.get(verb);
    if (command === undefined && FOREIGN.test(verb)) return say(replies.NOT_SMTP);
    // RFC 2920 §3.1: only to whom PIPELINING was offered, and never behind DATA. Behind STARTTLS it is dropped.
    const eager = input.length > 0 && verb !== 'STARTTLS';
    if (eager && (!connection.esmtp || verb === 'DATA')) return say(replies.PIPELINED);
    if (command === undefined) return say(replies.UNKNOWN_COMMAND);
    if (command.junk && ++junk > maxJunk) return say(replies.TOO_MANY_ERRORS);
    const refusal = command.check(state, rest);
    if (refusal !== null) return say(refusal);
    const answer = await command.proceed(state, rest);
    if (answer !== null) say(answer);
  }

  async function finishData(done: DataReader): Promise<void> {
    const open = transaction!;
    const result = done.result();
    mode = 'command';
    reader = null;
    junk = 0;
    const taken = overBudget ? replies.NO_MEMORY : takenOrRefused(result);
    if ('code' in taken) {
      dropTransaction();
      return say(taken);
    }
    output.phase('judging');
    flush();
    transaction = null; // it is the Receiver's from here: abort() may not be called any more
    // The room is the message's, which is there for as long as the Receiver has it, also without its connection.
    const room = grant;
    grant = null;
    const answer = await ask(() => open.data(taken.message, committing, taken.long), replies.LOCAL_ERROR);
    room?.release();
    clearTransaction();
    say(answer);
  }

  function isFromOutside(): boolean {
    return connection.role === 'mx' && connection.principal === null;
  }
  /** Long lines of mail to be sent are the Receiver's to judge. */
  function takenOrRefused(result: DataResult): Extract<DataResult, { kind: 'message' }> | Reply {
    switch (result.kind) {
      case 'too-large':
        return replies.TOO_LARGE;
      case 'bare-line-end':
        return replies.BARE_IN_DATA;
      case 'message': {
        const long = result.long && isFromOutside() ? findLongLine(result.message, MX_MAX_LINE) : null;
        return long === null ? result : replies.longLine(long, MX_MAX_LINE);
      }
    }
  }

  /** From here the connection is not dropped; false where it has gone: nobody would hear the answer. */
  function committing(): boolean {
    if (mode === 'closed') return false;
    output.phase('committing');
    return true;
  }

  function takeData(): boolean {
    const active = reader!;
    const end = active.push(input.view());
    const room = Math.max(SMALL, grant?.octets ?? 0);
    const { sizeLimit } = transaction!;
    if (!overBudget && active.received > room && room < sizeLimit) {
      overBudget = !takeRoom(sizeLimit);
      if (overBudget) active.discard();
    }
    if (end === -1) input.clear();
    else input.drop(end);
    return end !== -1;
  }

  async function pump(): Promise<void> {
    for (;;) {
      if (mode === 'idle' || mode === 'tls' || mode === 'closed' || input.length === 0) break;
      const offered = connection.esmtp;
      if (mode === 'data') {
        if (!takeData()) break;
        await finishData(reader!);
      } else {
        const waiting = input.view();
        const lf = waiting.indexOf(10);
        const most =
          mode === 'auth'
            ? MAX_AUTH_LINE
            : waiting.toString('latin1', 0, 5).toUpperCase() === 'AUTH '
              ? MAX_AUTH_LINE
              : MAX_COMMAND;
        if (lf === -1) {
          if (waiting[0] === 0x16 && connection.helo === null && !skippingLine) {
            say(replies.NOT_SMTP);
            break;
          }
          if (waiting.length > most) {
            skippingLine = true;
            input.clear();
          }
          break;
        }
        const raw = waiting.subarray(0, lf);
        input.drop(lf + 1);
        if (skippingLine || raw.length > most) {
          skippingLine = false;
          exchange = null;
          if (mode === 'auth') mode = 'command';
          say(replies.LINE_TOO_LONG);
        } else if (raw[raw.length - 1] !== 13) {
          exchange = null;
          if (mode === 'auth') mode = 'command';
          say(replies.BARE_LINE_END);
        } else await line(raw.subarray(0, -1));
      }
      // What came while the last command was being answered.
      if (!offered && input.length > 0 && (mode as string) === 'command') say(replies.PIPELINED);
      // RFC 5321 §3.8: 421 may answer any command. Only a message that is being sent is waited for.
      if (ending !== null && (mode as string) !== 'closed' && reader === null) say(ending);
      if ((mode as string) === 'command') output.phase('command');
    }
    flush();
  }
  function run(): void {
    if (running !== null) return;
    running = pump().finally(() => {
      running = null;
      if (input.length > 0 && (mode === 'command' || mode === 'auth') && input.view().includes(10)) run();
    });
  }

  async function open(): Promise<void> {
    const verdict = await ask(() => receiver.connect(connection), {
      ok: false,
      reply: replies.LOCAL_ERROR,
    } as const);
    if (mode === 'closed') return;
    mode = 'command';
    if (!verdict.ok) {
      say({ ...verdict.reply, close: true });
      return;
    }
    connection.principal = verdict.value;
    if (input.length > 0 && connection.tls === null) return say(replies.EARLY);
    say(reply(220, null, `${options.hostname} ESMTP Hikyaku`));
    flush();
    output.phase('command');
    run();
  }

  return {
    connection,
    waiting: () => input.length,
    begin() {
      opening ??= mode === 'closed' ? Promise.resolve() : open();
      return opening;
    },
    feed(chunk) {
      if (mode === 'closed' || mode === 'tls') return;
      input.push(chunk);
      run();
    },
    secured(tls) {
      if (mode !== 'tls') return;
      connection.tls = tls;
      mode = 'command';
      output.phase('command');
    },
    end(last) {
      ending = last;
      if (running === null && reader === null && mode !== 'closed') {
        mode = 'command';
        say(last);
      }
    },
    closed() {
      mode = 'closed';
      dropTransaction();
      input.clear();
    },
    async settled() {
      await opening;
      while (running !== null) await running;
    },
  };
}
export type { ListenerRole };
