/** Our own trace fields (RFC 5321 §4.4), and the editing of fields that must not go on as they are. */
import { formatDate } from '../mail/dates.ts';
import type { Connection } from '../smtp/server/receiver.ts';

/** `with` protocol types of RFC 3848 and RFC 6531 §4.3. */
export function protocolName(connection: Connection, smtputf8: boolean, authenticated: boolean): string {
  if (!connection.esmtp) return 'SMTP';
  const base = smtputf8 ? 'UTF8SMTP' : 'ESMTP';
  return `${base}${connection.tls === null ? '' : 'S'}${authenticated ? 'A' : ''}`;
}

export interface ReceivedParts {
  /** Where it came from; left out for submission, whose client's address is nobody else's business. */
  readonly from?: { readonly helo: string; readonly address: string };
  readonly by: string;
  readonly with: string;
  readonly tls: string | null;
  readonly id: string;
  readonly now: number;
}

/** A Received field, CRLF-ended; what the peer said in HELO is reduced to harmless characters. */
export function receivedField(parts: ReceivedParts): string {
  const from =
    parts.from === undefined
      ? ''
      : `from ${harmless(parts.from.helo)} (${addressLiteral(parts.from.address)})\r\n\t`;
  const tls = parts.tls === null ? '' : ` (${harmless(parts.tls)})`;
  return `Received: ${from}by ${parts.by} with ${parts.with}${tls}\r\n\tid ${parts.id}; ${formatDate(parts.now)}\r\n`;
}

function addressLiteral(address: string): string {
  return address.includes(':') ? `[IPv6:${address.replace(/^::ffff:/, '')}]` : `[${address}]`;
}
function harmless(text: string): string {
  return text.replace(/[^A-Za-z0-9.\-_:[\]/ ]/g, '?').slice(0, 255) || 'unknown';
}

export interface Edit {
  readonly start: number;
  readonly end: number;
  /** What stands there instead; nothing: the octets are cut. */
  readonly put?: Buffer;
}
/** The message with the edits (ascending, not overlapping) made; the same buffer where there are none. */
export function editSpans(message: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return message;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, put } of edits) {
    parts.push(message.subarray(at, start));
    if (put !== undefined) parts.push(put);
    at = end;
  }
  parts.push(message.subarray(at));
  return Buffer.concat(parts);
}

/** Text safe inside angle brackets of Return-Path. */
export function returnPathField(mailFrom: string): string {
  return `Return-Path: <${mailFrom.replace(/[\r\n\0<>]/g, '')}>\r\n`;
}
