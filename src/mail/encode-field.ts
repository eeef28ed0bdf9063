/**
 * A header field as it can go to any server: text beyond ASCII becomes encoded words (RFC 2047), a MIME parameter becomes
 * what RFC 2231 asks for, a domain becomes its A-label. Where only ASCII may stand, the field is refused with the reason.
 * What is ASCII keeps its octets. Linear in the field; never throws.
 */
import { commentEnd, encodeAddresses, quotedEnd, unquoted } from './encode-addresses.ts';
import { encodeAgain } from './encoded-words.ts';
import { ESC, headerText } from './header-octets.ts';
import { foldHeader, type HeaderField } from './headers.ts';
import { foldOutside, refold } from './long-lines.ts';
import { encodeParameters, octetParameter } from './mime-parameters-encoded.ts';

const BEYOND_ASCII = /[^\x00-\x7f]/;
/** Fields of addresses, and of phrases alone: their phrases and comments are text. */
const PHRASES = new Set(
  'author,from,sender,reply-to,to,cc,bcc,resent-from,resent-sender,resent-reply-to,resent-to,resent-cc,resent-bcc,disposition-notification-to,return-receipt-to,errors-to,delivered-to,envelope-to,apparently-to,x-original-to,mail-followup-to,mail-reply-to,list-id,keywords'.split(
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
export type Unencodable = 'address' | 'form' | 'charset' | 'parameter';
export type Encoded =
  | { readonly kind: 'same' }
  /** CRLF-ended. */
  | { readonly kind: 'encoded'; readonly text: string }
  | {
      readonly kind: 'refused';
      readonly why: Unencodable;
      /** Of a `parameter`, its name. */
      readonly parameter?: string;
    };

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
    return list.kind === 'refused' ? list : encoded(foldOutside(`${rawName}: ${list.text}\r\n`));
  }
  if (PARAMETERS.has(name)) {
    const parameter = octetParameter(text);
    if (parameter !== null) return { kind: 'refused', why: 'parameter', parameter };
    return inForm(rawName, encodeParameters(text));
  }
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
    const end = open === '"' ? quotedEnd(text, at) : open === '(' ? commentEnd(text, at) : at + 1;
    if (end === null) return out + text.slice(at);
    const piece = text.slice(at, end);
    out += open === '(' && BEYOND_ASCII.test(piece) ? `(${encodeAgain(unquoted(piece))})` : piece;
    at = end;
  }
  return out;
}
