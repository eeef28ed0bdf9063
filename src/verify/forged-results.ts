/**
 * Finds Authentication-Results fields that claim to be ours (RFC 8601 §5): they are to be left out of what is shown or
 * relayed. A field whose authserv-id cannot be read counts as ours when it holds our name at all: better one field too
 * few than one forged verdict. All fields of the header are looked at, beyond the reader's limits, too. Linear in the
 * header; never throws.
 */
import { headerBounds, headerLines } from '../mail/headers.ts';

export interface Span {
  /** Octet offsets into the message; `end` is after the field's CRLF. */
  readonly start: number;
  readonly end: number;
}
/** No mail has so many. From the last one on, what lies between them is left out with them. */
const MAX_SPANS = 1000;
const NAME = 'authentication-results';

/** Spans in order, not overlapping, at most 1,000. `authservId` is compared without regard to case or a final dot. */
export function stripForgedResults(message: Buffer, authservId: string): { removed: Span[] } {
  const ours = plain(authservId);
  const removed: Span[] = [];
  for (const { start, end } of headerLines(message, headerBounds(message).headerEnd)) {
    if ((message[start]! | 0x20) !== 0x61) continue;
    const value = resultsValue(message.toString('latin1', start, end));
    if (value === null || !claims(value, ours)) continue;
    const last = removed.length === MAX_SPANS ? removed.pop()! : { start };
    removed.push({ start: last.start, end });
  }
  return { removed };
}

/** The value of a field of that name; a fold before the colon, which some readers join, is no disguise. */
function resultsValue(field: string): string | null {
  if (field.slice(0, NAME.length).toLowerCase() !== NAME) return null;
  let at = NAME.length;
  while (at < field.length && ' \t\r\n'.includes(field[at]!)) at += 1;
  return field[at] === ':' ? field.slice(at + 1) : null;
}

function claims(value: string, ours: string): boolean {
  const claimed = readAuthservId(value);
  return claimed === null ? value.toLowerCase().includes(ours) : plain(claimed) === ours;
}
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** [CFWS] value of RFC 8601 §2.2: a token or quoted string, comments nested; null where it is neither. */
function readAuthservId(value: string): string | null {
  let i = 0;
  let depth = 0;
  for (; i < value.length; i += 1) {
    const c = value[i]!;
    if (depth > 0 && c === '\\') i += 1;
    else if (c === '(') depth += 1;
    else if (c === ')' && depth > 0) depth -= 1;
    else if (depth === 0 && !' \t\r\n'.includes(c)) break;
  }
  if (depth > 0 || i >= value.length) return null;
  if (value[i] !== '"') {
    const end = value.slice(i).search(/[\s;()"]/);
    const token = end < 0 ? value.slice(i) : value.slice(i, i + end);
    return /^[!-~]+$/.test(token) && value[i + token.length] !== '"' ? token : null;
  }
  let id = '';
  for (i += 1; i < value.length; i += 1) {
    const c = value[i]!;
    if (c === '"') return id.trim();
    if (c === '\\') i += 1;
    // A fold inside a quoted string is not part of it.
    if (value[i] !== '\r' && value[i] !== '\n') id += value[i] ?? '';
  }
  return null;
}
