/**
 * Canonicalisation of RFC 6376 §3.4 over octets, simple and relaxed. Linear in the input, in one pass whatever its lines are;
 * the body is never a second copy of the message. Lone CR and LF are ordinary octets here.
 */
const CR = 13;
const LF = 10;
const SP = 32;
const TAB = 9;
const PIECE = 64 * 1024;
const LINE_END = Buffer.from('\r\n');

export type Canonicalization = 'simple' | 'relaxed';

/** `write` gets pieces that are valid only during the call. */
export function canonicalBody(kind: Canonicalization, body: Buffer, write: (octets: Buffer) => void): void {
  if (kind === 'relaxed') relaxBody(body, write);
  else simpleBody(body, write);
}

/** RFC 6376 §3.4.3: empty lines at the end are dropped; the body ends with CRLF, an empty one, too. */
function simpleBody(body: Buffer, write: (octets: Buffer) => void): void {
  let end = body.length;
  while (end >= 2 && body[end - 1] === LF && body[end - 2] === CR) end -= 2;
  // In pieces: a hash that takes a part only is not given the whole.
  for (let start = 0; start < end; start += PIECE) write(body.subarray(start, Math.min(start + PIECE, end)));
  write(LINE_END);
}

/**
 * RFC 6376 §3.4.4: whitespace at line ends is dropped, other runs become one space, empty lines at the end are dropped,
 * a body that is not empty ends with CRLF.
 */
export function relaxBody(body: Buffer, write: (octets: Buffer) => void): void {
  // An octet may bring a space and a line end before it.
  const out = Buffer.allocUnsafe(Math.min(PIECE, body.length + 2) + 3);
  const full = out.length - 3;
  let used = 0;
  let space = false;
  /** Line ends that are not written before it is known that more follows. */
  let ends = 0;
  let any = false;
  for (let i = 0; i < body.length; i += 1) {
    const octet = body[i]!;
    if (octet === SP || octet === TAB) {
      space = true;
      continue;
    }
    if (octet === CR && body[i + 1] === LF) {
      ends += 1;
      space = false;
      i += 1;
      continue;
    }
    for (; ends > 0; ends -= 1) {
      out[used++] = CR;
      out[used++] = LF;
      if (used >= full) {
        write(out.subarray(0, used));
        used = 0;
      }
    }
    if (space) out[used++] = SP;
    space = false;
    any = true;
    out[used++] = octet;
    if (used >= full) {
      write(out.subarray(0, used));
      used = 0;
    }
  }
  if (used > 0) write(out.subarray(0, used));
  if (any) write(LINE_END);
}
