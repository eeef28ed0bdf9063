/**
 * What the SMTP server asks of the application: one question per verb. The server owns bytes, syntax, order, TLS,
 * caps and time-outs; the Receiver owns meaning. It returns replies as values and never throws for a refusal; a
 * throw is a bug and becomes 451 4.3.0 with a log line.
 */
import type { Reply } from '../reply.ts';

/** Which listener took the connection. */
export type ListenerRole = 'mx' | 'submission' | 'submissions';

export interface Connection {
  /** Id for the log; unique in the process. */
  readonly id: string;
  readonly role: ListenerRole;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Set by EHLO/HELO. */
  readonly helo: string | null;
  readonly esmtp: boolean;
  /** e.g. {version:'TLSv1.3', cipher:'TLS_AES_256_GCM_SHA384'} */
  readonly tls: { readonly version: string; readonly cipher: string } | null;
  /** What `authenticate` or `connect` returned; opaque to the server. */
  readonly principal: unknown;
}
/** MAIL FROM, parsed. `address` is as given, without angle brackets; '' is the null reverse-path. */
export interface MailParameters {
  readonly address: string;
  readonly size: number | null;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtputf8: boolean;
  /** RFC 3461 §4.3, §4.4; envid as given (xtext). */
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
}
export interface RcptParameters {
  /** As given, without angle brackets; bare 'postmaster' is possible. */
  readonly address: string;
  /** RFC 3461 §4.1, §4.2; orcpt as given. */
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[];
  readonly orcpt?: string;
}
export type Verdict<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reply: Reply };

export interface Receiver {
  /** At connection: whether to greet, and a principal for trusted networks (or null). A refusal is sent instead of the greeting. */
  connect(connection: Connection): Promise<Verdict<unknown>>;
  /** AUTH PLAIN/LOGIN: the principal, or a refusal. `authzid` was empty or equal to the authcid. */
  authenticate(connection: Connection, username: string, password: string): Promise<Verdict<unknown>>;
  /** Whether this connection may use MAIL at all has been judged here, too (530 for no AUTH on submission). */
  mail(connection: Connection, mail: MailParameters): Promise<Verdict<Transaction>>;
}
export interface Transaction {
  /** Octets of DATA after unstuffing that are taken; one more is 552 5.3.4. */
  readonly sizeLimit: number;
  rcpt(parameters: RcptParameters): Promise<Verdict<null>>;
  /**
   * The message after dot-unstuffing, CRLF line ends throughout. The reply is sent once. `committing` is called right
   * before the message is written down: until then the connection may be dropped for others, from then on it is
   * answered. False: it has gone, and the message is not to be taken. `longLine`: a line has over 998 octets (RFC 5322
   * §2.1.1); asked for of mail to be sent alone.
   */
  data(message: Buffer, committing: () => boolean, longLine: boolean): Promise<Reply>;
  /** RSET, a new EHLO, a lost connection, or a refused DATA: what was held for this transaction is let go. Called at most once, never after data() has been called. */
  abort(): void;
}
