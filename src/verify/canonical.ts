/**
 * Relaxed canonicalisation of RFC 6376 §3.4.2 and §3.4.4 over octets. Linear in the input; the body is written in one
 * pass into a hash, never as a second copy of the message. Lone CR and LF are ordinary octets here.
 */
import { createHash, type Hash } from 'node:crypto';

const CR = 13;
const LF = 10;
const SP = 32;
const TAB = 9;
const FLUSH_AT = 64 * 1024;

/** Offset of the first body octet (after the empty line); the length where there is no body. */
export function bodyOffset(message: Buffer): number {
  if (message.length >= 2 && message[0] === CR && message[1] === LF) return 2;
  const end = message.indexOf('\r\n\r\n', 0, 'latin1');
  return end < 0 ? message.length : end + 4;
}

/** Base64 SHA-256 of the relaxed body of `raw` (header and body): the `bh=` of a signature over it. */
export function bodyHash(raw: Buffer): string {
  const hash = createHash('sha256');
  relaxBody(raw.subarray(bodyOffset(raw)), (octets) => void (hash satisfies Hash).update(octets));
  return hash.digest('base64');
}

/**
 * RFC 6376 §3.4.4: whitespace at line ends is dropped, other runs become one space, empty lines at the end are dropped,
 * a non-empty body ends with CRLF. What is canonical already is written as it stands; `write` gets pieces that are valid
 * only during the call.
 */
export function relaxBody(body: Buffer, write: (octets: Buffer) => void): void {
  const end = endOfText(body);
  const out = Buffer.allocUnsafe(Math.min(FLUSH_AT, end));
  let used = 0;
  /** Octets from here on are not written yet. */
  let from = 0;
  function flush(): void {
    if (used > 0) write(out.subarray(0, used));
    used = 0;
  }
  function keep(until: number): void {
    while (from < until) {
      const count = Math.min(until - from, out.length - used);
      body.copy(out, used, from, from + count);
      used += count;
      from += count;
      if (used === out.length) flush();
    }
  }
  for (let i = 0; i < end; i += 1) {
    const octet = body[i]!;
    if (octet !== SP && octet !== TAB) continue;
    let next = i + 1;
    while (next < end && (body[next] === SP || body[next] === TAB)) next += 1;
    const endsLine = next === end || isLineEnd(body, next);
    if (endsLine || octet === TAB || next > i + 1) {
      keep(i);
      if (!endsLine) out[used++] = SP;
      if (used === out.length) flush();
      from = next;
    }
    i = next - 1;
  }
  flush();
  if (from < end) write(body.subarray(from, end));
  if (end > 0 && !isLineEnd(body, end - 2)) write(LINE_END);
}
const LINE_END = Buffer.from('\r\n');

function isLineEnd(body: Buffer, at: number): boolean {
  return body[at] === CR && body[at + 1] === LF;
}
/** Where the body ends without the lines at its end that are empty or blank; the last line keeps its end. */
function endOfText(body: Buffer): number {
  let end = body.length;
  for (;;) {
    let text = end;
    if (text >= 2 && isLineEnd(body, text - 2)) text -= 2;
    while (text > 0 && (body[text - 1] === SP || body[text - 1] === TAB)) text -= 1;
    // Blank up to the line before it, or up to the beginning.
    if (text > 0 && !(text >= 2 && isLineEnd(body, text - 2))) return end;
    end = text;
    if (end === 0) return 0;
  }
}

export interface RawField {
  /** Lower case, without the white space RFC 5322 §4.5.8 allows before the colon. */
  readonly name: string;
  /** The whole field with its final CRLF, one character per octet. */
  readonly text: string;
}

/** Splits the header of `message` into fields, top first; a line that is no field belongs to the one above. */
export function splitHeader(message: Buffer): RawField[] {
  const header = message.toString('latin1', 0, headerLength(message));
  const fields: RawField[] = [];
  let start = 0;
  while (start < header.length) {
    let end = header.indexOf('\r\n', start);
    while (end >= 0 && (header[end + 2] === ' ' || header[end + 2] === '\t'))
      end = header.indexOf('\r\n', end + 2);
    const text = header.slice(start, end < 0 ? header.length : end + 2);
    const colon = text.indexOf(':');
    if (colon > 0) fields.push({ name: text.slice(0, colon).trimEnd().toLowerCase(), text });
    start += text.length;
  }
  return fields;
}

/** Octets of the header fields, without the empty line. */
function headerLength(message: Buffer): number {
  if (message.length >= 2 && message[0] === CR && message[1] === LF) return 0;
  const end = message.indexOf('\r\n\r\n', 0, 'latin1');
  return end < 0 ? message.length : end + 2;
}

/** RFC 6376 §3.4.2, with the final CRLF. `text` is one field, one character per octet. */
export function relaxField(text: string): string {
  const colon = text.indexOf(':');
  const name = text.slice(0, colon).trimEnd().toLowerCase();
  const value = text.slice(colon + 1).replaceAll('\r\n', '');
  return `${name}:${squeeze(value)}\r\n`;
}

/** Runs of space and tab become one space, none at either end. A loop: a regular expression's `+$` is quadratic. */
function squeeze(value: string): string {
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i <= value.length; i += 1) {
    const code = i < value.length ? value.charCodeAt(i) : SP;
    if (code === SP || code === TAB) {
      if (start >= 0) words.push(value.slice(start, i));
      start = -1;
    } else if (start < 0) {
      start = i;
    }
  }
  return words.join(' ');
}
