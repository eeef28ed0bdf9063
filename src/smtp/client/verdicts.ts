/** What a server's replies to a transaction mean for its recipients: a sum. Pure. A bounce is only ever said by a server, or known before anything is sent. */
import type { ServerReply } from './reply-parser.ts';

export type Verdict =
  | {
      readonly kind: 'delivered';
      readonly reply: ServerReply;
      /** The duty to notify was passed on (RFC 3461 §5.2.1). */
      readonly dsn: boolean;
      /** The server got another form than is stored: it lacks 8BITMIME or SMTPUTF8. */
      readonly converted?: boolean;
    }
  | {
      readonly kind: 'deferred';
      readonly reply: ServerReply | null;
      readonly cause: string;
      readonly ambiguous: boolean;
      /** It was cut off, because the service stopped; the server has no part in it. */
      readonly stopped?: true;
    }
  | {
      readonly kind: 'bounced';
      readonly reply: ServerReply | null;
      readonly cause: string;
      readonly status: string;
    };

export const positive = (reply: ServerReply): boolean => reply.code >= 200 && reply.code < 300;
/** The cause where the service stops while a server is asked. */
export const STOPPED = 'the service stopped';
export function deferred(reply: ServerReply | null, cause: string): Verdict {
  return { kind: 'deferred', reply, cause, ambiguous: false };
}

/** The cause where one transaction has too many recipients for the server: the others may go in the next one. */
export const TOO_MANY = 'too many recipients';
/** The cause where a recipient was left out of a transaction, since its address needs SMTPUTF8: it goes in its own one. */
export const APART = 'the address needs SMTPUTF8: it goes apart';
/** RFC 3463 §3.6: X.5.3, whatever the code; not every server says it so. */
function saysTooMany({ enhanced, text }: ServerReply): boolean {
  return enhanced?.slice(1) === '.5.3' || /too many (recipients|addressees|rcpts)/i.test(text);
}

/** The reply to the message as a verdict: a server that has said 2xx is not sent the same mail again. */
export function judgeFinal(reply: ServerReply, dsn: boolean, recipients: number): Verdict {
  if (positive(reply)) return { kind: 'delivered', reply, dsn };
  const { code, firstCode = code, text } = reply;
  // Both were said: the server has taken the message (RFC 5321 §6.1), and the rest is about what comes next.
  if (firstCode < 300 && code < 500)
    return {
      kind: 'delivered',
      reply: { ...reply, code: firstCode, enhanced: null, text: `${code} ${text}` },
      dsn,
    };
  return judge(reply, 'message refused', recipients);
}

/** A negative reply to RCPT, of a transaction with so many recipients. */
export function judgeRecipient(reply: ServerReply, recipients: number): Verdict {
  const { code, enhanced } = reply;
  // RFC 5321 §4.5.3.1.10: 452 means it, and 552 is treated as 452. Any other X.y.z says that it is something else.
  if ((code === 452 || code === 552) && !saysTooMany(reply))
    return deferred(reply, enhanced === null ? TOO_MANY : 'recipient refused');
  return judge(reply, 'recipient refused', recipients);
}

/** A negative reply as a verdict; `recipients`: so many share it. */
export function judge(reply: ServerReply, cause: string, recipients = 1): Verdict {
  // Of a single recipient "too many" is a refusal; of several, each has yet to be tried in smaller company.
  if (reply.code >= 400 && (reply.code < 500 || recipients > 1) && saysTooMany(reply))
    return deferred(reply, TOO_MANY);
  if (reply.code >= 500) return { kind: 'bounced', reply, cause, status: reply.enhanced ?? '5.0.0' };
  if (reply.code >= 400) return deferred(reply, cause);
  return {
    kind: 'deferred',
    reply,
    cause: `unexpected reply: ${cause}`,
    ambiguous: cause === 'message refused',
  };
}

/** A negative reply that may be about the connection and not about the mail: out of sequence, or in words. */
export function speaksOfSession({ code, text }: ServerReply): boolean {
  return code === 503 || (code >= 400 && SESSION.test(text));
}
const SESSION =
  /\bsession\b|\bnested\b|\b(?:per|this|same|one|single|each) (?:smtp |tcp )?(?:connection|transaction)\b|\btoo many (?:messages|e?-?mails|transactions|commands|errors)\b/i;

/** What TLS is called, and how it is asked for, a few words apart. */
const TLS_WANTED = [
  /\b(?:(?:start)?tls|ssl|encryption|encrypted (?:smtp )?(?:connections?|sessions?|channels?|transport|links?))\b.{0,20}\b(?:required?|requires|needed|mandatory|must|first|only|enforced|expected)\b/i,
  /\b(?:must|requires?|required|needs?|without|use|only)\b.{0,20}\b(?:(?:start)?tls|ssl|encryption|encrypted (?:smtp )?(?:connections?|sessions?|channels?|transport|links?))\b/i,
  /\b(?:unencrypted|plain-?text|clear-?text) (?:smtp )?(?:connections?|sessions?|channels?|transport|links?)\b/i,
];
/** Without addresses and names of hosts: what stands in them is nobody's demand. */
function withoutNames(text: string): string {
  return text
    .split(' ')
    .map((word) => (/[@<]/.test(word) || /[\w-]\.[\w-]/.test(word) ? '' : word))
    .join(' ');
}

/** RFC 3207 §4: 530; RFC 5248 §2.4: 523 and X.7.10, encryption needed; 538 of RFC 2554; or in words. */
function wantsTls({ code, enhanced, text }: ServerReply, cause: string, tlsFailed: boolean): boolean {
  if (enhanced === '5.7.10') return true;
  // RFC 3463 §3.8: any other subject than X.7, security, speaks of something else.
  if (enhanced !== null && !enhanced.startsWith('5.7.')) return false;
  if (code === 523 || code === 538) return true;
  // Without a fault of TLS, 530 may as well ask for authentication (RFC 4954 §6).
  if (code === 530 && tlsFailed) return true;
  // A server that wants TLS says so before it takes the message; behind it the words are about the message.
  const words = withoutNames(text);
  return cause !== 'message refused' && TLS_WANTED.some((form) => form.test(words));
}

/**
 * The verdict of a server to which mail went in clear, although TLS was tried or may be what it wants: a refusal for
 * lack of TLS is deferred, since the fault of TLS may pass. Any other refusal is one.
 */
export function withoutTls(verdict: Verdict, tlsFault: string | null): Verdict {
  if (verdict.kind !== 'bounced' || verdict.reply === null) return verdict;
  if (!wantsTls(verdict.reply, verdict.cause, tlsFault !== null)) return verdict;
  const { reply, cause } = verdict;
  return {
    kind: 'deferred',
    reply,
    cause: `${tlsFault === null ? 'the server wants TLS and does not offer it' : `TLS failed (${tlsFault})`}; without TLS: ${cause}`,
    ambiguous: false,
  };
}
