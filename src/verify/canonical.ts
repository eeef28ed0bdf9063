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
 * a non-empty body ends with CRLF. `write` gets pieces that are valid only during the call.
 */
export function relaxBody(body: Buffer, write: (octets: Buffer) => void): void {
  // A piece never grows: 64 KiB of room and one line end or space more per step.
  const out = Buffer.allocUnsafe(Math.min(FLUSH_AT, body.length) + 8);
  let used = 0;
  let emptyLines = 0;
  let space = false;
  let lineHasText = false;
  const flush = () => {
    if (used > 0) write(out.subarray(0, used));
    used = 0;
  };
  const length = body.length;
  for (let i = 0; i < length; i += 1) {
    const octet = body[i]!;
    if (octet === CR && body[i + 1] === LF) {
      i += 1;
      space = false;
      if (!lineHasText) {
        emptyLines += 1;
      } else {
        out[used++] = CR;
        out[used++] = LF;
        lineHasText = false;
      }
    } else if (octet === SP || octet === TAB) {
      space = true;
    } else {
      while (emptyLines > 0) {
        out[used++] = CR;
        out[used++] = LF;
        emptyLines -= 1;
        if (used >= FLUSH_AT) flush();
      }
      if (space) {
        out[used++] = SP;
        space = false;
      }
      out[used++] = octet;
      lineHasText = true;
    }
    if (used >= FLUSH_AT) flush();
  }
  if (lineHasText) {
    out[used++] = CR;
    out[used++] = LF;
  }
  flush();
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
