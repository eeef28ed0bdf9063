/**
 * Header values beyond ASCII as old mailers wrote them: raw ISO-2022-JP (RFC 1468), raw UTF-8 without SMTPUTF8. They are
 * read as what they mean. `encode-field` writes them. Linear; never throws.
 */
import { type Mailbox, parseMailboxList } from './address.ts';
import { decoderOf } from './charsets.ts';
import { unfold } from './headers.ts';

const BEYOND_ASCII = /[^\x00-\x7f]/;
export const ESC = '\x1b';
export const ESC_OCTET = 0x1b;
/** Octets of a list of addresses that is read. */
export const MAX_LIST = 64 * 1024;
/** Each is decoded for itself. */
const MAX_RUNS = 2000;
/** The value unfolded, raw ISO-2022-JP in it as text. An escape sequence that cannot be read stays, and so do thousands. */
export function headerText(rawValue: string): string {
  if (!rawValue.includes(ESC)) return unfold(rawValue);
  return headerPieces(unfold(rawValue))
    .map(({ text, run }) => run ?? text)
    .join('');
}
export interface Piece {
  readonly text: string;
  /** What the piece means, where it is a run of ISO-2022-JP that can be read. */
  readonly run: string | null;
}
/** An unfolded value in its pieces, in order. */
export function headerPieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (let start = text.indexOf(ESC); start !== -1; start = text.indexOf(ESC, at)) {
    if (pieces.length === MAX_RUNS * 2) return [{ text, run: null }];
    pieces.push({ text: text.slice(at, start), run: null });
    at = runEnd(text, start);
    const octets = text.slice(start, at);
    pieces.push({ text: octets, run: japanese(octets) });
  }
  return [...pieces, { text: text.slice(at), run: null }];
}
/** Behind the escape that leads back from the run at `start`: to ASCII, or to JIS X 0201, which is nearly the same. */
function runEnd(text: string, start: number): number {
  for (let at = start; at !== -1; at = text.indexOf(ESC, at + 1))
    if (text.startsWith('(B', at + 1) || text.startsWith('(J', at + 1)) return at + 3;
  return text.length;
}

/** The mailboxes of a From, Sender or the like; null where it is no list of them, or longer than anybody's. */
export function fieldMailboxes(rawValue: string): Mailbox[] | null {
  if (rawValue.length > MAX_LIST) return null;
  const text = headerText(rawValue);
  // Octets of an unknown charset: a backslash among them is one character's half to some, an escape to others.
  return text.includes('\ufffd') && text.includes('\\') ? null : parseMailboxList(text);
}

function japanese(run: string): string | null {
  const text = BEYOND_ASCII.test(run) ? undefined : decoderOf('iso-2022-jp')?.decode(Buffer.from(run));
  return text === undefined || text.includes('\ufffd') ? null : text;
}

/**
 * The value without the folds within its quoted strings and comments: to some readers of addresses (Python's getaddresses)
 * a string or comment ends at a line end, and what follows is an address.
 */
export function withoutInnerFolds(value: string): string {
  const out: string[] = [];
  let copied = 0;
  for (const { at, by } of innerEnds(value)) {
    if (by !== 'line end') continue;
    out.push(value.slice(copied, at));
    copied = at + 2;
  }
  return out.join('') + value.slice(copied);
}
/** A line end within a quoted string or comment, where it ends to some readers; or the bracket that closes a comment. */
export interface InnerEnd {
  readonly at: number;
  readonly by: 'line end' | 'bracket';
  /** Where the quoted string or comment begins. */
  readonly start: number;
  /** It is a comment with nothing but white space and comments between it and the domain of an address. */
  readonly behindDomain: boolean;
  /** The mailbox it stands in has its address before it. */
  readonly behindAddress: boolean;
}
/** All of a value, in order. */
export function* innerEnds(value: string): Generator<InnerEnd> {
  let quoted = false;
  let depth = 0;
  let escaped = false;
  let start = 0;
  /** What was last, of those that count, outside of strings and comments. */
  let last = ',';
  const end = (at: number, by: InnerEnd['by']): InnerEnd => ({
    at,
    by,
    start,
    behindDomain: !quoted && last === '@',
    behindAddress: '@>'.includes(last),
  });
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at]!;
    const inner = quoted || depth > 0;
    if (inner && char === '\r' && value[at + 1] === '\n') {
      yield end(at, 'line end');
      at += 1;
    } else if (escaped) escaped = false;
    else if (inner && char === '\\') escaped = true;
    else if (char === '"' && depth === 0) {
      quoted = !quoted;
      start = at;
    } else if (char === '(' && !quoted) {
      if (depth === 0) start = at;
      depth += 1;
    } else if (char === ')' && depth > 0) {
      depth -= 1;
      if (depth === 0) yield end(at, 'bracket');
    } else if (!inner && '@<>,'.includes(char)) last = char;
  }
}
