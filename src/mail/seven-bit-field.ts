/**
 * One header field of a message or a part as a server without SMTPUTF8 and 8BITMIME takes it: text beyond ASCII as encoded
 * words (RFC 2047), parameters beyond ASCII by RFC 2231, lines of at most 998 octets. Octets that are no UTF-8 are called
 * `unknown-8bit` (RFC 1428). Pure and linear. Throws Obstacle where a field has no such form.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { authorMailboxes } from './authors.ts';
import { encodeField, isText } from './encode-field.ts';
import { encodeBeside } from './encoded-words.ts';
import { foldHeader, type HeaderField, unfold } from './headers.ts';
import { refold } from './long-lines.ts';
import { readParameters } from './mime-parameters.ts';
import { encodeParameters, octetParameter } from './mime-parameters-encoded.ts';
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
  const text = isAscii(octets) ? octets.toString('latin1') : encoded(field, octets);
  const written = Buffer.from(refold(text, AUTHORS.has(field.name)), 'latin1');
  if (hasLongLine(written) || !isSevenBit(written))
    throw new Obstacle(`the field ${field.rawName} cannot be written in ASCII and lines of 998 octets`);
  return written;
}

function encoded(field: HeaderField, octets: Buffer): string {
  if (!isUtf8(octets)) return withUnknown(field, octets);
  const { name, rawName, rawValue } = field;
  const made = encodeField(field, false);
  if (made.kind !== 'encoded') {
    if (made.kind === 'refused' && made.why === 'address')
      throw new Obstacle(`an address in the field ${rawName} needs SMTPUTF8`, '5.6.7');
    if (made.kind === 'refused' && made.why === 'parameter') throw inParameter(made.parameter ?? '');
    throw new Obstacle(`the field ${rawName} has text beyond ASCII where none may be`);
  }
  if (AUTHORS.has(name) && !sameAuthors(rawValue, made.text.slice(rawName.length + 1)))
    throw new Obstacle(`the field ${rawName} would name others`);
  return made.text;
}
function inParameter(name: string): Obstacle {
  return new Obstacle(`the parameter ${name} has octets beyond ASCII`);
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

function withUnknown({ name, rawName }: HeaderField, octets: Buffer): string {
  const value = valueOctets(octets);
  const text = value.toString('latin1');
  if (isText(name)) {
    const words = encodeBeside(
      text,
      () => true,
      (piece) => unknownWords(Buffer.from(piece, 'latin1')),
    );
    return foldHeader(rawName, words);
  }
  // What is written in some charset cannot be told from octets of none.
  if (!PARAMETERS.has(name) || /=\?|\*\d*\*?=/.test(text))
    throw new Obstacle(`the field ${rawName} has octets of no known charset`);
  const parameter = octetParameter(text);
  if (parameter !== null) throw inParameter(parameter);
  return `${rawName}: ${encodeParameters(text, 'unknown-8bit')}\r\n`;
}

/** The Content-Type with this `charset`: added, or instead of US-ASCII. CRLF-ended. */
export function withCharset(field: HeaderField, octets: Buffer, charset: string): Buffer {
  const written = (sevenBitField(field, octets) ?? octets).toString('latin1');
  const before = readParameters(field.rawValue);
  const ended = before.parameters.has('charset') ? renamed(written, charset) : extended(written, charset);
  const { value, parameters } = readParameters(ended.slice(ended.indexOf(':') + 1));
  const same = [...before.parameters].every(
    ([name, meaning]) => name === 'charset' || parameters.get(name) === meaning,
  );
  if (value !== before.value || parameters.get('charset') !== charset || !same)
    throw new Obstacle(`the field ${field.rawName} cannot be read`);
  return Buffer.from(ended);
}
function renamed(written: string, charset: string): string {
  return written.replace(/(;\s*charset\s*=\s*)"?(?:us-)?ascii"?(?=[\s;(]|$)/i, `$1${charset}`);
}
function extended(written: string, charset: string): string {
  let end = written.length;
  while (end > 0 && '; \t\r\n'.includes(written[end - 1]!)) end -= 1;
  return `${written.slice(0, end)};\r\n charset=${charset}\r\n`;
}
