/**
 * Octets in the transfer encodings that every server takes (RFC 2045 §6.7, §6.8). Pure and linear. No line of the result
 * is over 76 octets, and none begins with `--`: so none is a boundary of the message around it.
 */
import { isAscii } from 'node:buffer';
import { MAX_LINE } from './long-lines.ts';

const [LF, CR, SP, TAB, EQUALS, DASH] = [10, 13, 32, 9, 61, 45];
const LINE_END = Buffer.from('\r\n');

/** RFC 2045 §2.7: ASCII without NUL, in lines of at most 998 octets. */
export function isSevenBit(octets: Buffer): boolean {
  return isAscii(octets) && !octets.includes(0) && !hasLongLine(octets);
}
/** Looks at no more places than there are stretches of a thousand octets. */
export function hasLongLine(octets: Buffer): boolean {
  for (let start = 0; octets.length - start > MAX_LINE; ) {
    const end = octets.subarray(start, start + MAX_LINE + 2).lastIndexOf(LINE_END);
    if (end === -1) return true;
    start += end + 2;
  }
  return false;
}

export interface Encoded {
  readonly encoding: 'quoted-printable' | 'base64';
  readonly octets: Buffer;
}
/** Text in what is shorter, so that text that is mostly ASCII stays readable; anything else in base64. */
export function encodeOctets(octets: Buffer, text: boolean): Encoded {
  const quoted = text ? quotedLength(octets) : Number.POSITIVE_INFINITY;
  // Lines of 76 characters and CRLF carry 57 octets.
  if (quoted * 57 > octets.length * 78) return { encoding: 'base64', octets: base64Lines(octets) };
  return { encoding: 'quoted-printable', octets: quotedPrintable(octets) };
}

/** Lines of 76 characters, each CRLF-ended. */
export function base64Lines(octets: Buffer): Buffer {
  const plain = octets.toString('base64');
  const lines = Math.ceil(plain.length / 76);
  const out = Buffer.allocUnsafe(plain.length + 2 * lines);
  let length = 0;
  for (let at = 0; at < plain.length; at += 76) {
    length += out.write(plain.slice(at, at + 76), length, 'latin1');
    out[length++] = CR;
    out[length++] = LF;
  }
  return out;
}

/** CRLF stays a line end; all else that is not printable is encoded, a lone CR or LF too. */
export function quotedPrintable(octets: Buffer): Buffer {
  // No line is shorter than its CRLF, and none has more than one dash encoded where it begins.
  const out = Buffer.allocUnsafe(2 * quotedLength(octets) + 8);
  let length = 0;
  let width = 0;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at]!;
    if (octet === CR && octets[at + 1] === LF) {
      out[length++] = CR;
      out[length++] = LF;
      width = 0;
      at++;
      continue;
    }
    let plain = isPlain(octets, at);
    if (width + (plain ? 1 : 3) > 75) {
      out[length++] = EQUALS;
      out[length++] = CR;
      out[length++] = LF;
      width = 0;
    }
    if (width === 0 && octet === DASH && octets[at + 1] === DASH) plain = false;
    if (plain) out[length++] = octet;
    else {
      out[length++] = EQUALS;
      out[length++] = HEX.charCodeAt(octet >> 4);
      out[length++] = HEX.charCodeAt(octet & 15);
    }
    width += plain ? 1 : 3;
  }
  return out.subarray(0, length);
}
const HEX = '0123456789ABCDEF';

/** White space stays where more of the line follows. */
function isPlain(octets: Buffer, at: number): boolean {
  const octet = octets[at]!;
  if (octet === SP || octet === TAB)
    return at + 1 < octets.length && !(octets[at + 1] === CR && octets[at + 2] === LF);
  return octet > SP && octet < 127 && octet !== EQUALS;
}
/** Octets of the result, but for dashes encoded where a line begins. */
function quotedLength(octets: Buffer): number {
  let length = 0;
  for (let at = 0; at < octets.length; at++) {
    if (octets[at] === CR && octets[at + 1] === LF) {
      length += 2;
      at++;
    } else length += isPlain(octets, at) ? 1 : 3;
  }
  return length + Math.floor(length / 73) * 3;
}
