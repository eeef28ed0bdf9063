/**
 * Reads the octets after 354 up to the one end of data there is, CRLF.CRLF, and nothing else (RFC 5321 §4.1.1.4).
 * Whatever looks like another end stays in the message and is refused with it, so that no reader can see two
 * messages. A message over the limit is read to its end without being kept.
 */
import { findBareLineEnd } from '../../mail/has-bare-line-ends.ts';

export type DataResult =
  | { readonly kind: 'message'; readonly message: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'bare-line-end' }
  | { readonly kind: 'line-too-long' };

export interface DataReader {
  /** Takes octets; the index in `chunk` behind the end of data, or -1 while it has not come. */
  push(chunk: Buffer): number;
  /** After the end has come. */
  result(): DataResult;
  /** Octets received so far. */
  readonly received: number;
}
const END = Buffer.from('\r\n.\r\n');

/** Octets up to which chunks are kept as they came; beyond, they are copied into one room, so that nothing is there twice. */
const SMALL = 128 * 1024;

/**
 * `limit`: octets after unstuffing. `maxLine`: octets of a line without its CRLF (RFC 5322 §2.1.1 asks for 998).
 * `expected`: what SIZE= announced, for the room to be made at once.
 */
export function createDataReader(limit: number, maxLine: number, expected: number | null = null): DataReader {
  let chunks: Buffer[] = [];
  let room: Buffer | null = null;
  // The CRLF of the DATA command itself stands before the message: ".CRLF" at once is an empty message.
  let tail = Buffer.from('\r\n');
  let received = 0;
  let kept = 0;
  let dropped = false;
  const mostStuffed = Math.ceil(limit * 1.5) + 64;

  function makeRoom(needed: number): Buffer {
    const known = expected === null ? 0 : Math.min(expected, limit) + 4096;
    if (room !== null && room.length >= needed) return room;
    const wanted = Math.min(mostStuffed, Math.max(needed, known, (room?.length ?? 0) * 2, 4 * SMALL));
    const made = Buffer.allocUnsafeSlow(wanted);
    if (room !== null) room.copy(made);
    let at = 0;
    for (const chunk of chunks) at += chunk.copy(made, at);
    chunks = [];
    room = made;
    return made;
  }
  function keep(octets: Buffer): void {
    received += octets.length;
    if (dropped) return;
    const before = kept;
    kept += octets.length;
    if (kept > mostStuffed) {
      dropped = true;
      chunks = [];
      room = null;
    } else if (kept > SMALL) octets.copy(makeRoom(kept), before);
    else if (octets.length > 0) chunks.push(octets);
  }

  return {
    get received() {
      return received;
    },
    push(chunk) {
      const seam = Buffer.concat([tail, chunk.subarray(0, 4)]);
      const across = seam.indexOf(END);
      const at = across === -1 ? chunk.indexOf(END) + END.length : across + END.length - tail.length;
      const end = across === -1 && at === END.length - 1 ? -1 : at;
      const taken = end === -1 ? chunk : chunk.subarray(0, end);
      keep(taken);
      if (end === -1) {
        tail =
          chunk.length >= 4
            ? Buffer.from(chunk.subarray(-4))
            : Buffer.from(Buffer.concat([tail, chunk]).subarray(-4));
      }
      return end;
    },
    result() {
      if (dropped) return { kind: 'too-large' };
      const whole =
        room !== null ? room.subarray(0, kept) : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      chunks = [];
      room = null;
      const message = unstuff(whole.subarray(0, Math.max(0, whole.length - 3)));
      if (message.length > limit) return { kind: 'too-large' };
      if (findBareLineEnd(message) !== -1) return { kind: 'bare-line-end' };
      return hasLongLine(message, maxLine) ? { kind: 'line-too-long' } : { kind: 'message', message };
    },
  };
}

/** Takes one leading dot off each line that has one (RFC 5321 §4.5.2). */
export function unstuff(message: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = message[0] === 46 ? 1 : 0;
  for (
    let at = message.indexOf('\r\n.', 0, 'latin1');
    at !== -1;
    at = message.indexOf('\r\n.', at + 3, 'latin1')
  ) {
    parts.push(message.subarray(from, at + 2));
    from = at + 3;
  }
  if (parts.length === 0) return from === 0 ? message : message.subarray(1);
  parts.push(message.subarray(from));
  return Buffer.concat(parts);
}

function hasLongLine(message: Buffer, maxLine: number): boolean {
  let start = 0;
  // Only stretches longer than a line can be are looked at: jump to the furthest allowed end and search backwards.
  while (message.length - start > maxLine) {
    const lf = message.lastIndexOf(10, start + maxLine + 1);
    if (lf < start) return true;
    start = lf + 1;
  }
  return false;
}
