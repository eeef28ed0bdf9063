/**
 * Finds Authentication-Results fields that claim to be ours (RFC 8601 §5): they are to be left out of what is shown or
 * relayed. A field whose authserv-id cannot be read counts as ours when it holds our name at all: better one field too
 * few than one forged verdict. Linear in the header; never throws.
 */
import { bodyOffset } from './canonical.ts';

export interface Span {
  /** Octet offsets into the message; `end` is after the field's CRLF. */
  readonly start: number;
  readonly end: number;
}

/** Spans in order, not overlapping. `authservId` is compared without regard to case or a final dot. */
export function stripForgedResults(message: Buffer, authservId: string): { removed: Span[] } {
  // One character per octet, so that indexes are offsets.
  const header = message.toString('latin1', 0, bodyOffset(message));
  const ours = plain(authservId);
  const removed: Span[] = [];
  for (let start = 0; start < header.length; ) {
    let end = header.indexOf('\n', start);
    while (end >= 0 && (header[end + 1] === ' ' || header[end + 1] === '\t'))
      end = header.indexOf('\n', end + 1);
    const stop = end < 0 ? header.length : end + 1;
    const name = /^authentication-results[ \t\r\n]*:/i.exec(header.slice(start, Math.min(stop, start + 200)));
    if (name !== null || isLongNamed(header, start, stop)) {
      const field = header.slice(start, stop);
      const value = field.slice(field.indexOf(':') + 1);
      const claimed = readAuthservId(value);
      if (claimed === null ? value.toLowerCase().includes(ours) : plain(claimed) === ours)
        removed.push({ start, end: stop });
    }
    start = stop;
  }
  return { removed };
}

/** The name followed by more white space than the quick look sees. */
function isLongNamed(header: string, start: number, stop: number): boolean {
  const name = 'authentication-results';
  if (header.slice(start, start + name.length).toLowerCase() !== name) return false;
  let i = start + name.length;
  while (i < stop && ' \t\r\n'.includes(header[i]!)) i += 1;
  return header[i] === ':';
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
