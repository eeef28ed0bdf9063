/**
 * Server replies out of bytes. A reply may be long and odd: the code alone decides (RFC 5321 §4.2). Of each line
 * 2,048 octets are kept, of each reply 128 lines; the rest is read and thrown away. Bounded: a line that is no reply
 * line, or a reply of more than 256 KiB, throws ProtocolFault, after which the connection is of no more use. Behind
 * the final dot neither does (see `next`). Text kept for people is freed of control characters and cut at 1,000
 * characters. A bare LF is taken as a line's end (old servers).
 */
import { createOctetQueue } from '../octet-queue.ts';

export interface ServerReply {
  /** Of the last line: RFC 5321 §4.2.1 lets a client ignore all lines before it. */
  readonly code: number;
  /** 'x.y.z' of RFC 3463, or null */
  readonly enhanced: string | null;
  /** The lines that carry `code`, in one, without codes, printable, at most 1,000 characters. */
  readonly text: string;
  /** Lines without the reply code (the enhanced code is still there); EHLO reads its keywords from them. */
  readonly lines: readonly string[];
  /** The code of the first line, where the server contradicts itself. */
  readonly firstCode?: number;
  /** The reply is not over: it was decided by what had come of it. */
  readonly unfinished?: true;
}
export class ProtocolFault extends Error {
  override name = 'ProtocolFault';
}
export interface ReplyParser {
  push(chunk: Buffer): void;
  /**
   * The next whole reply, or null. Throws ProtocolFault. `final`: the reply to the message. There a fault would send
   * the same mail again, so lines that are no reply lines are passed over, a code may stand in odd company, and a reply
   * without end is decided by the code it began with.
   */
  next(final?: boolean): ServerReply | null;
  /** What can be made of a reply that was cut off, or null. */
  begun(): ServerReply | null;
  /** Octets that no reply has been made of yet. */
  buffered(): number;
  /** Something was said that no reply has been made of yet; blank lines are nothing. */
  pending(): boolean;
  /** Forgets all buffered octets (RFC 3207 §4.2) and says how many there were. */
  drop(): number;
}

const MAX_LINE = 2048;
const MAX_LINES = 128;
const MAX_REPLY = 262_144;
const MAX_TEXT = 1000;
const LINE = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/s;
const ODD_LINE = /^[\s\u0000\ufeff\ufffd]*([2-5][0-9][0-9])(?![0-9])(?:([ -])|)(.*)$/s;
const ENHANCED = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/;

export function createReplyParser(): ReplyParser {
  const input = createOctetQueue();
  let code = 0;
  let firstCode = 0;
  let lines: string[] = [];
  /** What is kept of a line whose end has not come yet. */
  let head: string | null = null;
  /** Octets read of the reply. */
  let length = 0;

  function take(count: number): void {
    length += count;
    input.drop(count);
  }
  /** A line, without what is too long of it; null: its end has not come. */
  function line(): string | null {
    const waiting = input.view();
    if (head === null) {
      const end = waiting.subarray(0, MAX_LINE + 1).indexOf(10);
      if (end !== -1) {
        take(end + 1);
        return waiting.toString('utf8', 0, end > 0 && waiting[end - 1] === 13 ? end - 1 : end);
      }
      if (waiting.length <= MAX_LINE) return null;
      head = waiting.toString('utf8', 0, MAX_LINE);
    }
    const end = waiting.indexOf(10);
    take(end === -1 ? waiting.length : end + 1);
    if (end === -1) return null;
    const whole = head;
    head = null;
    return whole;
  }
  /** Whether the reply goes on behind this line. */
  function add(match: RegExpExecArray): boolean {
    const number = Number(match[1]);
    if (firstCode === 0) firstCode = number;
    // The words shown are those of the code shown.
    if (number !== code) lines = [];
    code = number;
    if (lines.length < MAX_LINES) lines.push(match[3] ?? '');
    return match[2] === '-';
  }
  function whole(unfinished: boolean): ServerReply {
    const reply = makeReply(code, lines);
    const first = firstCode === code ? {} : { firstCode };
    forget();
    return { ...reply, ...first, ...(unfinished ? { unfinished: true as const } : {}) };
  }
  function forget(): void {
    head = null;
    lines = [];
    code = 0;
    firstCode = 0;
    length = 0;
  }
  function check(text: string, final: boolean): RegExpExecArray | null {
    const match = (final ? ODD_LINE : LINE).exec(text);
    if (match === null && !final && text !== '')
      throw new ProtocolFault(`not an SMTP reply: ${printable(text).slice(0, 80)}`);
    return match;
  }
  return {
    push: (chunk) => input.push(chunk),
    next(final = false) {
      for (;;) {
        const text = line();
        const known = text ?? head;
        // A line that is no reply line is a fault before its end has come.
        const match = known === null ? null : check(known, final);
        if (length > MAX_REPLY) {
          if (final && match !== null) add(match);
          if (final && code !== 0) return whole(true);
          throw new ProtocolFault('reply too long');
        }
        if (text === null) return null;
        if (match !== null && !add(match)) return whole(false);
      }
    },
    begun() {
      const rest = head ?? input.view().toString('utf8', 0, MAX_LINE).replace(/\r$/, '');
      const match = ODD_LINE.exec(rest);
      if (match !== null) add(match);
      return code === 0 ? null : whole(true);
    },
    buffered: () => input.length,
    pending() {
      if (firstCode !== 0 || head !== null) return true;
      if (input.length === 0) return false;
      const waiting = input.view();
      let blank = 0;
      while (waiting[blank] === 13 || waiting[blank] === 10) blank += 1;
      input.drop(blank);
      return input.length > 0;
    },
    drop() {
      const dropped = input.length;
      input.clear();
      forget();
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
