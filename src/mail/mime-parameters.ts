/**
 * Values of Content-Type and Content-Disposition as they are found in the wild (RFC 2045 §5.1, RFC 2231, and what mailers
 * make of them): encoded words, raw UTF-8 or raw ISO-2022-JP in quotes, no quotes, no closing quote, no semicolon. Never
 * throws; linear, in at most two passes. Text that cannot be understood is left as it is.
 */
import { Buffer } from 'node:buffer';
import { decoderOf } from './charsets.ts';
import { decodeWords } from './encoded-words.ts';
import { unescapeOctets } from './octet-escapes.ts';

export interface MimeValue {
  /** `text/plain`, `attachment`: lower case, without comments; '' where there is none. */
  readonly value: string;
  /** Lower-case names to what their values mean; of a name that stands twice the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads the value of a field; folds may still be in it. */
export function readParameters(text: string): MimeValue {
  const scanner = createScanner(text);
  scanner.skip(false);
  const value = scanner.word(';=').toLowerCase();
  const given = new Given();
  while (!scanner.atEnd()) {
    scanner.skip(true);
    const name = scanner.word(';=').toLowerCase();
    scanner.skip(false);
    if (!scanner.take('=')) {
      // A word without a value; what is no word either is passed over.
      if (name === '') scanner.pass();
      continue;
    }
    scanner.skip(false);
    const written = scanner.value();
    given.add(name, written);
  }
  return { value, parameters: given.meanings() };
}

const isSpace = (char: string | undefined) => char === ' ' || char === '\t' || char === '\r' || char === '\n';
const ESC = '\x1b';

/** A position in the text that only ever goes forward. */
function createScanner(text: string) {
  let at = 0;
  /** A comment that does not end is none, and neither are those behind it. */
  let comments = true;

  /** Behind the comment that begins at `start`; `start` itself where none does. */
  function behindComment(start: number): number {
    if (!comments || text[start] !== '(') return start;
    let depth = 0;
    for (let i = start; i < text.length; i++) {
      if (text[i] === '\\') i++;
      else if (text[i] === '(') depth++;
      else if (text[i] === ')' && --depth === 0) return i + 1;
    }
    comments = false;
    return start;
  }

  return {
    atEnd: () => at >= text.length,
    pass() {
      at++;
    },
    take(char: string): boolean {
      if (text[at] !== char) return false;
      at++;
      return true;
    },
    /** Goes behind white space and comments, and semicolons where they are between parameters. */
    skip(semicolons: boolean) {
      for (let next = at; ; at = next) {
        const char = text[at];
        next = isSpace(char) || (semicolons && char === ';') ? at + 1 : behindComment(at);
        if (next === at) return;
      }
    },
    /** Up to white space, a comment or one of the characters. */
    word(ends: string): string {
      const start = at;
      while (at < text.length && !isSpace(text[at]) && !ends.includes(text[at]!) && behindComment(at) === at)
        at++;
      return text.slice(start, at);
    },
    /** The value of a parameter, quoted or not; then up to the next semicolon. */
    value(): string {
      return text[at] === '"' ? this.quoted() : this.bare();
    },
    quoted(): string {
      let value = '';
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === ESC) {
          const end = endOfJis(text, at);
          value += text.slice(at, end);
          at = end - 1;
        } else if (text[at] === '\\') value += text[++at] ?? '';
        else if (text[at] !== '\r' && text[at] !== '\n') value += text[at];
      }
      // Behind the closing quote nothing is meant to stand; what does is passed over.
      while (at < text.length && text[at] !== ';') at++;
      return value;
    },
    /** A comment at its end is none of it; one amid the words is a name's own bracket. */
    bare(): string {
      const start = at;
      let end = at;
      while (at < text.length && text[at] !== ';') {
        const behind = isSpace(text[at - 1]) ? behindComment(at) : at;
        if (behind > at) at = behind;
        else {
          at = text[at] === ESC ? endOfJis(text, at) : at + 1;
          if (!isSpace(text[at - 1])) end = at;
        }
      }
      return text.slice(start, end);
    },
  };
}

/** Behind a stretch of ISO-2022-JP (RFC 1468), whose octets may be quotes, backslashes and semicolons. */
function endOfJis(text: string, start: number): number {
  if (text[start + 1] !== '$') return start + 1;
  for (let at = start + 3; at < text.length; at += 2) if (text[at] === ESC) return at + 1;
  return text.length;
}

/** A piece of a value that RFC 2231 §3 and §4 let be written in pieces. */
interface Segment {
  readonly text: string;
  /** Percent-encoded. */
  readonly extended: boolean;
}

/** The parameters as they are written, until all have come. */
class Given {
  readonly #plain = new Map<string, string>();
  readonly #extended = new Map<string, Segment>();
  readonly #continued = new Map<string, Map<number, Segment>>();

  add(written: string, text: string): void {
    const [name = '', ...sections] = written.split('*', 4);
    const extended = sections.at(-1) === '';
    if (extended) sections.pop();
    const [section] = sections;
    if (name === '') return;
    if (section === undefined) {
      if (!extended) setOnce(this.#plain, name, text);
      else setOnce(this.#extended, name, { text, extended });
    } else if (/^\d{1,4}$/.test(section)) {
      const segments = this.#continued.get(name) ?? new Map<number, Segment>();
      setOnce(segments, Number(section), { text, extended });
      this.#continued.set(name, segments);
    } else setOnce(this.#plain, written, text);
  }

  /** RFC 6266 §4.3: the extended form goes before the plain one. */
  meanings(): Map<string, string> {
    const meanings = new Map<string, string>();
    for (const [name, segment] of this.#extended) setOnce(meanings, name, meaningOf([segment]));
    for (const [name, segments] of this.#continued) {
      const inOrder = [...segments].sort(([a], [b]) => a - b).map(([, segment]) => segment);
      setOnce(meanings, name, meaningOf(inOrder));
    }
    for (const [name, text] of this.#plain) setOnce(meanings, name, meaningOf([{ text, extended: false }]));
    return meanings;
  }
}
function setOnce<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (!map.has(key)) map.set(key, value);
}

function meaningOf(segments: readonly Segment[]): string {
  if (!segments.some(({ extended }) => extended))
    return plainMeaning(segments.map(({ text }) => text).join(''));
  const first = segments[0]!;
  // RFC 2231 §4: charset'language'text; mailers leave the front away.
  const [charset, front] = first.extended ? charsetOf(first.text) : ['utf-8', 0];
  const decoder = decoderOf(charset);
  const texts = segments.map(({ text }, i) => (i === 0 ? text.slice(front) : text));
  if (decoder === null) return texts.join('');
  let meaning = '';
  let octets: Buffer[] = [];
  for (const [i, { extended }] of segments.entries()) {
    if (extended) octets.push(unescapeOctets(texts[i]!, '%'));
    else {
      meaning += decoder.decode(Buffer.concat(octets)) + texts[i];
      octets = [];
    }
  }
  return meaning + decoder.decode(Buffer.concat(octets));
}

/** RFC 2047 §5 forbids encoded words here, and most mailers write them. */
function plainMeaning(text: string): string {
  if (!text.includes(ESC)) return decodeWords(text);
  return decoderOf('iso-2022-jp')!.decode(Buffer.from(text, 'latin1'));
}

/** The charset in front of the text, and where the text begins. */
function charsetOf(text: string): [charset: string, front: number] {
  const first = text.indexOf("'");
  const second = first === -1 ? -1 : text.indexOf("'", first + 1);
  return second === -1 ? ['utf-8', 0] : [text.slice(0, first) || 'utf-8', second + 1];
}
