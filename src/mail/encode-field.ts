/**
 * A header field as it can go to any server: text beyond ASCII becomes encoded words (RFC 2047), a MIME parameter becomes
 * what RFC 2231 asks for, a domain becomes its A-label. Where only ASCII may stand, the field is refused with the reason.
 * What is ASCII keeps its octets. Linear in the field; never throws.
 */
import { parseAddress } from './address.ts';
import { encodeAgain, wordEnd } from './encoded-words.ts';
import { ESC, headerText } from './header-octets.ts';
import { foldHeader, type HeaderField, trimSpace } from './headers.ts';
import { refold } from './long-lines.ts';
import { encodeParameters } from './mime-parameters-encoded.ts';

const BEYOND_ASCII = /[^\x00-\x7f]/;
/** Fields of addresses, and of phrases alone: their phrases and comments are text. */
const PHRASES = new Set(
  'from,sender,reply-to,to,cc,resent-from,resent-sender,resent-reply-to,resent-to,resent-cc,disposition-notification-to,return-receipt-to,errors-to,delivered-to,envelope-to,apparently-to,x-original-to,mail-followup-to,mail-reply-to,list-id,keywords'.split(
    ',',
  ),
);
/** RFC 2045 §5.1, RFC 2183 §2. */
const PARAMETERS = new Set(['content-type', 'content-disposition']);
/** Fields with a form of their own: only their comments are text. All others are text (RFC 5322 §3.6.8). */
const FORMS = new Set(
  'date,resent-date,message-id,resent-message-id,in-reply-to,references,received,mime-version,content-id,content-transfer-encoding,content-location,content-language,auto-submitted,authentication-results,received-spf,archived-at,return-path,content-md5,domainkey-signature'.split(
    ',',
  ),
);
const FORM_FAMILIES = /^(?:list|arc|dkim)-/;

/** Why a field cannot be encoded: which of its parts is beyond ASCII. */
export type Unencodable = 'address' | 'form' | 'charset';
export type Encoded =
  | { readonly kind: 'same' }
  /** CRLF-ended. */
  | { readonly kind: 'encoded'; readonly text: string }
  | { readonly kind: 'refused'; readonly why: Unencodable };

/** The whole value is text, of which each part may be an encoded word. */
export function isText(name: string): boolean {
  return !PHRASES.has(name) && !PARAMETERS.has(name) && !FORMS.has(name) && !FORM_FAMILIES.test(name);
}

const SAME: Encoded = { kind: 'same' };
const refused = (why: Unencodable): Encoded => ({ kind: 'refused', why });
const encoded = (text: string): Encoded => ({ kind: 'encoded', text });

/** The octets of the field are valid UTF-8. `utf8`: SMTPUTF8 was asked for, so that UTF-8 stays. */
export function encodeField(
  field: Pick<HeaderField, 'name' | 'rawName' | 'rawValue'>,
  utf8: boolean,
): Encoded {
  const { rawValue } = field;
  const escaped = rawValue.includes(ESC);
  const beyond = BEYOND_ASCII.test(rawValue);
  if (!escaped && (utf8 || !beyond)) return SAME;
  const text = headerText(rawValue);
  // An escape sequence that cannot be read is ASCII to every server.
  const result = text.includes(ESC) ? refused('charset') : encodeText(field, text);
  return result.kind === 'refused' && (utf8 || !beyond) ? SAME : result;
}

/** `text`: the value unfolded. */
function encodeText({ name, rawName }: Pick<HeaderField, 'name' | 'rawName'>, text: string): Encoded {
  if (PHRASES.has(name)) {
    const list = encodeAddresses(text);
    if (list === null) return refused('form');
    return BEYOND_ASCII.test(list) ? refused('address') : encoded(foldHeader(rawName, list));
  }
  if (PARAMETERS.has(name)) return inForm(rawName, encodeParameters(text));
  if (FORMS.has(name) || FORM_FAMILIES.test(name)) return inForm(rawName, encodeComments(text));
  return encoded(foldHeader(rawName, encodeAgain(text)));
}
/** Not folded anew: white space within quoted strings stays as it is. */
function inForm(rawName: string, value: string): Encoded {
  return BEYOND_ASCII.test(value) ? refused('form') : encoded(refold(`${rawName}: ${value}\r\n`, false));
}

/** The value with its comments as encoded words. */
function encodeComments(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const open = text[at]!;
    const end =
      open === '"' ? closed(text, at, '"', '"') : open === '(' ? closed(text, at, '(', ')') : at + 1;
    if (end === null) return out + text.slice(at);
    const piece = text.slice(at, end);
    out += open === '(' && BEYOND_ASCII.test(piece) ? `(${encodeAgain(unquoted(piece))})` : piece;
    at = end;
  }
  return out;
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
      out += before + (address ? wireOf(phrase) : encodeAgain(words.join(' ')));
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
      else out += char === '<' ? `<${wireOf(piece.slice(1, -1))}>` : `(${encodeAgain(unquoted(piece))})`;
      from = end;
    } else if (char !== ' ' && char !== '\t') words.push(piece);
    at = end;
  }
  flush(text.length);
  return out;
}

/** Behind what begins at `at`: a quoted string, comment, address in angle brackets, special or (encoded) word. */
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
      // Mailers write specials in words of phrases, against RFC 2047 §5.
      const word = wordEnd(text, at);
      if (word !== null) return word;
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
