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

/** RFC 5321 §4.5.3.1. */
const MAX_LOCAL = 64;
const MAX_ADDRESS = 254;
const ATEXT = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\u{10ffff}]$/u;

function isAtext(char: string): boolean {
  return (
    ATEXT.test(char) && !(char >= '\u0080' && char <= '\u009f') && !/[\u2028\u2029\ufffd]|\p{Cs}/u.test(char)
  );
}
function hasControl(text: string): boolean {
  // C0, DEL, C1, LINE and PARAGRAPH SEPARATOR: never part of an address.
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

function build(localPart: string, domainText: string): Address | null {
  const domain = parseDomain(domainText);
  if (domain === null || localPart === '' || hasControl(localPart)) return null;
  const plain = [...localPart].every((c) => c === '.' || isAtext(c)) && !/^\.|\.\.|\.$/.test(localPart);
  const wireLocal = plain ? localPart : `"${localPart.replace(/["\\]/g, '\\$&')}"`;
  if (Buffer.byteLength(localPart) > MAX_LOCAL) return null;
  const wire = `${wireLocal}@${domain}`;
  if (Buffer.byteLength(wire) > MAX_ADDRESS + 2) return null;
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
    const quoted = scanQuoted(text, 0);
    if (quoted === null || text[quoted.end] !== '@') return null;
    return build(quoted.value, text.slice(quoted.end + 1));
  }
  const at = text.indexOf('@');
  if (at <= 0) return null;
  const local = text.slice(0, at);
  for (const char of local) if (char !== '.' && !isAtext(char)) return null;
  if (/^\.+$/.test(local)) return null;
  return build(local, text.slice(at + 1));
}

/** A quoted-string beginning at `start`: its meaning and the index after its closing quote. */
function scanQuoted(text: string, start: number): { value: string; end: number } | null {
  let value = '';
  for (let i = start + 1; i < text.length; i++) {
    const char = text[i]!;
    if (char === '"') return { value, end: i + 1 };
    if (char === '\\') {
      i++;
      if (i >= text.length) return null;
      value += text[i];
    } else value += char;
  }
  return null;
}

type Token = {
  readonly kind: 'atom' | 'quoted' | 'special';
  readonly value: string;
  readonly spaced: boolean;
};

/** RFC 5322 tokens; comments are skipped, nested ones up to 20 deep. Null where the text cannot be read. */
function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let spaced = false;
  let i = 0;
  while (i < text.length) {
    const char = text[i]!;
    if (char === ' ' || char === '\t') {
      spaced = true;
      i++;
    } else if (char === '(') {
      let depth = 0;
      for (; i < text.length; i++) {
        if (text[i] === '\\') i++;
        else if (text[i] === '(') {
          if (++depth > 20) return null;
        } else if (text[i] === ')' && --depth === 0) break;
      }
      if (i >= text.length) return null;
      i++;
      spaced = true;
    } else if (char === '"') {
      const quoted = scanQuoted(text, i);
      if (quoted === null) return null;
      tokens.push({ kind: 'quoted', value: quoted.value, spaced });
      spaced = false;
      i = quoted.end;
    } else if (')<>@,;:\\[].'.includes(char)) {
      tokens.push({ kind: 'special', value: char, spaced });
      spaced = false;
      i++;
    } else {
      let end = i;
      while (end < text.length && !' \t()<>@,;:\\"[].'.includes(text[end]!)) end++;
      const value = text.slice(i, end);
      if (hasControl(value)) return null;
      tokens.push({ kind: 'atom', value, spaced });
      spaced = false;
      i = end;
    }
  }
  return tokens;
}

/** addr-spec out of tokens without white space around '@' and dots. */
function addrSpec(tokens: readonly Token[]): Address | null {
  const at = tokens.findLastIndex((token) => token.kind === 'special' && token.value === '@');
  if (at < 1 || at === tokens.length - 1) return null;
  const local = tokens.slice(0, at);
  const domain = tokens.slice(at + 1);
  const bad = (token: Token) => token.kind === 'special' && token.value !== '.';
  if (local.some(bad) || domain.some((token) => bad(token) || token.kind === 'quoted')) return null;
  if (tokens.slice(1).some((token) => token.spaced)) return null;
  const quoted = local.some((token) => token.kind === 'quoted');
  if (quoted && local.length !== 1) return null;
  const localPart = local.map((token) => token.value).join('');
  if (!quoted && [...localPart].some((char) => char !== '.' && !isAtext(char))) return null;
  return build(localPart, domain.map((token) => token.value).join(''));
}

function mailboxOf(tokens: readonly Token[]): Mailbox | null {
  if (tokens.length === 0) return null;
  const open = tokens.findIndex((token) => token.kind === 'special' && token.value === '<');
  if (open === -1) {
    const address = addrSpec(tokens);
    return address === null ? null : { displayName: null, address };
  }
  const close = tokens.at(-1)!;
  if (close.kind !== 'special' || close.value !== '>') return null;
  const phrase = tokens.slice(0, open);
  // obs-phrase allows dots; anything else special in a display name is another reader's address.
  if (phrase.some((token) => token.kind === 'special' && token.value !== '.')) return null;
  const inner = tokens.slice(open + 1, -1);
  const first = inner[0];
  const address = addrSpec(first === undefined ? [] : [{ ...first, spaced: false }, ...inner.slice(1)]);
  if (address === null) return null;
  const name = phrase.map((token, i) => (i > 0 && token.spaced ? ` ${token.value}` : token.value)).join('');
  return { displayName: name === '' ? null : decodeWords(name), address };
}

/** Exactly one RFC 5322 mailbox (§3.4); groups and lists are null. Text must be unfolded. */
export function parseMailbox(text: string): Mailbox | null {
  if (text.length > 10_000 || /[\r\n\0\u0085\u2028\u2029]/.test(text)) return null;
  const tokens = tokenize(text);
  if (tokens === null || tokens.some((token) => token.kind === 'special' && ',;:'.includes(token.value)))
    return null;
  return mailboxOf(tokens);
}

/** A mailbox-list (RFC 5322 §3.4), at least one; null where any part is no mailbox, or there are over 1,000. */
export function parseMailboxList(text: string): Mailbox[] | null {
  const tokens = tokenize(text);
  if (tokens === null) return null;
  const list: Mailbox[] = [];
  let part: Token[] = [];
  for (const token of [...tokens, { kind: 'special', value: ',', spaced: false } as const]) {
    if (token.kind !== 'special' || token.value !== ',') {
      part.push(token);
      continue;
    }
    const mailbox = mailboxOf(part);
    if (mailbox === null || list.length === 1000) return null;
    list.push(mailbox);
    part = [];
  }
  return list;
}

/** The mailbox as a header writes it: the name quoted or as encoded-words (RFC 2047), no line ends in it, ever. */
export function formatMailbox({ displayName, address }: Mailbox): string {
  if (displayName === null || displayName === '') return address.wire;
  const name = displayName.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  if (/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*$/.test(name) && !name.includes('=?'))
    return `${name} <${address.wire}>`;
  if (/^[\u0020-\u007e]*$/.test(name) && !name.includes('=?'))
    return `"${name.replace(/["\\]/g, '\\$&')}" <${address.wire}>`;
  return `${encodeWords(name)} <${address.wire}>`;
}
