/**
 * Encoded words (RFC 2047), read and written. Reading never throws and is linear: each octet is looked at a fixed number
 * of times. What is no encoded word, or is one in a charset that is not known, stays as it is.
 */
import { Buffer } from 'node:buffer';
import type { TextDecoder } from 'node:util';
import { decoderOf } from './charsets.ts';
import { unescapeOctets } from './octet-escapes.ts';

interface Word {
  readonly charset: string;
  readonly encoding: 'b' | 'q';
  readonly data: string;
  /** Behind its `?=`. */
  readonly end: number;
}
/** A name that is longer is no charset's; with the language of RFC 2231 §5 behind it. */
const MAX_CHARSET = 64;
/** Charsets looked up for one text: mail has one or two, and each one that is not known costs a throw. */
const MAX_CHARSETS = 16;
const [ESC, QUESTION, EQUALS] = [0x1b, 0x3f, 0x3d];

/**
 * The text with its encoded words decoded. White space between two decoded words is dropped (§6.2). Neighbours of one
 * charset are decoded together, since mailers split characters between them (§5 forbids it).
 */
export function decodeWords(text: string): string {
  let at = text.indexOf('=?');
  if (at === -1) return text;
  const find = decoderFinder();
  let out = '';
  let copied = 0;
  let run: Run | null = null;
  while (at !== -1) {
    const word = readWord(text, at);
    const decoder = word === null ? null : find(word.charset);
    if (word === null || decoder === null) at = text.indexOf('=?', word?.end ?? at + 2);
    else {
      const between: string = text.slice(copied, at);
      const neighbour: boolean = run !== null && isSpace(between);
      if (run !== null && neighbour && run.decoder === decoder) run.octets.push(octetsOf(word));
      else {
        out += run === null ? '' : textOf(run);
        if (!neighbour) out += between;
        run = { charset: word.charset, decoder, octets: [octetsOf(word)] };
      }
      copied = word.end;
      at = text.indexOf('=?', copied);
    }
  }
  return `${out}${run === null ? '' : textOf(run)}${text.slice(copied)}`;
}

/** Finds the decoders for one text. */
function decoderFinder(): (charset: string) => TextDecoder | null {
  const decoders = new Map<string, TextDecoder | null>();
  return (charset) => {
    const known = decoders.get(charset);
    if (known !== undefined) return known;
    if (decoders.size >= MAX_CHARSETS) return null;
    const found = decoderOf(charset);
    decoders.set(charset, found);
    return found;
  };
}

/** Neighbours of one charset. */
interface Run {
  readonly charset: string;
  readonly decoder: TextDecoder;
  readonly octets: Buffer[];
}
function textOf({ decoder, octets }: Run): string {
  if (octets.length === 1) return decoder.decode(octets[0]!);
  // RFC 1468: each word goes back to ASCII at its end. Going there and away again at once is an error to the decoder.
  const joined = decoder.encoding === 'iso-2022-jp' ? octets.map(withoutReturn) : octets;
  return decoder.decode(Buffer.concat(joined));
}
function withoutReturn(octets: Buffer, i: number, all: readonly Buffer[]): Buffer {
  const from = octets.length - 3;
  return all[i + 1]?.[0] === ESC && from > 0 && octets[from] === ESC && octets[from + 1] === 0x28
    ? octets.subarray(0, from)
    : octets;
}

/** The encoded word that begins at `start`, where `=?` stands; null where none does. */
function readWord(text: string, start: number): Word | null {
  const nameEnd = endOf(text, start + 2, start + 2 + MAX_CHARSET, isTokenChar);
  const [charset = ''] = text.slice(start + 2, nameEnd).split('*', 1);
  const encoding = text[nameEnd + 1]?.toLowerCase();
  if (
    charset === '' ||
    text.charCodeAt(nameEnd) !== QUESTION ||
    (encoding !== 'b' && encoding !== 'q') ||
    text.charCodeAt(nameEnd + 2) !== QUESTION
  )
    return null;
  const dataStart = nameEnd + 3;
  const dataEnd = endOf(text, dataStart, text.length, isDataChar);
  if (text.charCodeAt(dataEnd) !== QUESTION || text.charCodeAt(dataEnd + 1) !== EQUALS) return null;
  return {
    charset: charset.toLowerCase(),
    encoding,
    data: text.slice(dataStart, dataEnd),
    end: dataEnd + 2,
  };
}
/** Behind the encoded word that begins at `start`; null where none does. */
export function wordEnd(text: string, start: number): number | null {
  return text.startsWith('=?', start) ? (readWord(text, start)?.end ?? null) : null;
}
/** The first index from `at` on, and before `most`, whose character is not of the kind. */
function endOf(text: string, at: number, most: number, kind: (code: number) => boolean): number {
  const last = Math.min(most, text.length);
  for (let i = at; i < last; i++) if (!kind(text.charCodeAt(i))) return i;
  return last;
}
/** Letters, digits and the signs that charsets' and languages' names have. */
function isTokenChar(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x3a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x5f ||
    (code >= 0x2a && code <= 0x2e && code !== 0x2c)
  );
}
function isDataChar(code: number): boolean {
  return code > 0x20 && code !== QUESTION;
}
function isSpace(text: string): boolean {
  return endOf(text, 0, text.length, (c) => c === 0x20 || c === 9 || c === 13 || c === 10) === text.length;
}

function octetsOf({ encoding, data }: Word): Buffer {
  return encoding === 'b' ? Buffer.from(data, 'base64') : unescapeOctets(data.replaceAll('_', ' '), '=');
}

/** Encoded words (UTF-8, B), each at most 75 characters and made of whole characters, folded. */
export function encodeWords(text: string): string {
  const words: string[] = [];
  let word = '';
  let octets = 0;
  for (const char of text) {
    const length = Buffer.byteLength(char);
    if (octets + length > 45) {
      words.push(word);
      word = '';
      octets = 0;
    }
    word += char;
    octets += length;
  }
  words.push(word);
  return words.map((one) => `=?UTF-8?B?${Buffer.from(one).toString('base64')}?=`).join('\r\n ');
}

/**
 * The text as encoded words, also where it has some: these are decoded first. A word of a charset that is not known stays
 * beside the others.
 */
export function encodeAgain(text: string): string {
  const find = decoderFinder();
  return encodeBeside(
    text,
    ({ charset }) => find(charset) === null,
    (piece) => encodeWords(decodeWords(piece)),
  );
}
/**
 * `encode` makes words of the text, except for the encoded words that stay. §6.2: readers drop white space between two
 * encoded words. So white space between a word that stays and text becomes part of what is encoded.
 */
export function encodeBeside(
  text: string,
  stays: (word: Pick<Word, 'charset'>) => boolean,
  encode: (piece: string) => string,
): string {
  const out: string[] = [];
  let piece: string[] = [];
  /** The white space before the next word or text, and whether a word is before that. */
  let space = '';
  let afterWord = false;
  const flush = (behind: string) => {
    if (piece.length > 0) out.push(encode(piece.join('') + (afterWord ? '' : behind)));
    piece = [];
  };
  text.split(/([ \t]+)/).forEach((token, i) => {
    if (i % 2 === 1) space = token;
    else if (token !== '') {
      const word = wholeWord(token);
      if (word !== null && stays(word)) {
        flush(space);
        out.push(plainWord(token, word));
      } else piece.push(piece.length === 0 && out.length > 0 && word !== null ? '' : space, token);
      afterWord = word !== null;
      space = '';
    }
  });
  flush(space);
  return out.join(' ');
}
function wholeWord(token: string): Word | null {
  const word = token.startsWith('=?') ? readWord(token, 0) : null;
  return word?.end === token.length ? word : null;
}
/** As it is where it may stand in a phrase (§5), otherwise with its octets in base64. */
function plainWord(token: string, word: Word): string {
  if (word.encoding === 'b' ? /^[\w+/=]*$/.test(word.data) : /^[\w!*+/=-]*$/.test(word.data)) return token;
  const charset = token.slice(2, token.indexOf('?', 2));
  return `=?${charset}?B?${octetsOf(word).toString('base64')}?=`;
}
