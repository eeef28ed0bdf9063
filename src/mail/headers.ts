/**
 * Header fields of a message, by octet offsets, in one linear pass; never throws. Octets that are not UTF-8 read as
 * U+FFFD; the message itself is never changed by reading it.
 */
import { decodeWords } from './encoded-words.ts';

export interface HeaderField {
  readonly rawName: string;
  /** After the colon: the leading space and the folds (CRLF WSP) are kept, the final CRLF is not. */
  readonly rawValue: string;
  /** Octet offsets in the message; `end` is behind the field's final CRLF. */
  readonly start: number;
  readonly end: number;
}
const LF = 10;
const CR = 13;
/** Fields beyond this are left in one last, nameless remainder: nobody's mail has them. */
const MAX_FIELDS = 20_000;

/** `bodyStart` is the octet behind the empty line; the message's length where there is none. */
export function parseHeaders(message: Buffer): { fields: HeaderField[]; bodyStart: number } {
  const fields: HeaderField[] = [];
  let at = 0;
  while (at < message.length) {
    if (message[at] === CR && message[at + 1] === LF) return { fields, bodyStart: at + 2 };
    if (message[at] === LF) return { fields, bodyStart: at + 1 };
    const start = at;
    for (;;) {
      const lf = message.indexOf(LF, at);
      at = lf === -1 ? message.length : lf + 1;
      if (at >= message.length || (message[at] !== 32 && message[at] !== 9)) break;
    }
    let stop = at;
    if (message[stop - 1] === LF) stop--;
    if (message[stop - 1] === CR) stop--;
    const colon = message.indexOf(58, start);
    // RFC 5322 §3.6.8: a name is printable ASCII without colon. A line without one ends the header.
    if (colon === -1 || colon >= stop || colon === start) return { fields, bodyStart: start };
    if (fields.length >= MAX_FIELDS) continue;
    const rawName = message.toString('latin1', start, colon).trimEnd();
    if (rawName === '' || /[^\x21-\x7e]/.test(rawName)) return { fields, bodyStart: start };
    fields.push({ rawName, rawValue: message.toString('utf8', colon + 1, stop), start, end: at });
  }
  return { fields, bodyStart: message.length };
}

/** The first field of the name, in any case. */
export function findHeader(fields: readonly HeaderField[], name: string): HeaderField | undefined {
  const wanted = name.toLowerCase();
  return fields.find((field) => field.rawName.toLowerCase() === wanted);
}

/** The value without its folds (RFC 5322 §2.2.3), trimmed. */
export function unfold(value: string): string {
  return value.replace(/\r?\n(?=[ \t])/g, '').trim();
}

/** `name: value` CRLF-ended, folded at white space so that lines stay within 78 characters where they can. */
export function foldHeader(name: string, value: string): string {
  const lines: string[] = [];
  let line = `${name}:`;
  for (const word of value.split(/(?:\r\n)?[ \t]+/)) {
    // RFC 5322 §2.2.3: no line of white space alone
    if (word === '') continue;
    if (line.length + 1 + word.length > 78 && line !== `${name}:`) {
      lines.push(line);
      line = '';
    }
    line += ` ${word}`;
  }
  lines.push(line);
  return `${lines.join('\r\n')}\r\n`;
}

/** The value as people read it: unfolded, its encoded words decoded. */
export function decodeHeaderText(value: string): string {
  return decodeWords(unfold(value));
}
