/**
 * Lists of addresses, and of phrases alone, with text beyond ASCII: phrases and comments become encoded words (RFC 2047
 * §5), a domain its A-label. What could be an addr-spec never becomes text, in no form of RFC 5322 §3.4 and §4.4: with a
 * local part beyond ASCII, or if in doubt, the list is refused. All other pieces keep their octets. Linear; never throws.
 */
import { parseAddress } from './address.ts';
import { encodeAgain, wordEnd } from './encoded-words.ts';
import { trimSpace } from './headers.ts';

const BEYOND_ASCII = /[^\x00-\x7f]/;

export type EncodedList =
  | { readonly kind: 'list'; readonly text: string }
  /** `form`: the list cannot be read. */
  | { readonly kind: 'refused'; readonly why: 'address' | 'form' };

interface Piece {
  readonly kind: 'quoted' | 'comment' | 'angle' | 'separator' | 'space' | 'word';
  readonly text: string;
}

/** `text`: the value of the field, unfolded. */
export function encodeAddresses(text: string): EncodedList {
  const pieces = piecesOf(text);
  if (pieces === null) return { kind: 'refused', why: 'form' };
  const out: string[] = [];
  let element: Piece[] = [];
  for (const piece of [...pieces, END]) {
    if (piece.kind !== 'separator') {
      element.push(piece);
      continue;
    }
    const made = encodeElement(element);
    if (made === null) return { kind: 'refused', why: 'address' };
    out.push(made, piece.text);
    element = [];
  }
  const list = out.join('');
  // A word that is no encoded word to every reader is left as it is.
  return BEYOND_ASCII.test(list) ? { kind: 'refused', why: 'address' } : { kind: 'list', text: list };
}
const END: Piece = { kind: 'separator', text: '' };

/** What stands between two separators: a mailbox, or the name of a group. null: an address in it cannot be in ASCII. */
function encodeElement(pieces: readonly Piece[]): string | null {
  if (!pieces.some(({ text }) => BEYOND_ASCII.test(text))) return textOf(pieces);
  const angle = pieces.findIndex(({ kind }) => kind === 'angle');
  const bare = angle === -1 && pieces.some(({ kind, text }) => kind !== 'comment' && text.includes('@'));
  const out: string[] = [];
  /** Words and white space between two comments or brackets. */
  let run: Piece[] = [];
  let refused = false;
  const flush = (isPhrase: boolean) => {
    const made = isPhrase ? phrase(run) : bareAddress(run);
    if (made === null) refused = true;
    else out.push(made);
    run = [];
  };
  for (const [i, piece] of pieces.entries()) {
    if (piece.kind !== 'angle' && piece.kind !== 'comment') {
      run.push(piece);
      continue;
    }
    // What stands behind an address in brackets is no phrase.
    flush(!bare && (angle === -1 || i <= angle));
    const { text } = piece;
    if (!BEYOND_ASCII.test(text)) out.push(text);
    else if (piece.kind === 'comment') out.push(`(${encodeAgain(unquoted(text))})`);
    else {
      const address = inAscii(trimSpace(text.slice(1, -1)));
      if (address === null) return null;
      out.push(`<${address}>`);
    }
  }
  flush(!bare && angle === -1);
  return refused ? null : out.join('');
}

/** As encoded words where it is beyond ASCII; null: something in it could be an address. */
function phrase(run: readonly Piece[]): string | null {
  const text = textOf(run);
  if (!BEYOND_ASCII.test(text)) return text;
  const isWord = ({ kind, text }: Piece) => kind === 'word' && wordEnd(text, 0) !== text.length;
  if (run.some((piece) => isWord(piece) && piece.text.includes('@'))) return null;
  const words = run
    .filter(({ kind }) => kind !== 'space')
    .map(({ kind, text }) => (kind === 'quoted' ? unquoted(text) : text));
  const before = /^[ \t]*/.exec(text)![0];
  return before + encodeAgain(words.join(' ')) + (run.at(-1)!.kind === 'space' ? ' ' : '');
}

/** Pieces among which one is an address without brackets: only its domain may be beyond ASCII. */
function bareAddress(run: readonly Piece[]): string | null {
  const out: string[] = [];
  let word: string[] = [];
  for (const { kind, text } of [...run, SPACE]) {
    if (kind !== 'space') {
      word.push(text);
      continue;
    }
    const whole = word.join('');
    const made = BEYOND_ASCII.test(whole) ? inAscii(whole) : whole;
    if (made === null) return null;
    out.push(made, text);
    word = [];
  }
  return out.join('');
}
const SPACE: Piece = { kind: 'space', text: '' };

/** The addr-spec with its domain as A-label, the local part as it is written; null where that is not ASCII. */
function inAscii(text: string): string | null {
  const address = parseAddress(text);
  if (address === null || address.utf8) return null;
  // A domain has no `@`.
  return text.slice(0, text.lastIndexOf('@') + 1) + address.domain;
}

const textOf = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join('');

/** null: the text is not made of such pieces. */
function piecesOf(text: string): Piece[] | null {
  const pieces: Piece[] = [];
  for (let at = 0; at < text.length; ) {
    const kind = KINDS[text[at]!] ?? 'word';
    const end = kind === null ? null : pieceEnd(kind, text, at);
    if (kind === null || end === null) return null;
    pieces.push({ kind, text: text.slice(at, end) });
    at = end;
  }
  return pieces;
}
/** By what a piece begins with; null: no piece begins so. */
const KINDS: Readonly<Record<string, Piece['kind'] | null>> = {
  '"': 'quoted',
  '(': 'comment',
  '<': 'angle',
  ',': 'separator',
  ':': 'separator',
  ';': 'separator',
  ' ': 'space',
  '\t': 'space',
  ')': null,
  '>': null,
  '[': null,
  ']': null,
  '\\': null,
};
function pieceEnd(kind: Piece['kind'], text: string, at: number): number | null {
  switch (kind) {
    case 'quoted':
      return quotedEnd(text, at);
    case 'comment':
      return commentEnd(text, at);
    case 'angle':
      return angleEnd(text, at);
    case 'separator':
      return at + 1;
    case 'space': {
      let end = at + 1;
      while (text[end] === ' ' || text[end] === '\t') end += 1;
      return end;
    }
    case 'word': {
      // Mailers write specials in words of phrases, against RFC 2047 §5.
      const word = wordEnd(text, at);
      if (word !== null) return word;
      let end = at + 1;
      while (end < text.length && !' \t()<>,:;"[]\\'.includes(text[end]!)) end += 1;
      return end;
    }
  }
}

/** Behind the quoted string that begins at `start`; null where it does not end. */
export function quotedEnd(text: string, start: number): number | null {
  for (let at = start + 1; at < text.length; at += 1)
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  return null;
}
/** Behind the comment that begins at `start`; null where it does not end. */
export function commentEnd(text: string, start: number): number | null {
  let depth = 0;
  for (let at = start; at < text.length; at += 1)
    if (text[at] === '\\') at += 1;
    else if (text[at] === '(') depth += 1;
    else if (text[at] === ')' && --depth === 0) return at + 1;
  return null;
}
/** A bracket within quotes or a comment is none. */
function angleEnd(text: string, start: number): number | null {
  for (let at: number | null = start + 1; at !== null && at < text.length; ) {
    const char = text[at];
    if (char === '>') return at + 1;
    if (char === '<') return null;
    if (char === '"') at = quotedEnd(text, at);
    else if (char === '(') at = commentEnd(text, at);
    else at += char === '\\' ? 2 : 1;
  }
  return null;
}

/** What a quoted string or comment means. */
export function unquoted(piece: string): string {
  return piece.slice(1, -1).replace(/\\(.)/gs, '$1');
}
