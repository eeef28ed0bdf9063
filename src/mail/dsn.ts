/**
 * Delivery status notifications (RFC 3464 in RFC 6522's multipart/report), as a whole message. Pure.
 * Only ASCII is written by us; what others said is cut to printable characters. The returned content goes in as it was.
 */
import { isAscii } from 'node:buffer';
import { formatDate } from './dates.ts';

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed';
export interface DsnRecipient {
  readonly address: string;
  /** RFC 3461 §4.2, `addr-type;xtext`, as it was given. */
  readonly orcpt?: string;
  readonly action: DsnAction;
  /** RFC 3463 */
  readonly status: string;
  /** Host name of the server that answered. */
  readonly remoteMta?: string;
  /** What it said: code, enhanced code, text. */
  readonly diagnostic?: string;
  /** For people: one sentence. */
  readonly explanation: string;
  readonly lastAttempt: number | null;
  /** When a delayed message will be given up. */
  readonly willRetryUntil?: number;
}
export interface DsnInput {
  /** Our host name. */
  readonly reportingMta: string;
  /** The original envelope sender: who is told. */
  readonly to: string;
  readonly messageId: string;
  /** Text that occurs nowhere in the content; goes into the boundary. */
  readonly unique: string;
  readonly now: number;
  readonly arrival: number;
  readonly envid?: string;
  readonly originalMessageId: string;
  readonly recipients: readonly DsnRecipient[];
  /** The original: whole, or its header alone. */
  readonly original: Buffer;
  readonly whole: boolean;
}

const SUBJECTS: Readonly<Record<DsnAction, string>> = {
  failed: 'Undelivered mail returned to sender',
  delayed: 'Delivery is delayed (no action needed)',
  delivered: 'Successful delivery report',
  relayed: 'Successful relay report',
};
const OPENINGS: Readonly<Record<DsnAction, string>> = {
  failed: 'Your message could not be delivered to the recipients below. It will not be tried again.',
  delayed: 'Your message has not been delivered yet. It is tried again; you need not send it again.',
  delivered: 'Your message was delivered to the recipients below.',
  relayed: 'Your message was handed on to a server that does not report deliveries.',
};

function printable(text: string, most: number): string {
  return text.replace(/[^\x20-\x7e]+/g, '?').slice(0, most);
}
/** RFC 6533 §3: an internationalized address has a type of its own. */
function typed(address: string): string {
  return /[^\x20-\x7e]/.test(address) ? `utf-8; ${encodeUnicode(address)}` : `rfc822; ${address}`;
}
/** utf-8-addr-xtext (RFC 6533 §3): what is not printable ASCII as \x{HEX}. */
function encodeUnicode(address: string): string {
  return [...address]
    .map((c) =>
      /[\x21-\x7e]/.test(c) && !/[\\+=]/.test(c) ? c : `\\x{${c.codePointAt(0)!.toString(16).toUpperCase()}}`,
    )
    .join('');
}
/** Text lines of at most 76 characters. */
function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + word.length > 76) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()].join('\r\n');
}

/** The message, header and body, CRLF line ends. */
export function composeDsn(input: DsnInput): Buffer {
  const { recipients, now } = input;
  const action = recipients[0]!.action;
  const boundary = `=_dsn_${input.unique}`;
  const people = recipients.map(
    ({ address, explanation }) =>
      `<${printable(address, 320)}>:\r\n${wrap(printable(explanation, 600), '    ')}`,
  );
  const fields = recipients.map(
    (r) =>
      (r.orcpt === undefined ? '' : `Original-Recipient: ${printable(r.orcpt.replace(';', '; '), 520)}\r\n`) +
      `Final-Recipient: ${typed(r.address)}\r\n` +
      `Action: ${r.action}\r\nStatus: ${r.status}\r\n` +
      (r.remoteMta === undefined ? '' : `Remote-MTA: dns; ${printable(r.remoteMta, 255)}\r\n`) +
      (r.diagnostic === undefined ? '' : `Diagnostic-Code: smtp; ${printable(r.diagnostic, 600)}\r\n`) +
      (r.lastAttempt === null ? '' : `Last-Attempt-Date: ${formatDate(r.lastAttempt)}\r\n`) +
      (r.willRetryUntil === undefined ? '' : `Will-Retry-Until: ${formatDate(r.willRetryUntil)}\r\n`),
  );
  const eightBit = !isAscii(input.original);
  const type = input.whole ? 'message/rfc822' : 'text/rfc822-headers';
  const head =
    `From: Mail Delivery System <MAILER-DAEMON@${input.reportingMta}>\r\n` +
    `To: <${input.to}>\r\n` +
    `Subject: ${SUBJECTS[action]}\r\n` +
    `Date: ${formatDate(now)}\r\nMessage-ID: ${input.messageId}\r\n` +
    (/^<[\x21-\x7e]+>$/.test(input.originalMessageId) ? `In-Reply-To: ${input.originalMessageId}\r\n` : '') +
    'Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n' +
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"\r\n\r\n` +
    `--${boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n` +
    `This is the mail system at ${input.reportingMta}.\r\n\r\n${wrap(OPENINGS[action], '')}\r\n\r\n${people.join('\r\n\r\n')}\r\n` +
    `\r\n--${boundary}\r\nContent-Type: message/delivery-status\r\n\r\n` +
    `Reporting-MTA: dns; ${input.reportingMta}\r\n` +
    (input.envid === undefined ? '' : `Original-Envelope-Id: ${printable(input.envid, 100)}\r\n`) +
    `Arrival-Date: ${formatDate(input.arrival)}\r\n\r\n${fields.join('\r\n')}` +
    `\r\n--${boundary}\r\nContent-Type: ${type}\r\n${eightBit ? 'Content-Transfer-Encoding: 8bit\r\n' : ''}\r\n`;
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);
  return Buffer.concat([Buffer.from(head, 'utf8'), input.original, end]);
}
