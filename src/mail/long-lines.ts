/**
 * Lines over the 998 octets of RFC 5322 §2.1.1: found, and in a header field folded at the white space that is there
 * (§2.2.3), so that the unfolded value stays the same to the octet. Looks at each octet a fixed number of times.
 */
import type { Buffer } from 'node:buffer';

/** RFC 5322 §2.1.1: octets of a line without its CRLF. */
export const MAX_LINE = 998;
/** The same section: what a line should have. */
const GOOD_LINE = 78;
const [LF, CR] = [10, 13];

export interface LongLine {
  /** Counted from 1, from the beginning of the buffer. */
  readonly line: number;
  /** Without its CRLF. */
  readonly octets: number;
}

/** The first line that begins at or behind `from` and is longer; null where none is. */
export function findLongLine(message: Buffer, most: number, from = 0): LongLine | null {
  for (let start = from; start < message.length; ) {
    const lf = message.indexOf(LF, start);
    const end = lf === -1 ? message.length : message[lf - 1] === CR && lf > start ? lf - 1 : lf;
    if (end - start > most) return { line: lineAt(message, start), octets: end - start };
    if (lf === -1) return null;
    start = lf + 1;
  }
  return null;
}
/** The number of the line that begins at the index, from 1. */
export function lineAt(message: Buffer, index: number): number {
  let line = 1;
  for (let lf = message.indexOf(LF); lf !== -1 && lf < index; lf = message.indexOf(LF, lf + 1)) line += 1;
  return line;
}

/**
 * The field, CRLF-ended and one character an octet, with its lines over 998 octets folded. `outside`: never within a
 * quoted string or comment; otherwise there as well, where nothing else helps. A line without white space stays long,
 * and so does a name: before its colon a fold would make two fields of it.
 */
export function refold(field: string, outside: boolean): string {
  if (field.length <= MAX_LINE) return field;
  const inner = innerPlaces(field);
  const colon = field.indexOf(':');
  const once = foldLines(field, (at) => at > colon && inner[at] === 0);
  return outside ? once : foldLines(once, (at) => at > colon);
}

/**
 * The field, CRLF-ended, with its lines over 78 characters folded where white space stands outside of quoted strings,
 * comments and angle brackets. Unlike `foldHeader` it keeps white space as it is.
 */
export function foldOutside(field: string): string {
  const inner = innerPlaces(field);
  const colon = field.indexOf(':');
  let angle = false;
  for (let at = colon + 1; at < field.length; at += 1) {
    if (inner[at] === 1) continue;
    const char = field.charCodeAt(at);
    if (char === LESS) angle = true;
    else if (char === GREATER) angle = false;
    if (angle) inner[at] = 1;
  }
  return foldLines(field, (at) => at > colon && inner[at] === 0, GOOD_LINE);
}

const [QUOTE, OPEN, CLOSE, BACKSLASH, SP, TAB] = [34, 40, 41, 92, 32, 9];
const [LESS, GREATER] = [60, 62];

/** 1 for what is within a quoted string or comment. */
function innerPlaces(field: string): Uint8Array {
  const inner = new Uint8Array(field.length);
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < field.length; at += 1) {
    const char = field.charCodeAt(at);
    const within = quoted || depth > 0 ? 1 : 0;
    inner[at] = within;
    if (char === BACKSLASH) {
      at += 1;
      inner[at] = within;
    } else if (char === QUOTE && depth === 0) quoted = !quoted;
    else if (char === OPEN && !quoted) depth += 1;
    else if (char === CLOSE && depth > 0) depth -= 1;
  }
  return inner;
}

/** Folds lines that are longer than `most`. */
function foldLines(field: string, mayFold: (at: number) => boolean, most = MAX_LINE): string {
  let start = 0;
  const lines = field.split('\r\n').map((line) => {
    const from = start;
    start += line.length + 2;
    return line.length > most ? foldLine(line, (at) => mayFold(from + at)) : line;
  });
  return lines.join('\r\n');
}

/** Folds before runs of white space that have something behind them: no line is of white space alone. */
function foldLine(line: string, mayFold: (at: number) => boolean): string {
  let textEnd = line.length;
  while (textEnd > 0 && isSpace(line, textEnd - 1)) textEnd -= 1;
  let out = '';
  let from = 0;
  /** Where the next fold will be: the last place that was passed. */
  let place = 0;
  const fold = (until: number) => {
    // The name of a field stands alone only where its first word is too long for its line.
    const most = line[place - 1] === ':' && from === 0 ? MAX_LINE : GOOD_LINE;
    if (place <= from || until - from <= most) return;
    out += `${line.slice(from, place)}\r\n`;
    from = place;
  };
  for (let at = 1; at < textEnd; at += 1) {
    if (!isSpace(line, at) || isSpace(line, at - 1) || !mayFold(at)) continue;
    fold(at);
    place = at;
  }
  fold(line.length);
  return out + line.slice(from);
}
function isSpace(text: string, at: number): boolean {
  const char = text.charCodeAt(at);
  return char === SP || char === TAB;
}
