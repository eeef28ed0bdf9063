/** Pieces of MIME (RFC 2045, 2231): media types, transfer encodings, filenames. Pure. */
import libmime from 'libmime';
import { encodeOctets } from './transfer-encode.ts';

export interface ContentType {
  /** 'text', 'multipart', …, lower case */
  readonly major: string;
  /** type/subtype; name=value …, safe in a header field */
  readonly text: string;
  /** Lower-case names to values, quotes taken away. */
  readonly parameters: ReadonlyMap<string, string>;
}
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,127}";
const MEDIA_TYPE = new RegExp(`^(${TOKEN})/(${TOKEN})`);
/** One parameter, at a place: no two of its parts can take the same characters. */
const PARAMETER = new RegExp(`(${TOKEN})\\s*=\\s*(?:(${TOKEN})|"((?:[ !#-[\\]-~]|\\\\[ -~]){0,200})")`, 'y');

/** RFC 2045 §5.1; null for anything else, line ends and control characters included. */
export function contentTypeOf(value: string): ContentType | null {
  if (value.length > 1000) return null;
  const media = MEDIA_TYPE.exec(value);
  if (media === null) return null;
  const parameters = new Map<string, string>();
  let text = media[0];
  for (let at = text.length; ; at = PARAMETER.lastIndex) {
    const semicolon = behindSpace(value, at);
    const next = value[semicolon] === ';' ? behindSpace(value, semicolon + 1) : semicolon;
    if (next === value.length)
      return /[\r\n]/.test(value.slice(at)) ? null : { major: media[1]!.toLowerCase(), text, parameters };
    if (next === semicolon) return null;
    PARAMETER.lastIndex = next;
    const [, written, token, quoted] = PARAMETER.exec(value) ?? [];
    if (written === undefined || parameters.has(written.toLowerCase())) return null;
    parameters.set(written.toLowerCase(), token ?? quoted!.replace(/\\(.)/g, '$1'));
    text += `; ${written}=${token ?? `"${quoted}"`}`;
  }
}
/** The first index from `at` on that no white space stands at. */
function behindSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && /\s/.test(text[next]!)) next++;
  return next;
}

/** CRLF text in the plainest encoding that carries it: 7bit, else quoted-printable, or base64 where that is shorter. */
export function encodeText(body: string): { encoding: '7bit' | 'quoted-printable' | 'base64'; text: string } {
  const ended = body === '' || body.endsWith('\r\n') ? body : `${body}\r\n`;
  if (/^[\x01-\x7f]*$/.test(ended) && ended.split('\r\n').every((line) => line.length <= 998))
    return { encoding: '7bit', text: ended };
  const { encoding, octets } = encodeOctets(Buffer.from(ended, 'utf8'), true);
  return { encoding, text: octets.toString('latin1') };
}

/** Lines of 76 characters, CRLF-ended. */
export function wrapBase64(base64: string): Buffer {
  const lines: string[] = [];
  for (let at = 0; at < base64.length; at += 76) lines.push(base64.slice(at, at + 76));
  return Buffer.from(lines.length === 0 ? '' : `${lines.join('\r\n')}\r\n`, 'latin1');
}

/** `; filename=…` for Content-Disposition: quoted ASCII, or RFC 2231 with continuations; '' for no name. */
export function filenameParameters(filename: string): string {
  if (filename === '') return '';
  if (/^[\x20-\x7e]{1,60}$/.test(filename)) return `;\r\n filename="${filename.replace(/["\\]/g, '\\$&')}"`;
  return libmime
    .buildHeaderParam('filename', filename, 50)
    .map(
      ({ key, value }: { key: string; value: string }) =>
        `;\r\n ${key}=${value.startsWith('"') || /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]+$/.test(value) ? value : `"${value}"`}`,
    )
    .join('');
}
