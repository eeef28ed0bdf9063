/**
 * The client's side of SMTP, sans I/O: generators that yield what to send and whose next reply to wait for, and are
 * resumed with it. The driver (connection.ts) owns bytes, TLS and deadlines; it throws a LinkFault into the generator
 * when the link breaks. Invariant: a transaction always ends with one verdict per recipient.
 */
import { dotStuffed } from '../../mail/dot-stuffing.ts';
import type { ServerReply } from './reply-parser.ts';
import {
  deferred,
  judge,
  judgeFinal,
  judgeRecipient,
  positive,
  speaksOfSession,
  type Verdict,
} from './verdicts.ts';

/** What is waited for; each has its time-out (RFC 5321 §4.5.3.2). */
export type Phase =
  | 'greeting'
  | 'hello'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'final'
  | 'reset'
  | 'quit';
export type Step =
  | {
      readonly kind: 'ask' /** null: only wait for one more reply */;
      readonly send: string | Iterable<Buffer> | null;
      readonly phase: Phase;
    }
  | { readonly kind: 'secure' }
  /** The server waits for the message: it is to be made now. */
  | { readonly kind: 'content'; readonly make: OutgoingTransaction['content'] }
  /** The server lacks what the message needs: it is to be converted, or refused. */
  | { readonly kind: 'adapt'; readonly make: () => Promise<Adapted> };
export type Answer =
  | { readonly kind: 'reply'; readonly reply: ServerReply }
  | { readonly kind: 'secured' }
  | { readonly kind: 'content'; readonly content: Content }
  | { readonly kind: 'adapted'; readonly adapted: Adapted };
export type Dialogue<T> = Generator<Step, T, Answer>;

/** The link is gone or of no more use. */
export class LinkFault extends Error {
  override name = 'LinkFault';
  readonly what: 'closed' | 'timeout' | 'protocol' | 'tls' | 'network' | 'content' | 'stopped';
  /** Octets of the last step had certainly not all left this machine's buffers. */
  readonly unsent: boolean;
  /** What the server said of it. */
  readonly reply: ServerReply | null;
  constructor(what: LinkFault['what'], message: string, unsent = false, reply: ServerReply | null = null) {
    super(message);
    this.what = what;
    this.unsent = unsent;
    this.reply = reply;
  }
}
export interface Capabilities {
  readonly starttls: boolean;
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly smtputf8: boolean;
  /** octets; null where not announced or unlimited */
  readonly size: number | null;
  readonly authPlain: boolean;
  readonly authLogin: boolean;
  readonly dsn: boolean;
}
export interface SessionOptions {
  /** Our name in EHLO. */
  readonly hostname: string;
  readonly tls: 'none' | 'opportunistic' | 'starttls' | 'implicit';
  readonly auth: { readonly user: string; readonly password: string } | null;
  /** AUTH without TLS is bearable: the peer is this machine. */
  readonly plainAuth: boolean;
}
export type SessionResult =
  | {
      readonly kind: 'ready';
      readonly capabilities: Capabilities;
      /** The server offers STARTTLS and refused it: the session went on in clear. */
      readonly tlsFault?: string;
    }
  | {
      readonly kind: 'refused';
      readonly reply: ServerReply | null;
      readonly cause: string;
      /** It came behind STARTTLS: without STARTTLS it might work. */
      readonly tls?: true;
    };

export interface Content {
  /** Goes in front of `raw` (signature and trace fields, CRLF-ended, no line beginning with a dot). */
  readonly header: Buffer;
  readonly raw: Buffer;
  /** Aborts where what is not handed over yet is not to be sent any more. */
  readonly signal?: AbortSignal;
  /** Called when all has been handed over: nothing here refers to the octets any longer. */
  readonly written?: () => void;
}
export interface OutgoingTransaction {
  /** Without angle brackets; '' is the null reverse-path. */
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  /** Octets of the message itself, without the header fields put in front of it. */
  readonly size: number;
  /**
   * The message, asked for once a server has said that it takes it for someone: a refusal costs neither reading nor
   * signing. Rejects where it cannot be had; the link is then given up and the recipients are deferred.
   */
  readonly content: () => Promise<Content>;
  readonly smtputf8: boolean;
  readonly eightBit: boolean;
  /**
   * Asked before MAIL where the server lacks 8BITMIME or SMTPUTF8 and the message needs it. Without it, or with an
   * envelope that needs SMTPUTF8, the message bounces. Rejects as `content` does.
   */
  readonly adapt?: (lacks: Lacks) => Promise<Adapted>;
  /** What the sender asked to be told (RFC 3461), passed on where the server offers DSN; one per recipient, in order. */
  readonly dsn?: {
    readonly ret?: 'FULL' | 'HDRS';
    /** xtext */
    readonly envid?: string;
    readonly recipients: readonly { readonly notify?: readonly string[]; readonly orcpt?: string }[];
  };
}
/** What the message needs and the server does not offer. */
export interface Lacks {
  readonly eightBit: boolean;
  readonly smtputf8: boolean;
}
/** The message as a server can take it that lacks this; or why there is no such form. */
export type Adapted =
  | {
      readonly kind: 'adapted';
      /** false: it is as it was. */
      readonly converted: boolean;
      readonly size: number;
      readonly content: () => Promise<Content>;
    }
  | { readonly kind: 'refused'; readonly status: string; readonly cause: string };
export interface TransactionResult {
  /** One per recipient, in order. */
  readonly verdicts: readonly Verdict[];
  readonly reusable: boolean;
  /** A mail transaction may still be open at the server: RSET before the next one. */
  readonly dirty: boolean;
  /** The link ended before the server had answered anything: nothing was tried. */
  readonly untouched: boolean;
  /** The server takes no more mail over this connection, which was used before. Nothing was tried: `untouched`, too. */
  readonly spent?: true;
  /** Our own verdict on this host, for what it does not offer: nothing was said to it, and another host may take the mail. */
  readonly lacks?: true;
}

const NO_EXTENSIONS: Capabilities = {
  starttls: false,
  pipelining: false,
  eightBitMime: false,
  smtputf8: false,
  size: null,
  authPlain: false,
  authLogin: false,
  dsn: false,
};

/** What signatures and trace fields add to a message, about. */
const HEADER_OCTETS = 2048;

function* ask(send: string | Iterable<Buffer> | null, phase: Phase): Dialogue<ServerReply> {
  const answer = yield { kind: 'ask', send, phase };
  if (answer.kind !== 'reply') throw new LinkFault('protocol', 'no reply');
  // RFC 5321 §4.2.1: every line of a reply carries the same code. Behind the final dot `judgeFinal` decides.
  if (answer.reply.firstCode !== undefined && phase !== 'final')
    throw new LinkFault(
      phase === 'starttls' ? 'tls' : 'protocol',
      'reply code changes between lines',
      false,
      answer.reply,
    );
  return answer.reply;
}

/** Greeting, EHLO (HELO for servers that know no EHLO), STARTTLS, AUTH. LinkFaults pass through. */
export function* openSession(options: SessionOptions): Dialogue<SessionResult> {
  if (options.tls === 'implicit') yield { kind: 'secure' };
  const greeting = yield* ask(null, 'greeting');
  if (!positive(greeting)) return { kind: 'refused', reply: greeting, cause: 'greeting refused' };
  let hello = yield* sayHello(options.hostname);
  if (hello.kind === 'refused') return hello;
  let secure = options.tls === 'implicit';
  let tlsFault: string | null = null;
  if (!secure && options.tls !== 'none' && hello.capabilities.starttls) {
    const reply = yield* ask('STARTTLS\r\n', 'starttls');
    if (reply.code === 220) {
      // RFC 3207 §4.2: what the server said in clear is forgotten, octets behind the 220 included (the driver drops them).
      yield { kind: 'secure' };
      secure = true;
      hello = yield* sayHello(options.hostname);
      if (hello.kind === 'refused') return { ...hello, tls: true };
    } else if (options.tls === 'starttls' || reply.code === 421) {
      return { kind: 'refused', reply, cause: 'STARTTLS refused', tls: true };
    } else {
      tlsFault = `STARTTLS refused: ${reply.code} ${reply.text}`;
      yield* checkThatItGoesOn(tlsFault);
    }
  }
  if (options.tls === 'starttls' && !secure)
    return { kind: 'refused', reply: null, cause: 'TLS is required and not offered' };
  if (options.auth !== null) {
    if (!secure && !options.plainAuth)
      return { kind: 'refused', reply: null, cause: 'no TLS: the password is not sent' };
    const refused = yield* authenticate(options.auth, hello.capabilities);
    if (refused !== null) return refused;
  }
  return { kind: 'ready', capabilities: hello.capabilities, ...(tlsFault === null ? {} : { tlsFault }) };
}

/** A server may refuse STARTTLS and close, although it may be used without TLS (RFC 3207 §4): then TLS has failed. */
function* checkThatItGoesOn(tlsFault: string): Dialogue<void> {
  try {
    const reply = yield* ask('NOOP\r\n', 'starttls');
    if (reply.code === 421) throw new LinkFault('tls', tlsFault, false, reply);
  } catch (error) {
    if (!(error instanceof LinkFault) || error.what === 'stopped') throw error;
    throw new LinkFault('tls', tlsFault, false, error.reply);
  }
}

/** PLAIN (RFC 4616); LOGIN where a server offers that alone, or refuses PLAIN as unknown. Null: authenticated. */
function* authenticate(
  { user, password }: { readonly user: string; readonly password: string },
  { authPlain, authLogin }: Capabilities,
): Dialogue<SessionResult | null> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const refused = (reply: ServerReply | null, cause: string) => ({ kind: 'refused' as const, reply, cause });
  if (!authPlain && !authLogin) return refused(null, 'neither AUTH PLAIN nor AUTH LOGIN is offered');
  if (authPlain) {
    const reply = yield* ask(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}\r\n`, 'auth');
    if (reply.code === 235) return null;
    // RFC 4954 §4: 504 says that the server does not know the mechanism.
    if (reply.code !== 504 || !authLogin) return refused(reply, 'AUTH refused');
  }
  for (const line of ['AUTH LOGIN', base64(user)]) {
    const reply = yield* ask(`${line}\r\n`, 'auth');
    if (reply.code !== 334) return refused(reply, 'AUTH refused');
  }
  const reply = yield* ask(`${base64(password)}\r\n`, 'auth');
  return reply.code === 235 ? null : refused(reply, 'AUTH refused');
}

function* sayHello(hostname: string): Dialogue<SessionResult> {
  const reply = yield* ask(`EHLO ${hostname}\r\n`, 'hello');
  if (positive(reply)) return { kind: 'ready', capabilities: readCapabilities(reply.lines.slice(1)) };
  if (reply.code >= 500) {
    const old = yield* ask(`HELO ${hostname}\r\n`, 'hello'); // RFC 5321 §3.2
    if (positive(old)) return { kind: 'ready', capabilities: NO_EXTENSIONS };
    return { kind: 'refused', reply: old, cause: 'HELO refused' };
  }
  return { kind: 'refused', reply, cause: 'EHLO refused' };
}

/** EHLO keyword lines (without the first, the server's name). */
export function readCapabilities(lines: readonly string[]): Capabilities {
  const found = new Map<string, string>();
  for (const line of lines) {
    const [keyword = '', ...rest] = line.trim().toUpperCase().split(/[ =]+/);
    found.set(keyword, `${found.get(keyword) ?? ''} ${rest.join(' ')} `);
  }
  const size = Number(/^\s*([0-9]{1,15})\s*$/.exec(found.get('SIZE') ?? '')?.[1] ?? 0);
  return {
    starttls: found.has('STARTTLS'),
    pipelining: found.has('PIPELINING'),
    eightBitMime: found.has('8BITMIME'),
    smtputf8: found.has('SMTPUTF8'),
    size: size > 0 ? size : null, // RFC 1870 §4: 0 is no fixed limit
    authPlain: found.get('AUTH')?.includes(' PLAIN ') === true,
    authLogin: found.get('AUTH')?.includes(' LOGIN ') === true,
    dsn: found.has('DSN'),
  };
}

/** Waits for the message; in a function of its own, so that none of its octets is held while the answer is awaited. */
function* askForOctets({ content }: OutgoingTransaction): Dialogue<Iterable<Buffer>> {
  const made = yield { kind: 'content', make: content };
  if (made.kind !== 'content') throw new LinkFault('protocol', 'no message');
  return lettingGo(octetsOf(made.content), made.content.written);
}
function* octetsOf({ header, raw }: Content): Generator<Buffer, void> {
  yield header;
  yield* dotStuffed(raw);
}
/** The same pieces; behind the last one their source is let go, and `then` is called. */
function lettingGo(pieces: Iterator<Buffer, void>, then: (() => void) | undefined): Iterable<Buffer> {
  let source: Iterator<Buffer, void> | null = pieces;
  const iterator: Iterator<Buffer, void> = {
    next() {
      const next = source === null ? { done: true as const, value: undefined } : source.next();
      if (next.done === true && source !== null) {
        source = null;
        then?.();
      }
      return next;
    },
  };
  return { [Symbol.iterator]: () => iterator };
}

/** What earlier transactions have left behind. */
export interface Past {
  /** Begin with RSET. */
  readonly dirty: boolean;
  /** The connection has served a transaction: until the message is sent, what speaks of the session is no verdict. */
  readonly used: boolean;
}
/** One mail transaction. Never throws a LinkFault: it becomes verdicts. */
export function* sendMail(
  mail: OutgoingTransaction,
  capabilities: Capabilities,
  { dirty, used }: Past,
): Dialogue<TransactionResult> {
  const verdicts: (Verdict | null)[] = mail.recipients.map(() => null);
  let answered = false;
  let asksContent = false;
  let bodyHanded = false;
  let open = dirty;
  const end = (rest: Verdict, reusable: boolean): TransactionResult => ({
    verdicts: verdicts.map((v) => v ?? rest),
    reusable,
    dirty: open,
    untouched: !answered,
  });
  const spent = (reply: ServerReply): TransactionResult => {
    const verdict = deferred(reply, 'no more mail over this connection');
    const verdicts = mail.recipients.map(() => verdict);
    return { verdicts, reusable: false, dirty: open, untouched: true, spent: true };
  };
  /** Of a used connection: how often or how long it was used may be the cause. Only a fresh one gives a verdict. */
  const isSpent = (reply: ServerReply) => used && (reply.code === 421 || speaksOfSession(reply));
  const fault = addressFault(mail);
  const lack = fault === null ? lackOf(mail, capabilities) : null;
  if (fault !== null || lack !== null) {
    answered = true;
    return { ...end((fault ?? lack)!, true), ...(lack === null ? {} : { lacks: true }) };
  }
  const commands = [
    mailCommand(mail, capabilities),
    ...mail.recipients.map((_, i) => rcptCommand(mail, i, capabilities)),
    'DATA\r\n',
  ];
  const { pipelining } = capabilities;
  try {
    if (dirty) {
      const reset = yield* ask('RSET\r\n', 'reset');
      if (!positive(reset)) return used ? spent(reset) : end(deferred(reset, 'RSET refused'), false);
      open = false;
    }
    const first = yield* ask(pipelining ? commands.join('') : commands[0]!, 'mail'); // RFC 2920
    // Servers that take one mail per connection say so in many ways, some without a word of it.
    if (isSpent(first) || (used && first.code >= 500)) return spent(first);
    // A 421 to the first command says only that this connection is over.
    if (first.code === 421) return end(deferred(first, 'the server is closing'), false);
    answered = true;
    if (positive(first)) open = true;
    const refused = positive(first) ? null : judge(first, 'MAIL refused');
    if (refused !== null && !pipelining) return end(refused, true);
    let taken = 0;
    for (let i = 0; i < mail.recipients.length; i++) {
      const reply = yield* ask(pipelining ? null : commands[i + 1]!, 'rcpt');
      if (refused === null && isSpent(reply)) return spent(reply);
      if (reply.code === 421) {
        verdicts.forEach((v, k) => {
          verdicts[k] = v ?? refused ?? deferred(reply, 'the server is closing');
        });
        return end(deferred(reply, 'the server is closing'), false);
      }
      if (refused !== null) verdicts[i] = refused;
      else if (positive(reply)) taken += 1;
      else verdicts[i] = judgeRecipient(reply, mail.recipients.length);
    }
    if (taken === 0 && !pipelining) return end(deferred(null, 'no recipient taken'), true);
    const go = yield* ask(pipelining ? null : commands.at(-1)!, 'data');
    // Without a recipient, "bad sequence of commands" is what DATA deserves.
    if (taken > 0 && go.code !== 354 && isSpent(go)) return spent(go);
    if (go.code === 421) return end(deferred(go, 'the server is closing'), false);
    if (go.code !== 354) return end(judge(go, 'DATA refused', taken), true);
    if (taken === 0) {
      // RFC 2920 §3.1: a 354 in spite of it is answered by an empty message, which goes to nobody.
      yield* ask('.\r\n', 'final');
      open = false;
      return end(deferred(null, 'no recipient taken'), true);
    }
    asksContent = true;
    const octets = yield* askForOctets(mail);
    bodyHanded = true;
    const last = yield* ask(octets, 'final');
    open = false;
    return end(judgeFinal(last, capabilities.dsn, taken), last.code !== 421 && last.firstCode === undefined);
  } catch (error) {
    if (!(error instanceof LinkFault)) throw error;
    if (error.what === 'stopped') answered = true;
    // A used connection that is cut before the message is sent, has told nothing of the mail either.
    else if (used && !asksContent && (error.what === 'closed' || error.what === 'network')) answered = false;
    // RFC 5321 §4.5.4.2, RFC 1047: after the final dot the server may have taken the message without our hearing it.
    return end(
      {
        kind: 'deferred',
        reply: error.reply,
        cause: error.message,
        ambiguous: bodyHanded && !error.unsent,
        ...(error.what === 'stopped' ? { stopped: true } : {}),
      },
      false,
    );
  }
}

function bounce(status: string, cause: string): Verdict {
  return { kind: 'bounced', reply: null, cause, status };
}
/** What no server may be told. */
function addressFault({ mailFrom, recipients }: OutgoingTransaction): Verdict | null {
  return [mailFrom, ...recipients].some((a) => /[\u0000-\u001f\u007f]/.test(a))
    ? bounce('5.1.3', 'an address holds control characters')
    : null;
}
/** What this host lacks for the mail as it is, known before a word is said. */
export function lackOf(mail: OutgoingTransaction, capabilities: Capabilities): Verdict | null {
  if (mail.smtputf8 && !capabilities.smtputf8) return bounce('5.6.7', 'the server does not offer SMTPUTF8'); // RFC 6531 §3.2
  if (mail.eightBit && !capabilities.eightBitMime)
    return bounce('5.6.3', 'the server does not offer 8BITMIME'); // RFC 6152 §3
  if (capabilities.size !== null && mail.size > capabilities.size)
    return bounce('5.3.4', `the message has ${mail.size} octets, the server takes ${capabilities.size}`); // RFC 1870 §6.3
  return null;
}

function mailCommand(mail: OutgoingTransaction, capabilities: Capabilities): string {
  // RFC 1870 §6: an estimate; it never is what a message fails on that the server might take.
  const size =
    capabilities.size === null ? '' : ` SIZE=${Math.min(mail.size + HEADER_OCTETS, capabilities.size)}`;
  const body = mail.eightBit ? ' BODY=8BITMIME' : '';
  const { ret, envid } = (capabilities.dsn ? mail.dsn : undefined) ?? {};
  const dsn = `${ret === undefined ? '' : ` RET=${ret}`}${envid === undefined ? '' : ` ENVID=${envid}`}`;
  return `MAIL FROM:<${mail.mailFrom}>${size}${body}${mail.smtputf8 ? ' SMTPUTF8' : ''}${dsn}\r\n`;
}
function rcptCommand(mail: OutgoingTransaction, index: number, capabilities: Capabilities): string {
  const { notify, orcpt } = (capabilities.dsn ? mail.dsn?.recipients[index] : undefined) ?? {};
  const dsn = `${notify === undefined ? '' : ` NOTIFY=${notify.join(',')}`}${orcpt === undefined ? '' : ` ORCPT=${orcpt}`}`;
  return `RCPT TO:<${mail.recipients[index]}>${dsn}\r\n`;
}
