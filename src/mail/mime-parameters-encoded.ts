/**
 * Values of Content-Type and Content-Disposition with raw text in their parameters, written as RFC 2231 has it: `name*=`
 * with its charset, in sections (§3) where it is long. The other parameters keep their octets. Linear.
 */
import { Buffer } from 'node:buffer';
import { quotedEnd } from './encode-addresses.ts';
import { readParameters } from './mime-parameters.ts';

const BEYOND_ASCII = /[^\x00-\x7f]/;
/** Characters of a section, so that its line has fewer than 78. */
const MAX_SECTION = 50;
/** RFC 2045 §5.1 token, without the asterisk of RFC 2231. */
const NAME = /^[A-Za-z0-9!#$%&'+.^_`{|}~-]+$/;

/**
 * Parameters whose values readers compare as octets or take for something else than text. RFC 2231 would change what is
 * compared, here or in the body: a boundary (RFC 2046 §5.1.1), a charset (RFC 2978 §2.3), what fits fragments together
 * and where a body is (RFC 2046 §5.2.2, §5.2.3; RFC 2017), what protects the parts and how (RFC 1847 §2, RFC 8551 §3.2.2),
 * which part is the root (RFC 2387 §3), what a report is about (RFC 6522 §3), how lines flow (RFC 3676 §4), what a
 * calendar asks for (RFC 5545 §8.1), profiles (RFC 2425 §5), dates and sizes (RFC 2183 §2).
 */
const OCTETS = new Set(
  'boundary,charset,id,number,total,access-type,site,server,mode,url,expiration,size,permission,protocol,micalg,smime-type,type,start,start-info,report-type,format,delsp,method,component,profile,creation-date,modification-date,read-date'.split(
    ',',
  ),
);
/** RFC 2046 §4.5.1: here, `type` is for people. */
const TYPE_IS_TEXT = 'application/octet-stream';

/** The first parameter of the value with raw text in it that cannot be encoded as text; null: there is none. */
export function octetParameter(value: string): string | null {
  const [type, ...written] = splitParameters(value);
  const isText = (name: string) =>
    !OCTETS.has(name) || (name === 'type' && readParameters(type!).value === TYPE_IS_TEXT);
  const names = written.filter((text) => BEYOND_ASCII.test(text)).flatMap(namesIn);
  return names.find((name) => !isText(name)) ?? null;
}

/** Its name, and those that a reader finds in it who needs no semicolon before a parameter. Names hold no quote: linear. */
function namesIn(parameter: string): string[] {
  const behind = outsideOfQuotes(parameter).matchAll(/[\s"]([!#-)+-<>-~]+)(?:\*[\d*]*)?\s*=/g);
  return [nameOf(parameter), ...[...behind].map(([, name]) => name!.toLowerCase())];
}
/** Each quoted string that ends becomes a quote. */
function outsideOfQuotes(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const end = text[at] === '"' ? quotedEnd(text, at) : null;
    out += text[at];
    at = end ?? at + 1;
    if (end === null && text[at - 1] === '"') return out + text.slice(at);
  }
  return out;
}

export type ParameterCharset = 'UTF-8' | 'unknown-8bit';

/**
 * The value, which is unfolded; what is left beyond ASCII stands where only ASCII may. `unknown-8bit` (RFC 1428): each of
 * its characters is an octet.
 */
export function encodeParameters(value: string, charset: ParameterCharset = 'UTF-8'): string {
  const [type, ...written] = splitParameters(value);
  const raw = new Set(written.filter((text) => BEYOND_ASCII.test(text)).map(nameOf));
  const meanings = readParameters(value).parameters;
  const done = new Set<string>();
  let out = type!;
  for (const text of written) {
    const name = nameOf(text);
    const meaning = raw.has(name) && NAME.test(name) ? meanings.get(name) : undefined;
    if (meaning === undefined) out += `;${text}`;
    else if (!done.has(name)) {
      // The other sections of the parameter and its plain form are in the one meaning.
      done.add(name);
      out += encodedParameter(name, meaning, charset);
    }
  }
  return out;
}

/** The pieces between semicolons that are outside of quoted strings and comments. */
function splitParameters(value: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at];
    if (char === '\\') at += 1;
    else if (char === '"' && depth === 0) quoted = !quoted;
    else if (quoted) continue;
    else if (char === '(') depth += 1;
    else if (char === ')') depth = Math.max(0, depth - 1);
    else if (char === ';' && depth === 0) {
      pieces.push(value.slice(start, at));
      start = at + 1;
    }
  }
  pieces.push(value.slice(start));
  return pieces;
}

/** Lower case, without the section and the asterisk of RFC 2231. */
function nameOf(parameter: string): string {
  const [name = ''] = parameter.split('=', 1)[0]!.split('*', 1);
  return name.trim().toLowerCase();
}

/** RFC 2231 §7: attribute-char stays, each other octet becomes its hexadecimal form. */
const ESCAPED = Array.from({ length: 256 }, (_, octet) => {
  const char = String.fromCharCode(octet);
  return /^[A-Za-z0-9!#$&+.^_`{|}~-]$/.test(char)
    ? char
    : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
});

function encodedParameter(name: string, meaning: string, charset: ParameterCharset): string {
  const sections: string[] = [];
  let section = '';
  /** The character that is being read, escaped. */
  let escaped = '';
  const put = () => {
    if (section.length + escaped.length > MAX_SECTION) {
      sections.push(section);
      section = '';
    }
    section += escaped;
    escaped = '';
  };
  const utf8 = charset === 'UTF-8';
  for (const octet of Buffer.from(meaning, utf8 ? 'utf8' : 'latin1')) {
    const continues = utf8 && (octet & 0xc0) === 0x80;
    if (!continues) put();
    escaped += ESCAPED[octet]!;
  }
  put();
  sections.push(section);
  if (sections.length === 1) return `;\r\n ${name}*=${charset}''${section}`;
  return sections.map((text, i) => `;\r\n ${name}*${i}*=${i === 0 ? `${charset}''` : ''}${text}`).join('');
}
