/**
 * Server replies out of bytes. Bounded: a line of more than 2,048 octets, more than 128 lines in one reply, or a
 * line that is no reply line throws ProtocolFault, after which the connection is of no more use. Text kept for
 * people is freed of control characters and cut at 1,000 characters. A bare LF is taken as a line's end (old servers).
 */
import { createOctetQueue } from '../octet-queue.ts';

export interface ServerReply {
  readonly code: number;
  /** 'x.y.z' of RFC 3463, or null */
  readonly enhanced: string | null;
  /** All lines in one, without codes, printable, at most 1,000 characters. */
  readonly text: string;
  /** Lines without the reply code (the enhanced code is still there); EHLO reads its keywords from them. */
  readonly lines: readonly string[];
}
export class ProtocolFault extends Error {
  override name = 'ProtocolFault';
}
export interface ReplyParser {
  push(chunk: Buffer): void;
  /** The next whole reply, or null. Throws ProtocolFault. */
  next(): ServerReply | null;
  /** Octets that no reply has been made of yet. */
  buffered(): number;
  /** Forgets all buffered octets (RFC 3207 §4.2) and says how many there were. */
  drop(): number;
}

const MAX_LINE = 2048;
const MAX_LINES = 128;
const MAX_TEXT = 1000;
const LINE = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/s;
const ENHANCED = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/;

export function createReplyParser(): ReplyParser {
  const input = createOctetQueue();
  let code = 0;
  let lines: string[] = [];

  function line(): string | null {
    const waiting = input.view();
    // What lies beyond the longest line decides nothing.
    const end = waiting.subarray(0, MAX_LINE + 1).indexOf(10);
    if (end === -1 && waiting.length > MAX_LINE) throw new ProtocolFault('reply line too long');
    if (end === -1) return null;
    const stop = end > 0 && waiting[end - 1] === 13 ? end - 1 : end;
    input.drop(end + 1);
    return waiting.toString('utf8', 0, stop);
  }
  return {
    push: (chunk) => input.push(chunk),
    next() {
      for (;;) {
        const text = line();
        if (text === null) return null;
        const match = LINE.exec(text);
        if (match === null) throw new ProtocolFault(`not an SMTP reply: ${printable(text).slice(0, 80)}`);
        const number = Number(match[1]);
        // RFC 5321 §4.2.1: every line of a reply carries the same code.
        if (lines.length > 0 && number !== code) throw new ProtocolFault('reply code changes between lines');
        if (lines.length >= MAX_LINES) throw new ProtocolFault('reply of too many lines');
        code = number;
        lines.push(match[3] ?? '');
        if (match[2] === '-') continue;
        const whole = lines;
        lines = [];
        return makeReply(code, whole);
      }
    },
    buffered: () => input.length,
    drop() {
      const dropped = input.length;
      input.clear();
      lines = [];
      return dropped;
    },
  };
}

function makeReply(code: number, lines: readonly string[]): ServerReply {
  const enhanced = ENHANCED.exec(lines[0] ?? '')?.[1] ?? null;
  // RFC 3463 §2: the class repeats the reply's first digit; a code that contradicts it says nothing.
  const agrees = enhanced !== null && Number(enhanced[0]) === Math.floor(code / 100);
  const text = lines.map((l) => (enhanced === null ? l : l.replace(ENHANCED, ''))).join(' ');
  return { code, enhanced: agrees ? enhanced : null, text: printable(text).slice(0, MAX_TEXT), lines };
}

/** Control characters become '?': a peer's text goes into logs, rows and events. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?').trim();
}
