/**
 * Reads the octets after 354 up to the one end of data there is, CRLF.CRLF, and nothing else (RFC 5321 §4.1.1.4).
 * Whatever looks like another end stays in the message and is refused with it, so that no reader can see two
 * messages. Each octet is looked at once, when it comes: leading dots are taken away and what is wrong is noticed on the
 * way, so that nothing is left to do at the end. A message over the limit is read to its end without being kept.
 */
export type DataResult =
  /** `long`: it has a line over `maxLine`. */
  | { readonly kind: 'message'; readonly message: Buffer; readonly long: boolean }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'bare-line-end' };

export interface DataReader {
  /** Takes octets; the index in `chunk` behind the end of data, or -1 while it has not come. */
  push(chunk: Buffer): number;
  /** Keeps nothing of it, neither what has come nor what will; only its end is looked for. */
  discard(): void;
  /** After the end has come. */
  result(): DataResult;
  /** Octets received so far. */
  readonly received: number;
}

/** Octets up to which chunks are kept as they came; beyond, they are copied into one room, so that nothing is there twice. */
const SMALL = 128 * 1024;
const LF = 10;
const CR = 13;
const DOT = 46;

/** Where in a line the next octet stands. */
const LINE_START = 0;
/** Behind a dot that begins a line, and that is no part of the message (§4.5.2). */
const LEADING_DOT = 1;
/** Behind such a dot and CR: LF ends the data. */
const LEADING_DOT_CR = 2;
const IN_LINE = 3;
const BEHIND_CR = 4;

/**
 * `limit`: octets after unstuffing. `maxLine`: octets of a line without its CRLF (RFC 5322 §2.1.1 asks for 998).
 * `expected`: what SIZE= announced, for the room to be made at once.
 */
export function createDataReader(limit: number, maxLine: number, expected: number | null = null): DataReader {
  return new Reader(limit, maxLine, expected);
}

/** A class, since each message has one: see Fifo. */
class Reader implements DataReader {
  received = 0;
  readonly #limit: number;
  readonly #scanner: Scanner;
  #kept: Kept;
  /** Octets of the message so far, kept or not. */
  #length = 0;

  constructor(limit: number, maxLine: number, expected: number | null) {
    this.#limit = limit;
    this.#scanner = new Scanner(maxLine);
    // The CR of an end that is yet to come may be kept beside the message.
    this.#kept = new KeptOctets(limit + 1, expected);
  }

  push(chunk: Buffer): number {
    const { end, dots } = this.#scanner.scan(chunk);
    this.received += end === -1 ? chunk.length : end;
    if (end === -1) this.#keep(chunk, dots);
    else if (end >= 3) this.#keep(chunk.subarray(0, end - 3), dots.slice(0, -1));
    // Of an end that began in the chunk before, nothing but its CR can have been kept.
    else if (end === 1) this.#length -= 1;
    return end;
  }
  discard(): void {
    this.#kept = NOTHING_KEPT;
  }
  result(): DataResult {
    if (this.#length > this.#limit) return { kind: 'too-large' };
    const message = this.#kept.octets(this.#length);
    this.#kept = NOTHING_KEPT;
    if (this.#scanner.bare) return { kind: 'bare-line-end' };
    return { kind: 'message', message, long: this.#scanner.long };
  }
  #keep(octets: Buffer, dots: readonly number[]): void {
    this.#length += octets.length - dots.length;
    if (this.#length > this.#limit + 1) this.#kept = NOTHING_KEPT;
    else this.#kept.add(dots.length === 0 ? octets : without(octets, dots));
  }
}

/** Looks at each octet once. A class, since V8 makes a loop in a closure anew for each message. */
class Scanner {
  /** A CR without LF, or LF without CR, has come (RFC 5321 §2.3.8). */
  bare = false;
  /** A line of over `maxLine` octets has come. */
  long = false;
  readonly #maxLine: number;
  // The CRLF of the DATA command itself stands before the message: ".CRLF" at once is an empty message.
  #state = LINE_START;
  /** Octets of the line under way that came in earlier chunks. */
  #earlier = 0;

  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  /** The index behind the end of data or -1, and those of the leading dots up to there. */
  scan(chunk: Buffer): { readonly end: number; readonly dots: readonly number[] } {
    const dots: number[] = [];
    let state = this.#state;
    let lineStart = -this.#earlier;
    for (let at = 0; at < chunk.length; at++) {
      if (state === IN_LINE) at = behindRun(chunk, at);
      const octet = chunk[at];
      if (octet === CR) {
        if (state === BEHIND_CR || state === LEADING_DOT_CR) this.bare = true;
        state = state === LEADING_DOT ? LEADING_DOT_CR : BEHIND_CR;
      } else if (octet === LF) {
        if (state === LEADING_DOT_CR) return { end: at + 1, dots };
        if (state !== BEHIND_CR) this.bare = true;
        if (at - lineStart - 1 > this.#maxLine) this.long = true;
        lineStart = at + 1;
        state = state === BEHIND_CR ? LINE_START : IN_LINE;
      } else if (octet !== undefined) {
        if (state === BEHIND_CR || state === LEADING_DOT_CR) this.bare = true;
        if (state === LINE_START && octet === DOT) {
          dots.push(at);
          lineStart = at + 1;
          state = LEADING_DOT;
        } else state = IN_LINE;
      }
    }
    this.#state = state;
    this.#earlier = chunk.length - lineStart;
    return { end: -1, dots };
  }
}

/** The first index from `at` on where a CR or LF stands; the length where none does. */
function behindRun(octets: Buffer, at: number): number {
  const { length } = octets;
  for (let next = at; next < length; next++) {
    const octet = octets[next]!;
    if (octet <= CR && (octet === CR || octet === LF)) return next;
  }
  return length;
}

/** The octets but those at the indexes, which are in order. */
function without(octets: Buffer, indexes: readonly number[]): Buffer {
  const left = Buffer.allocUnsafe(octets.length - indexes.length);
  let to = 0;
  let from = 0;
  for (const index of indexes) {
    for (; from < index; from++) left[to++] = octets[from]!;
    from = index + 1;
  }
  octets.copy(left, to, from);
  return left;
}

/** What has come of a message so far. */
interface Kept {
  add(octets: Buffer): void;
  /** The first `length` octets; called once, at the end. */
  octets(length: number): Buffer;
}
const NOTHING_KEPT: Kept = { add() {}, octets: () => Buffer.alloc(0) };

class KeptOctets implements Kept {
  readonly #most: number;
  readonly #expected: number | null;
  #chunks: Buffer[] = [];
  #room: Buffer | null = null;
  #kept = 0;

  constructor(most: number, expected: number | null) {
    this.#most = most;
    this.#expected = expected;
  }

  add(octets: Buffer): void {
    const before = this.#kept;
    this.#kept += octets.length;
    if (this.#kept > SMALL) octets.copy(this.#roomFor(this.#kept), before);
    else if (octets.length > 0) this.#chunks.push(octets);
  }
  octets(length: number): Buffer {
    const chunks = this.#chunks;
    const whole = this.#room ?? (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    return whole.subarray(0, length);
  }
  #roomFor(needed: number): Buffer {
    const room = this.#room;
    if (room !== null && room.length >= needed) return room;
    const known = this.#expected === null ? 0 : Math.min(this.#expected, this.#most) + 4096;
    const larger = Math.max(known, (room?.length ?? 0) * 2, 4 * SMALL);
    const made = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#most, larger)));
    let at = room?.copy(made) ?? 0;
    for (const chunk of this.#chunks) at += chunk.copy(made, at);
    this.#chunks = [];
    this.#room = made;
    return made;
  }
}
