/** Our own trace fields (RFC 5321 §4.4), and edits to fields that must not leave as they are. */
import { formatDate } from '../mail/dates.ts';
import type { Connection } from '../smtp/server/receiver.ts';

/** `with` protocol types of RFC 3848 and RFC 6531 §4.3. */
export function protocolName(connection: Connection, smtputf8: boolean, authenticated: boolean): string {
  if (!connection.esmtp) return 'SMTP';
  const base = smtputf8 ? 'UTF8SMTP' : 'ESMTP';
  return `${base}${connection.tls === null ? '' : 'S'}${authenticated ? 'A' : ''}`;
}

export interface ReceivedParts {
  /** Where the message came from. Left out for submission: the address of the client is private. */
  readonly from?: { readonly helo: string; readonly address: string };
  readonly by: string;
  readonly with: string;
  readonly tls: string | null;
  readonly id: string;
  readonly now: number;
}

/** A Received field, CRLF-ended. The peer's HELO text is reduced to safe characters. */
export function receivedField(parts: ReceivedParts): string {
  const from =
    parts.from === undefined
      ? ''
      : `from ${helloName(parts.from.helo)} (${addressLiteral(parts.from.address)})\r\n\t`;
  const tls = parts.tls === null ? '' : ` (${harmless(parts.tls)})`;
  return `Received: ${from}by ${parts.by} with ${parts.with}${tls}\r\n\tid ${parts.id}; ${formatDate(parts.now)}\r\n`;
}

function addressLiteral(address: string): string {
  return address.includes(':') ? `[IPv6:${address.replace(/^::ffff:/, '')}]` : `[${address}]`;
}
/** What a client calls itself; in quotes where it has blanks, since RFC 5321 §4.4 has one word here. */
function helloName(helo: string): string {
  const name = harmless(helo);
  return name.includes(' ') ? `"${name}"` : name;
}
function harmless(text: string): string {
  return text.replace(/[^A-Za-z0-9.\-_:[\]/ ]/g, '?').slice(0, 255) || 'unknown';
}

export interface Edit {
  readonly start: number;
  readonly end: number;
  /** The replacement; without it, the octets are removed. */
  readonly put?: Buffer;
}
/** Applies the edits (ascending, not overlapping) to the message. Without edits, returns the same buffer. */
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

/** Makes a text safe inside the angle brackets of Return-Path. */
export function returnPathField(mailFrom: string): string {
  return `Return-Path: <${mailFrom.replace(/[\r\n\0<>]/g, '')}>\r\n`;
}
