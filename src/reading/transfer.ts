/**
 * Transfer encodings (RFC 2045 §6), decoded piece by piece. What a piece leaves undecided goes before the
 * next piece, so the result does not depend on where the pieces end. Never throws; linear. Broken input is
 * skipped and reported.
 */

/** `as-is`: 7bit, 8bit, binary and unknown encodings. */
export type Encoding = 'as-is' | 'base64' | 'quoted-printable';

export interface Decoded {
  readonly octets: Buffer;
  /** To be put before the next piece: about 1,000 octets at most. */
  readonly carry: Buffer;
  readonly broken: boolean;
  /** Nothing after this is decoded. */
  readonly ended: boolean;
}

/** `last`: no piece follows. */
export function decodePiece(encoding: Encoding, piece: Buffer, last: boolean): Decoded {
  switch (encoding) {
    case 'as-is':
      return { octets: piece, carry: NOTHING, broken: false, ended: last };
    case 'base64':
      return decodeBase64(piece, last);
    case 'quoted-printable':
      return decodeQuotedPrintable(piece, last);
  }
}

const NOTHING = Buffer.alloc(0);
const [LF, CR, SP, TAB, EQUALS] = [10, 13, 32, 9, 61];
const isSpace = (octet: number) => octet === SP || octet === TAB || octet === CR || octet === LF;
/** 1 if the octet is in the alphabet. */
const ALPHABET = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
  ALPHABET[char.charCodeAt(0)] = 1;

/**
 * §6.8: octets outside the alphabet are skipped. `=` ends the data; after it, only padding and white space
 * may follow.
 */
function decodeBase64(piece: Buffer, last: boolean): Decoded {
  const kept = Buffer.allocUnsafe(piece.length);
  let length = 0;
  let broken = false;
  let at = 0;
  for (; at < piece.length && piece[at] !== EQUALS; at++) {
    const octet = piece[at]!;
    if (ALPHABET[octet] === 1) kept[length++] = octet;
    else if (!isSpace(octet)) broken = true;
  }
  const ended = last || at < piece.length;
  for (; at < piece.length && !broken; at++) broken = piece[at] !== EQUALS && !isSpace(piece[at]!);
  // A single character does not make an octet.
  if (ended && length % 4 === 1) broken = true;
  const whole = ended ? length : length - (length % 4);
  return {
    octets: Buffer.from(kept.toString('latin1', 0, whole), 'base64'),
    carry: kept.subarray(whole, length),
    broken,
    ended,
  };
}

/** Longer white space is data, not the end of a line: a line has at most 998 octets. */
const MOST_SPACE = 1000;
/** The value of a hexadecimal digit; -1 for any other octet. */
const DIGITS = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++) {
  DIGITS[i.toString(16).charCodeAt(0)] = i;
  DIGITS[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}
const isDigit = (octet: number | undefined) => octet !== undefined && DIGITS[octet]! >= 0;

/**
 * §6.7: white space at the end of a line is dropped; `=` at the end joins lines; `=` that is not followed by
 * two digits stays.
 */
function decodeQuotedPrintable(piece: Buffer, last: boolean): Decoded {
  const octets = Buffer.allocUnsafe(piece.length);
  let length = 0;
  let broken = false;
  let at = 0;
  while (at < piece.length) {
    const octet = piece[at]!;
    if (octet !== EQUALS && octet !== SP && octet !== TAB) {
      octets[length++] = octet;
      at++;
      continue;
    }
    const start = octet === EQUALS ? at + 1 : at;
    if (octet === EQUALS && isDigit(piece[at + 1]) && isDigit(piece[at + 2])) {
      octets[length++] = DIGITS[piece[at + 1]!]! * 16 + DIGITS[piece[at + 2]!]!;
      at += 3;
      continue;
    }
    const end = spaceEnd(piece, start);
    const short = end - start < MOST_SPACE;
    const behind = short ? lineEndBehind(piece, end) : -1;
    const digitAlone = octet === EQUALS && at + 2 === piece.length && isDigit(piece[at + 1]);
    const cut = short && (end === piece.length || (piece[end] === CR && end + 1 === piece.length));
    if ((cut || digitAlone) && !last) break;
    if (octet === EQUALS) {
      if (behind !== -1) at = behind;
      else if (cut) at = piece.length;
      else {
        broken = true;
        octets[length++] = octet;
        at++;
      }
    } else {
      if (behind === -1 && !(cut && end === piece.length)) length += piece.copy(octets, length, at, end);
      at = end;
    }
  }
  return { octets: octets.subarray(0, length), carry: piece.subarray(at), broken, ended: last };
}
/** The position after white space within the line, as far as it is looked at. */
function spaceEnd(piece: Buffer, start: number): number {
  const most = Math.min(piece.length, start + MOST_SPACE);
  let at = start;
  while (at < most && (piece[at] === SP || piece[at] === TAB)) at++;
  return at;
}
/** The position after the line end at `at`; -1 if there is no line end. */
function lineEndBehind(piece: Buffer, at: number): number {
  if (piece[at] === LF) return at + 1;
  return piece[at] === CR && piece[at + 1] === LF ? at + 2 : -1;
}

const PIECE = 64 * 1024;
/** The decoded size of these octets; computed in little memory. */
export function decodedSize(
  encoding: Encoding,
  encoded: Buffer,
): { readonly size: number; readonly broken: boolean } {
  if (encoding === 'as-is') return { size: encoded.length, broken: false };
  const found = { size: 0, broken: false };
  let carry: Buffer = NOTHING;
  let ended = false;
  for (let at = 0; at < encoded.length; at += PIECE) {
    const piece = encoded.subarray(at, at + PIECE);
    if (ended) {
      found.broken ||= piece.some((octet) => octet !== EQUALS && !isSpace(octet));
      continue;
    }
    const joined = carry.length === 0 ? piece : Buffer.concat([carry, piece]);
    const decoded = decodePiece(encoding, joined, at + PIECE >= encoded.length);
    found.size += decoded.octets.length;
    found.broken ||= decoded.broken;
    ({ carry, ended } = decoded);
  }
  return found;
}
