/**
 * Header values beyond ASCII as old mailers wrote them: raw ISO-2022-JP (RFC 1468), raw UTF-8 without SMTPUTF8. They are
 * read as what they mean, and written as encoded words (RFC 2047), so that every server takes them and every reader sees
 * one text. Octets of no charset that can be known stay. Linear; never throws.
 */
import { type Mailbox, parseAddress, parseMailboxList } from './address.ts';
import { decoderOf } from './charsets.ts';
import { decodeWords, encodeWords } from './encoded-words.ts';
import { foldHeader, type HeaderField, trimSpace, unfold } from './headers.ts';

const BEYOND_ASCII = /[^\x00-\x7f]/;
export const ESC = '\x1b';
const MAX_LIST = 64 * 1024;
/** Each is decoded for itself. */
const MAX_RUNS = 2000;
/** Fields of addresses: their phrases and comments are text. */
const ADDRESSES = new Set(
  'from,sender,reply-to,to,cc,resent-from,resent-sender,resent-reply-to,resent-to,resent-cc,disposition-notification-to'.split(
    ',',
  ),
);
/** Unstructured fields of RFC 5322 and 2045, and those of mailers. */
const TEXTS = new Set(['subject', 'comments', 'content-description', 'thread-topic', 'organization']);

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
 * The field as it can go to any server, CRLF-ended; what is left beyond ASCII is an address that needs SMTPUTF8. null: it
 * stays as it is, being ASCII, structured, in no charset that can be known, or UTF-8 where `utf8` allows it.
 */
export function encodeField({ name, rawName, rawValue }: HeaderField, utf8: boolean): string | null {
  const raw = rawValue.includes(ESC);
  if (!raw && (utf8 || !BEYOND_ASCII.test(rawValue))) return null;
  const text = headerText(rawValue);
  if (text.includes(ESC) || text.includes('\ufffd')) return null;
  if (TEXTS.has(name) || name.startsWith('x-')) return foldHeader(rawName, encodeWords(decodeWords(text)));
  const list = ADDRESSES.has(name) ? encodeAddresses(text) : null;
  return list === null ? null : foldHeader(rawName, list);
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

/** The address list with its phrases and comments as encoded words; null where it cannot be read. */
function encodeAddresses(text: string): string | null {
  let out = '';
  /** Words since the last special, and where they begin in the text. */
  let words: string[] = [];
  let from = 0;
  const flush = (until: number) => {
    const raw = text.slice(from, until);
    if (!BEYOND_ASCII.test(raw)) out += raw;
    else {
      const [before] = /^[ \t]*/.exec(raw)!;
      const phrase = trimSpace(raw);
      const address = phrase.includes('@') && !phrase.startsWith('"');
      out += before + (address ? wireOf(phrase) : encodeWords(decodeWords(words.join(' '))));
      if (/[ \t]$/.test(raw)) out += ' ';
    }
    words = [];
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    const end = pieceEnd(text, at);
    if (end === null) return null;
    const piece = text.slice(at, end);
    if (char === '"') words.push(unquoted(piece));
    else if ('(<,:;'.includes(char)) {
      flush(at);
      if (!BEYOND_ASCII.test(piece)) out += piece;
      else out += char === '<' ? `<${wireOf(piece.slice(1, -1))}>` : `(${encodeWords(unquoted(piece))})`;
      from = end;
    } else if (char !== ' ' && char !== '\t') words.push(piece);
    at = end;
  }
  flush(text.length);
  return out;
}

/** Behind what begins at `at`: a quoted string, comment, address in angle brackets, special or word. */
function pieceEnd(text: string, at: number): number | null {
  switch (text[at]) {
    case '"':
      return closed(text, at, '"', '"');
    case '(':
      return closed(text, at, '(', ')');
    case '<':
      return closed(text, at, '<', '>');
    case ',':
    case ':':
    case ';':
    case ' ':
    case '\t':
      return at + 1;
    case ')':
    case '>':
    case '[':
    case ']':
    case '\\':
      return null;
    default: {
      let end = at + 1;
      while (end < text.length && !' \t()<>,:;"[]\\'.includes(text[end]!)) end += 1;
      return end;
    }
  }
}

/** Behind the `close` that ends what `open` began at `start`; null where it does not end. */
function closed(text: string, start: number, open: string, close: string): number | null {
  let depth = 1;
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at]!;
    if (char === '\\') at += 1;
    else if (char === close) {
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (char === open) depth += 1;
  }
  return null;
}

/** What a quoted string or comment means. */
function unquoted(piece: string): string {
  return piece.slice(1, -1).replace(/\\(.)/gs, '$1');
}
/** A domain beyond ASCII as A-label; a local part needs SMTPUTF8 and stays. */
function wireOf(text: string): string {
  const address = parseAddress(trimSpace(text));
  return address === null || address.utf8 ? text : address.wire;
}
