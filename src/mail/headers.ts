/**
 * The one reader of header sections (RFC 5322 §2.2): where the header ends and what its fields are. Everything that judges,
 * cuts, signs, verifies or shows a header reads this result, so that no two of them can see different fields.
 *
 * Invariants: never throws; linear in the header; the body is not looked at. The header ends at the first empty line and
 * nowhere else. A line that is no field belongs to no field, and those behind it are fields like any other. What is only
 * old (RFC 5322 §4) is read: white space before the colon, folds of white space alone. Values are UTF-8, or else have
 * U+FFFD; control characters beside HTAB are defects, but for the escape sequences of ISO-2022-JP.
 */
import { decodeWords } from './encoded-words.ts';

export interface HeaderField {
  /** As written, without the white space before the colon. */
  readonly rawName: string;
  /** The name in lower case: what is compared. */
  readonly name: string;
  /** After the colon: the leading space and the folds (CRLF WSP) are kept, the final CRLF is not. */
  readonly rawValue: string;
  /** Octet offsets in the message; `end` is behind the field's final CRLF. */
  readonly start: number;
  readonly end: number;
}
export interface HeaderDefect {
  readonly kind:
    | 'not-a-field'
    | 'control-character'
    | 'nul'
    | 'too-many-fields'
    | 'too-large'
    | 'mbox-line'
    | 'no-end'
    | 'duplicate';
  /** Counted from 1. */
  readonly line: number;
  /** As written, where it is a field's. */
  readonly field?: string;
}
export interface HeaderSection {
  /** At most 1,000, of the first 256 KiB. */
  readonly fields: readonly HeaderField[];
  /** Where the empty line begins; the message's length without one. */
  readonly headerEnd: number;
  readonly bodyStart: number;
  readonly defects: readonly HeaderDefect[];
}
/** The lines from one that begins a field, or should, to the next such line. */
export interface HeaderLines {
  readonly start: number;
  readonly end: number;
  /** Number of its first line, from 1. */
  readonly line: number;
}

export const MAX_FIELDS = 1000;
export const MAX_HEADER = 256 * 1024;
const CR = 13;
const LF = 10;
const SP = 32;
const TAB = 9;
/** RFC 5322 §3.6: once in a message; and those of MIME, of which readers take the first or the last. */
const SINGLE: ReadonlySet<string> = new Set([
  'date',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'message-id',
  'in-reply-to',
  'references',
  'subject',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
]);

/** Reads at most 256 KiB and 1,000 fields (a line that is none counts as one), and says so where there is more. */
export function readHeaderSection(
  message: Buffer,
  limits: { readonly fields: number; readonly octets: number } = { fields: MAX_FIELDS, octets: MAX_HEADER },
): HeaderSection {
  const { headerEnd, bodyStart } = headerBounds(message);
  const fields: HeaderField[] = [];
  const defects: HeaderDefect[] = [];
  const seen = new Set<string>();
  let count = 0;
  for (const { start, end, line } of headerLines(message, Math.min(headerEnd, limits.octets + 1))) {
    if (end > limits.octets) {
      defects.push({ kind: 'too-large', line });
      break;
    }
    if (count === limits.fields) {
      defects.push({ kind: 'too-many-fields', line });
      break;
    }
    const text = message.toString('latin1', start, end);
    const control = controlDefect(text);
    const mbox = line === 1 && isMboxLine(text);
    const field = mbox ? null : readField(message, text, start);
    if (control !== null) defects.push({ kind: control, line, ...(field && { field: field.rawName }) });
    if (mbox) defects.push({ kind: 'mbox-line', line });
    // An mbox line has no folds: what looks like one belongs to nothing.
    if (mbox ? !isOneLine(text) : field === null)
      defects.push({ kind: 'not-a-field', line: mbox ? line + 1 : line });
    if (!mbox) count += 1;
    if (field === null) continue;
    if (SINGLE.has(field.name) && seen.has(field.name))
      defects.push({ kind: 'duplicate', line, field: field.rawName });
    seen.add(field.name);
    fields.push(field);
  }
  if (headerEnd === bodyStart) defects.push({ kind: 'no-end', line: 1 });
  return { fields, headerEnd, bodyStart, defects };
}

/** Where the empty line begins and ends: both are the message's length where there is none. */
export function headerBounds(message: Buffer): { readonly headerEnd: number; readonly bodyStart: number } {
  if (message[0] === CR && message[1] === LF) return { headerEnd: 0, bodyStart: 2 };
  const at = findEmptyLine(message);
  return at === -1
    ? { headerEnd: message.length, bodyStart: message.length }
    : { headerEnd: at + 2, bodyStart: at + 4 };
}

/** Where CRLFCRLF begins. Two octets of it lie on even places, and are alike: a third of a search's time on megabytes. */
function findEmptyLine(message: Buffer): number {
  let before = -1;
  for (let at = 0; at < message.length; at += 2) {
    const octet = message[at]!;
    if (octet === before && (octet === CR || octet === LF)) {
      const start = octet === CR ? at - 2 : at - 3;
      if (isCrlf(message, start) && isCrlf(message, start + 2)) return start;
    }
    before = octet;
  }
  // The last octet lies on an odd place.
  const last = message.length - 4;
  return last >= 0 && isCrlf(message, last) && isCrlf(message, last + 2) ? last : -1;
}
function isCrlf(message: Buffer, at: number): boolean {
  return message[at] === CR && message[at + 1] === LF;
}

/** Every field, or what stands in the place of one, with its folds: the section's only splitter, without its limits. */
export function* headerLines(message: Buffer, headerEnd: number): Generator<HeaderLines> {
  let line = 1;
  for (let start = 0; start < headerEnd; ) {
    const first = line;
    let end = start;
    do {
      end = lineEnd(message, end, headerEnd);
      line += 1;
    } while (end < headerEnd && (message[end] === SP || message[end] === TAB));
    yield { start, end, line: first };
    start = end;
  }
}

/** Behind the CRLF of the line at `start`. */
function lineEnd(message: Buffer, start: number, headerEnd: number): number {
  for (let at = start; ; ) {
    const lf = message.indexOf(LF, at);
    if (lf === -1 || lf >= headerEnd) return headerEnd;
    if (lf > start && message[lf - 1] === CR) return lf + 1;
    at = lf + 1;
  }
}

/** `text` is the field with its folds, one character per octet; null where it is none. */
function readField(message: Buffer, text: string, start: number): HeaderField | null {
  const colon = text.indexOf(':');
  let nameEnd = colon;
  while (nameEnd > 0 && (text[nameEnd - 1] === ' ' || text[nameEnd - 1] === '\t')) nameEnd -= 1;
  const rawName = text.slice(0, Math.max(nameEnd, 0));
  // RFC 5322 §3.6.8: a name is printable ASCII without colon.
  if (!/^[\x21-\x7e]+$/.test(rawName)) return null;
  const end = start + text.length;
  const valueEnd = text.endsWith('\r\n') ? end - 2 : end;
  return {
    rawName,
    name: rawName.toLowerCase(),
    rawValue: message.toString('utf8', start + colon + 1, valueEnd),
    start,
    end,
  };
}

/** `From ` or `>From ` as mailboxes in files have it; not the field with white space before its colon. */
function isMboxLine(text: string): boolean {
  return /^>?From /.test(text) && !/^>?From[ \t]+:/.test(text);
}
function isOneLine(text: string): boolean {
  const end = text.indexOf('\r\n');
  return end === -1 || end + 2 === text.length;
}

const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
/** RFC 1468, and the sets that mailers of its time used with it. */
const ESCAPES = /\x1b(?:\$[@B]|\$\([DOPQ]|\([BIJ])/g;

function controlDefect(text: string): 'nul' | 'control-character' | null {
  if (!CONTROL.test(text)) return null;
  if (text.includes('\0')) return 'nul';
  // Not by nothing: what stands on both sides of an escape must not become a line end.
  return text.includes('\x1b') && !CONTROL.test(text.replace(ESCAPES, '.')) ? null : 'control-character';
}

/** The first field of the name, in any case. */
export function findHeader(fields: readonly HeaderField[], name: string): HeaderField | undefined {
  const wanted = name.toLowerCase();
  return fields.find((field) => field.name === wanted);
}

/** The value without its folds (RFC 5322 §2.2.3), trimmed. */
export function unfold(value: string): string {
  return trimSpace(value.replace(/\r?\n(?=[ \t])/g, ''));
}
/** Without SP, HTAB, CR and LF around it, and nothing else: to readers, U+00A0, U+2028 or U+FEFF is part of a value. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text, start)) start += 1;
  while (end > start && isSpace(text, end - 1)) end -= 1;
  return text.slice(start, end);
}
function isSpace(text: string, at: number): boolean {
  return ' \t\r\n'.includes(text[at]!);
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
