/**
 * Whether every reader sees the same parts of a message (RFC 2046 §5.1): one that is strict, one that passes over any white
 * space behind a boundary or anything at all, one that ends lines at a bare CR or LF, one that decodes encoded words in a
 * boundary, one that cannot read a sloppy Content-Type. Where two of them could differ, nobody can change a part without
 * changing another one's meaning to somebody. Pure; each octet is looked at once.
 */
import { isAscii } from 'node:buffer';
import { findHeader, readHeaderSection, trimSpace } from './headers.ts';
import {
  type BoundaryLine,
  type Container,
  type EntityHeader,
  type Leaf,
  MOST_WORK,
  readStructure,
} from './structure.ts';

/** Messages within messages. */
export const MOST_DEPTH = 8;

const [LF, CR, SP, TAB, DASH] = [10, 13, 32, 9, 45];
const DASHES = [Buffer.from('\n--'), Buffer.from('\r--')];

/** What the walk over the parts has found. */
export interface FoundStructure {
  readonly leaves: readonly Leaf[];
  /** Where each of its boundaries begins. */
  readonly lines: ReadonlyMap<number, BoundaryLine>;
  /** Of the multiparts around this message. */
  readonly outer: readonly string[];
}

/** `bodyStart`: of the message. */
export function allReadersAgree(message: Buffer, bodyStart: number, found: FoundStructure): boolean {
  const { leaves, lines, outer } = found;
  // A multipart whose boundary never came.
  if (leaves.some(({ type, header }) => type.startsWith('multipart/') || isUnclear(header))) return false;
  const containers = containersOf(leaves);
  for (const { header, boundary, parent } of containers) {
    if (isUnclear(header) || writtenBoundary(header) !== boundary || outer.includes(boundary)) return false;
    if (boundariesAround(parent).includes(boundary)) return false;
  }
  const boundaries = prefixFree([...outer, ...[...containers].map(({ boundary }) => boundary)]);
  if (boundaries === null || !linesAgree(message, bodyStart, boundaries, lines)) return false;
  // Messages within messages, from the outermost on.
  return outer.length > 0 || leaves.every((leaf) => nestedAgrees(message, leaf, [], MOST_DEPTH));
}
function containersOf(leaves: readonly Leaf[]): ReadonlySet<Container> {
  const containers = new Set<Container>();
  for (const { container } of leaves)
    for (let one = container; one !== null && !containers.has(one); one = one.parent) containers.add(one);
  return containers;
}
export function boundariesAround(container: Container | null): string[] {
  const found: string[] = [];
  for (let one = container; one !== null; one = one.parent) found.push(one.boundary);
  return found;
}

/** No boundary in a message within begins one around it, or the other way round. */
function nestedAgrees(message: Buffer, leaf: Leaf, around: readonly string[], depth: number): boolean {
  if (!leaf.type.startsWith('message/')) return true;
  if (depth === 0) return false;
  const inner = message.subarray(...leaf.at);
  const outer = [...around, ...boundariesAround(leaf.container)];
  const leaves = readStructure(inner, readHeaderSection(inner), MOST_WORK, () => {});
  const own = [...containersOf(leaves)].map(({ boundary }) => boundary);
  for (const { type, parameters } of leaves)
    if (type.startsWith('multipart/')) own.push(parameters.get('boundary') ?? '');
  const used = own.filter((one) => one !== '');
  if (used.some((one) => outer.some((other) => one.startsWith(other) || other.startsWith(one)))) return false;
  return leaves.every((one) => nestedAgrees(inner, one, outer, depth - 1));
}

/** Each line that begins as a boundary does is one, to the strictest reader as well, and our walk took it for one. */
function linesAgree(
  message: Buffer,
  bodyStart: number,
  boundaries: readonly string[],
  lines: FoundStructure['lines'],
): boolean {
  if (boundaries.length === 0) return true;
  const longest = Math.max(...boundaries.map(({ length }) => length));
  for (const start of dashes(message, bodyStart)) {
    const boundary = beginningOf(message.toString('latin1', start + 2, start + 2 + longest), boundaries);
    if (boundary === null) continue;
    const end = start + 2 + boundary.length;
    const line = lines.get(start);
    if (line === undefined || message[start - 2] !== CR || message[start - 1] !== LF) return false;
    const behind = lineEnd(message, message[end] === DASH && message[end + 1] === DASH ? end + 2 : end);
    // Python passes over boundaries right behind one that begins a part.
    if (behind === null || (!line.closes && lines.has(behind))) return false;
  }
  return true;
}
/** Where lines begin with two dashes, at any kind of line end. */
function* dashes(message: Buffer, from: number): Generator<number> {
  for (const dashes of DASHES)
    for (let at = message.indexOf(dashes, from - 1); at !== -1; at = message.indexOf(dashes, at + 1))
      yield at + 1;
}
/** Behind the CRLF, if nothing but transport padding stands before it. */
function lineEnd(message: Buffer, from: number): number | null {
  let at = from;
  while (message[at] === SP || message[at] === TAB) at += 1;
  if (at === message.length) return at;
  return message[at] === CR && message[at + 1] === LF ? at + 2 : null;
}

/** null: one begins another one, so that readers of beginnings take the one for the other. Otherwise sorted. */
function prefixFree(boundaries: Iterable<string>): readonly string[] | null {
  const sorted = [...new Set(boundaries)].sort();
  return sorted.some((one, i) => sorted[i + 1]?.startsWith(one)) ? null : sorted;
}
/** The one that the text begins with: of those before it, the last, as none begins another one. */
function beginningOf(text: string, boundaries: readonly string[]): string | null {
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boundaries[middle]! <= text) low = middle + 1;
    else high = middle;
  }
  const one = boundaries[low - 1];
  return one !== undefined && text.startsWith(one) ? one : null;
}

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`{|}~-]+";
const TYPE = new RegExp(`[ \\t\\r\\n]*${TOKEN}/${TOKEN}`, 'y');
const PARAMETER = new RegExp(
  `[ \\t\\r\\n]*;[ \\t\\r\\n]*(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\[^])*)")`,
  'y',
);
/** RFC 2046 §5.1.1, and what mailers write beside; no white space at its ends. */
const BOUNDARY = /^[!-~](?:[ -~]{0,68}[!-~])?$/;

/** The boundary if the field follows RFC 2045 §5.1 to the letter; otherwise readers may find others. */
function writtenBoundary({ section }: EntityHeader): string | null {
  const text = findHeader(section.fields, 'content-type')?.rawValue ?? '';
  TYPE.lastIndex = 0;
  if (!TYPE.test(text)) return null;
  const given = new Map<string, string>();
  let at = TYPE.lastIndex;
  for (;;) {
    PARAMETER.lastIndex = at;
    const read = PARAMETER.exec(text);
    if (read === null) break;
    const [, written = '', token, quoted = ''] = read;
    const name = written.toLowerCase();
    if (given.has(name) || name.startsWith('boundary*')) return null;
    given.set(name, token ?? quoted);
    at = PARAMETER.lastIndex;
  }
  const behind = trimSpace(text.slice(at));
  if (behind !== '' && behind !== ';') return null;
  const boundary = given.get('boundary') ?? '';
  const encoded = boundary.includes('=?') && boundary.includes('?=');
  return BOUNDARY.test(boundary) && !boundary.includes('\\') && !encoded ? boundary : null;
}

/** Readers could see another header. */
export function isUnclear({ section, typeBroken }: EntityHeader): boolean {
  return (
    typeBroken ||
    section.defects.some(
      ({ kind, field }) =>
        kind !== 'no-end' && !(kind === 'duplicate' && !/^(content-|mime-version$)/i.test(field ?? '')),
    )
  );
}

/** A line beyond ASCII that may become a boundary if it is changed; a bare CR is no line end to all readers. */
export function hasOddBoundary(gap: Buffer): boolean {
  return gap
    .toString('latin1')
    .split('\n')
    .some((line) => line.includes('--') && !isAscii(Buffer.from(line, 'latin1')));
}
