/**
 * One header field of a message or a part as a server without SMTPUTF8 and 8BITMIME takes it: text beyond ASCII as encoded
 * words (RFC 2047), parameters beyond ASCII by RFC 2231, lines of at most 998 octets. Octets that are no UTF-8 are called
 * `unknown-8bit` (RFC 1428). Pure and linear. Throws Obstacle where a field has no such form.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { authorMailboxes } from './authors.ts';
import { encodeField, isText } from './encode-field.ts';
import { foldHeader, type HeaderField, unfold } from './headers.ts';
import { type MimeValue, readParameters } from './mime-parameters.ts';
import { hasLongLine, isSevenBit } from './transfer-encode.ts';

/** Why a message stays as it is. */
export class Obstacle extends Error {
  override name = 'Obstacle';
  /** RFC 3463 */
  readonly status: '5.6.3' | '5.6.7';
  constructor(cause: string, status: Obstacle['status'] = '5.6.3') {
    super(cause);
    this.status = status;
  }
}

const AUTHORS = new Set(['from', 'sender', 'resent-from', 'resent-sender']);
const PARAMETERS = new Set(['content-type', 'content-disposition']);

/** The field, CRLF-ended; null: it is 7-bit as it stands. `octets`: of the field with its line end. */
export function sevenBitField(field: HeaderField, octets: Buffer): Buffer | null {
  if (isSevenBit(octets)) return null;
  const written = Buffer.from(
    isAscii(octets)
      ? foldHeader(field.rawName, unfold(field.rawValue))
      : PARAMETERS.has(field.name)
        ? withParameters(field, octets)
        : withWords(field, octets),
  );
  if (hasLongLine(written) || !isSevenBit(written))
    throw new Obstacle(`the field ${field.rawName} cannot be written in ASCII and lines of 998 octets`);
  return written;
}

function withWords(field: HeaderField, octets: Buffer): string {
  const { name, rawName, rawValue } = field;
  if (!isUtf8(octets)) {
    if (!isText(name)) throw new Obstacle(`the field ${rawName} has octets of no known charset`);
    return foldHeader(rawName, unknownWords(valueOctets(octets)));
  }
  const encoded = encodeField(field, false);
  if (encoded.kind !== 'encoded') {
    if (encoded.kind === 'refused' && encoded.why === 'address')
      throw new Obstacle(`an address in the field ${rawName} needs SMTPUTF8`, '5.6.7');
    throw new Obstacle(`the field ${rawName} has text beyond ASCII where none may be`);
  }
  if (AUTHORS.has(name) && !sameAuthors(rawValue, encoded.text.slice(rawName.length + 1)))
    throw new Obstacle(`the field ${rawName} would name others`);
  return encoded.text;
}
/** Mail is signed for the authors that were judged when it was accepted. */
function sameAuthors(before: string, after: string): boolean {
  const wires = (value: string) =>
    authorMailboxes(value)
      ?.map(({ address }) => address.wire)
      .join();
  return wires(before) !== undefined && wires(before) === wires(after.replace(/\r\n$/, ''));
}

/** Of a field, unfolded. */
function valueOctets(octets: Buffer): Buffer {
  const text = octets.toString('latin1');
  return Buffer.from(unfold(text.slice(text.indexOf(':') + 1)), 'latin1');
}
/** RFC 1428 §3 for the name; RFC 2047 §2 for the length: 42 octets make a word of 75 characters. */
function unknownWords(value: Buffer): string {
  const words: string[] = [];
  for (let at = 0; at < value.length; at += 42)
    words.push(`=?unknown-8bit?B?${value.toString('base64', at, at + 42)}?=`);
  return words.join(' ');
}

function withParameters(field: HeaderField, octets: Buffer): string {
  const utf8 = isUtf8(octets);
  const text = utf8 ? field.rawValue : valueOctets(octets).toString('latin1');
  // What is written in some charset cannot be told from octets of none.
  if (!utf8 && /=\?|\*\d*\*?=/.test(text))
    throw new Obstacle(`the field ${field.rawName} has octets of no known charset`);
  return parametersField(field.rawName, readParameters(text), utf8 ? 'utf-8' : 'unknown-8bit');
}

const TOKEN = /^[!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,200}$/;
/** A Content-Type or Content-Disposition with these parameters, CRLF-ended. */
export function parametersField(
  rawName: string,
  { value, parameters }: MimeValue,
  charset: 'utf-8' | 'unknown-8bit' = 'utf-8',
): string {
  if (!value.split('/').every((word) => TOKEN.test(word)))
    throw new Obstacle(`the field ${rawName} cannot be read`);
  let text = `${rawName}: ${value}`;
  for (const [name, meaning] of parameters) {
    if (!TOKEN.test(name)) throw new Obstacle(`a parameter of the field ${rawName} cannot be read`);
    if (name === 'boundary' && !/^[\x20-\x7e]+$/.test(meaning))
      throw new Obstacle('a boundary has octets beyond ASCII');
    for (const parameter of parameterTexts(name, meaning, charset)) text += `;\r\n ${parameter}`;
  }
  return `${text}\r\n`;
}
/** Octets of a segment, as they are written. */
const SEGMENT = 60;

/** `name=value`; RFC 2231 §3 and §4 beyond printable ASCII, whole characters in each segment. */
function parameterTexts(name: string, meaning: string, charset: 'utf-8' | 'unknown-8bit'): string[] {
  if (TOKEN.test(meaning)) return [`${name}=${meaning}`];
  if (/^[\x20-\x7e]{0,500}$/.test(meaning)) return [`${name}="${meaning.replace(/["\\]/g, '\\$&')}"`];
  const segments: string[] = [];
  let segment = `${charset}''`;
  for (const char of meaning) {
    const octets = Buffer.from(char, charset === 'utf-8' ? 'utf8' : 'latin1');
    const written = /^[A-Za-z0-9._-]$/.test(char)
      ? char
      : octets.toString('hex').toUpperCase().replace(/../g, '%$&');
    if (segment.length + written.length > SEGMENT) {
      segments.push(segment);
      segment = '';
    }
    segment += written;
  }
  segments.push(segment);
  if (segments.length === 1) return [`${name}*=${segments[0]}`];
  return segments.map((one, i) => `${name}*${i}*=${one}`);
}
