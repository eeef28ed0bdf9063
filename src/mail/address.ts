/**
 * Addresses and mailboxes. Every reader (API, envelope, DKIM, rules, suppression) uses these, so that all see one and
 * the same domain. Hand-written scanners, linear in the text; what is not understood is null, never a guess.
 */
import { Buffer } from 'node:buffer';
import { type Domain, parseDomain } from './domain.ts';
import { decodeWords, encodeWords } from './encoded-words.ts';

export interface Address {
  /** What the local part means, quotes and quoted pairs taken away. */
  readonly localPart: string;
  readonly domain: Domain;
  /** As it goes into RCPT TO and MAIL FROM: quoted where needed, the domain as A-label. */
  readonly wire: string;
  /** The local part has characters beyond ASCII: needs SMTPUTF8. */
  readonly utf8: boolean;
}
export interface Mailbox {
  readonly displayName: string | null;
  readonly address: Address;
}

/**
 * RFC 5321 §4.5.3.1.3: a path has 256 octets with its brackets. The 64 of a local part (§4.5.3.1.1) is what each server
 * takes at least; addresses of forwarders and mailing lists are longer.
 */
const MAX_ADDRESS = 254;
/** Characters of a display name that may stand on one line, where it has no white space. */
const MAX_PLAIN_NAME = 500;
const MAX_MAILBOXES = 1000;
const MAX_COMMENTS = 20;
const ATEXT_SIGNS = new Set("!#$%&'*+-/=?^_`{|}~");

/** RFC 5322 §3.2.3 and RFC 6532 §3.2, for one character; C1, separators, U+FFFD and half surrogates are none. */
function isAtext(char: string): boolean {
  const code = char.codePointAt(0)!;
  if (code > 0x7f)
    return (
      code >= 0xa0 &&
      code !== 0x2028 &&
      code !== 0x2029 &&
      code !== 0xfffd &&
      !(code >= 0xd800 && code <= 0xdfff)
    );
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    ATEXT_SIGNS.has(char)
  );
}
/** Nothing but atext and dots. */
function isDotted(text: string): boolean {
  for (const char of text) if (char !== '.' && !isAtext(char)) return false;
  return true;
}
function hasControl(text: string): boolean {
  // C0, DEL, C1, LINE and PARAGRAPH SEPARATOR: never part of an address.
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

function build(localPart: string, domainText: string): Address | null {
  // A local part too long is not looked at any further.
  if (localPart === '' || localPart.length > MAX_ADDRESS) return null;
  const domain = parseDomain(domainText);
  if (domain === null || hasControl(localPart)) return null;
  const plain =
    isDotted(localPart) &&
    !localPart.startsWith('.') &&
    !localPart.endsWith('.') &&
    !localPart.includes('..');
  const wireLocal = plain ? localPart : `"${localPart.replace(/["\\]/g, '\\$&')}"`;
  const wire = `${wireLocal}@${domain}`;
  if (Buffer.byteLength(wire) > MAX_ADDRESS) return null;
  return { localPart, domain, wire, utf8: /[^\u0000-\u007f]/.test(localPart) };
}

/**
 * One envelope address: dot-string or quoted-string, '@', domain (RFC 5321 §4.1.2, RFC 6531 §3.3). Dots in a row, first
 * or last in an unquoted local part are accepted, because Japanese carriers gave such addresses out; they leave quoted.
 * Source routes and address literals are null.
 */
export function parseAddress(text: string): Address | null {
  if (text.length > 1000) return null;
  if (text.startsWith('"')) {
    const quoted = quotedAt(text, 0);
    if (quoted === null || text[quoted.end] !== '@') return null;
    return build(quoted.value, text.slice(quoted.end + 1));
  }
  const at = text.indexOf('@');
  if (at <= 0) return null;
  const local = text.slice(0, at);
  if (!isDotted(local) || /^\.+$/.test(local)) return null;
  return build(local, text.slice(at + 1));
}

/**
 * A lexical piece of a mailbox list (RFC 5322 §3.2, §4.1). `end` is behind it: each takes at least the character it
 * begins with, so that whoever goes on at `end` comes to an end, in one pass.
 */
interface Piece {
  readonly kind: 'atom' | 'quoted' | 'special' | 'space';
  readonly value: string;
  readonly end: number;
}

/** The piece at `at`, which is within the text; null: nothing that a mailbox list has begins there. */
function pieceAt(text: string, at: number): Piece | null {
  const char = text[at]!;
  switch (char) {
    case ' ':
    case '\t':
      return { kind: 'space', value: '', end: at + 1 };
    case '(':
      return commentAt(text, at);
    case '"':
      return quotedAt(text, at);
    case '<':
    case '>':
    case '@':
    case ',':
    case '.':
      return { kind: 'special', value: char, end: at + 1 };
    // A bracket that closes no comment, groups, address literals and routes.
    case ')':
    case ':':
    case ';':
    case '[':
    case ']':
    case '\\':
      return null;
    default:
      return atomAt(text, at);
  }
}

/** A quoted-string: what it means, quotes and quoted pairs taken away. */
function quotedAt(text: string, start: number): Piece | null {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') return { kind: 'quoted', value, end: at + 1 };
    if (char === '\\') at++;
    value += text[at] ?? '';
  }
  return null;
}

/** A comment counts as white space; one within another up to 20 deep. */
function commentAt(text: string, start: number): Piece | null {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '(' && ++depth > MAX_COMMENTS) return null;
    else if (char === ')' && --depth === 0) return { kind: 'space', value: '', end: at + 1 };
  }
  return null;
}

function atomAt(text: string, start: number): Piece | null {
  let end = start + 1;
  while (end < text.length && !' \t()<>@,;:\\"[].'.includes(text[end]!)) end++;
  const value = text.slice(start, end);
  return hasControl(value) ? null : { kind: 'atom', value, end };
}

type Token = {
  readonly kind: 'atom' | 'quoted' | 'special';
  readonly value: string;
  /** White space or a comment stands before it. */
  readonly spaced: boolean;
};
const isSpecial = (token: Token, value: string) => token.kind === 'special' && token.value === value;

/** The tokens of a text, white space and comments left out; null where the text cannot be read. */
function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let spaced = false;
  for (let at = 0; at < text.length; ) {
    const piece = pieceAt(text, at);
    if (piece === null) return null;
    const { kind, value } = piece;
    if (kind !== 'space') tokens.push({ kind, value, spaced });
    spaced = kind === 'space';
    at = piece.end;
  }
  return tokens;
}

/** addr-spec out of tokens without white space around '@' and dots. */
function addrSpec(tokens: readonly Token[]): Address | null {
  const at = tokens.findIndex((token) => isSpecial(token, '@'));
  if (at < 1 || at === tokens.length - 1) return null;
  const local = tokens.slice(0, at);
  const domain = tokens.slice(at + 1);
  const bad = (token: Token) => token.kind === 'special' && token.value !== '.';
  if (local.some(bad) || domain.some((token) => bad(token) || token.kind === 'quoted')) return null;
  if (tokens.some((token, i) => i > 0 && token.spaced)) return null;
  const quoted = local.some((token) => token.kind === 'quoted');
  if (quoted && local.length !== 1) return null;
  const localPart = local.map((token) => token.value).join('');
  if (!quoted && !isDotted(localPart)) return null;
  return build(localPart, domain.map((token) => token.value).join(''));
}

function mailboxOf(tokens: readonly Token[]): Mailbox | null {
  const open = tokens.findIndex((token) => isSpecial(token, '<'));
  if (open === -1) {
    const address = addrSpec(tokens);
    return address === null ? null : { displayName: null, address };
  }
  if (!isSpecial(tokens.at(-1)!, '>')) return null;
  const phrase = tokens.slice(0, open);
  // obs-phrase allows dots; anything else special in a display name is another reader's address.
  if (phrase.some((token) => token.kind === 'special' && token.value !== '.')) return null;
  const [first, ...others] = tokens.slice(open + 1, -1);
  const address = first === undefined ? null : addrSpec([{ ...first, spaced: false }, ...others]);
  if (address === null) return null;
  const name = phrase.map((token, i) => (i > 0 && token.spaced ? ` ${token.value}` : token.value)).join('');
  return { displayName: name === '' ? null : decodeWords(name), address };
}

/** Exactly one RFC 5322 mailbox (§3.4); groups and lists are null. Text must be unfolded. */
export function parseMailbox(text: string): Mailbox | null {
  if (text.length > 10_000 || /[\r\n\0\u0085\u2028\u2029]/.test(text)) return null;
  const tokens = tokenize(text);
  if (tokens === null || tokens.some((token) => isSpecial(token, ','))) return null;
  return mailboxOf(tokens);
}

/**
 * A mailbox-list (RFC 5322 §3.4), at least one; null where any part is no mailbox, a group (RFC 6854) included, or there
 * are over 1,000.
 */
export function parseMailboxList(text: string): Mailbox[] | null {
  const tokens = tokenize(text);
  if (tokens === null) return null;
  const list: Mailbox[] = [];
  let part: Token[] = [];
  for (const token of [...tokens, LIST_END]) {
    if (!isSpecial(token, ',')) {
      part.push(token);
      continue;
    }
    const mailbox = mailboxOf(part);
    if (mailbox === null || list.length === MAX_MAILBOXES) return null;
    list.push(mailbox);
    part = [];
  }
  return list;
}
const LIST_END: Token = { kind: 'special', value: ',', spaced: false };

/** The mailbox as a header writes it: the name quoted or as encoded-words (RFC 2047), no line ends in it, ever. */
export function formatMailbox({ displayName, address }: Mailbox): string {
  if (displayName === null || displayName === '') return address.wire;
  const name = displayName.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  // RFC 2047 §2: encoded words are short, whatever the name is made of.
  if (name.length > MAX_PLAIN_NAME) return `${encodeWords(name)} <${address.wire}>`;
  if (/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*$/.test(name) && !name.includes('=?'))
    return `${name} <${address.wire}>`;
  if (/^[\u0020-\u007e]*$/.test(name) && !name.includes('=?'))
    return `"${name.replace(/["\\]/g, '\\$&')}" <${address.wire}>`;
  return `${encodeWords(name)} <${address.wire}>`;
}
