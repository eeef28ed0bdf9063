/** Our own trace fields (RFC 5321 §4.4), and the cutting of fields that must not go on. */
import { formatDate } from '../mail/dates.ts';
import type { HeaderField } from '../mail/headers.ts';
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

/** The message without the octets of the given spans (ascending, not overlapping); the same buffer where there are none. */
export function cutSpans(
  message: Buffer,
  spans: readonly { readonly start: number; readonly end: number }[],
): Buffer {
  if (spans.length === 0) return message;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end } of spans) {
    parts.push(message.subarray(at, start));
    at = end;
  }
  parts.push(message.subarray(at));
  return Buffer.concat(parts);
}

/** Spans of all fields with one of the names (lower case). */
export function fieldSpans(
  fields: readonly HeaderField[],
  names: ReadonlySet<string>,
): { start: number; end: number }[] {
  return fields.filter((field) => names.has(field.name)).map(({ start, end }) => ({ start, end }));
}

/** Text safe inside angle brackets of Return-Path. */
export function returnPathField(mailFrom: string): string {
  return `Return-Path: <${mailFrom.replace(/[\r\n\0<>]/g, '')}>\r\n`;
}
