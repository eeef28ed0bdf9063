/**
 * A message as a server without 8BITMIME and SMTPUTF8 takes it (RFC 6152 §3): text, attachments and headers beyond ASCII
 * are encoded, part by part; everything else keeps its octets. Pure: octets in, octets or a reason out. The work is
 * bounded by the walk over the parts (structure.ts), once for each level of messages within messages.
 *
 * Invariants: what is 7-bit stays as it is. The result is 7-bit, in lines of at most 998 octets (without `bodies`: its
 * headers are), and its parts decode to the same octets. What is signed or encrypted is never changed. A message whose
 * structure readers could see differently is not changed at all.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import {
  allReadersAgree,
  boundariesAround,
  hasOddBoundary,
  isUnclear,
  MOST_DEPTH,
} from './agreed-structure.ts';
import { findHeader, type HeaderField, type HeaderSection, readHeaderSection } from './headers.ts';
import { namesOtherThanUtf8 } from './inner-charset.ts';
import { readParameters } from './mime-parameters.ts';
import { Obstacle, sevenBitField, withCharset } from './seven-bit-field.ts';
import { signersOf } from './signers.ts';
import {
  type BoundaryLine,
  type Container,
  type EntityHeader,
  type Leaf,
  MOST_WORK,
  readStructure,
} from './structure.ts';
import { base64Lines, type Encoded, encodeOctets, hasLongLine, isSevenBit } from './transfer-encode.ts';

export interface SevenBitOptions {
  /** false: the server offers 8BITMIME, only headers are converted. */
  readonly bodies: boolean;
  /** The domain that will sign the result: its own older signatures may break. null: it will not be signed. */
  readonly signedAs: string | null;
  /** The message is a report of our own: a copy that it returns and that cannot be converted is cut to its header. */
  readonly ownReport?: boolean;
}
export type SevenBit =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'converted'; readonly message: Buffer }
  /** Why not, for people; `status` by RFC 3463. */
  | { readonly kind: 'refused'; readonly status: '5.6.3' | '5.6.7'; readonly cause: string };

/** RFC 2045 §6.2; '' is 7bit by §6.1. Mail has 8-bit octets under each of them. */
const IDENTITY = new Set(['', '7bit', '8bit', 'binary']);
const QUESTION = 63;

export function toSevenBit(message: Buffer, options: SevenBitOptions): SevenBit {
  try {
    const converted = convert(message, { ...options, depth: 0, returned: false, outer: [] });
    return converted === null ? { kind: 'unchanged' } : { kind: 'converted', message: converted };
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error;
    return { kind: 'refused', status: error.status, cause: error.message };
  }
}

interface Context extends SevenBitOptions {
  readonly depth: number;
  /** A copy that a report returns: nobody verifies its signatures. */
  readonly returned: boolean;
  /** The boundaries around it. */
  readonly outer: readonly string[];
}
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly put: Buffer;
}

/** null: nothing is to be changed. */
function convert(message: Buffer, context: Context): Buffer | null {
  const { bodies } = context;
  if (isClean(message, context)) return null;
  if (context.depth > MOST_DEPTH) throw new Obstacle('messages within messages are nested too deep');
  const section = readHeaderSection(message);
  const lines = new Map<number, BoundaryLine>();
  const leaves = readStructure(
    message,
    section,
    MOST_WORK,
    (defect) => {
      if (defect === 'too-complex' || defect === 'too-many-parts')
        throw new Obstacle('the message has too many parts');
    },
    (line) => lines.set(line.start, line),
  );
  const edits: Edit[] = [];
  const seen = new Set<Container>();
  let end = 0;
  let guard: string | null = null;
  const gapUntil = (start: number, next: string | null) => {
    if (bodies) edits.push(...gapEdits(message, end, start, guard ?? next));
  };
  for (const leaf of leaves) {
    for (const container of newContainers(leaf, seen)) {
      guard ??= guardOf(container.parent);
      gapUntil(container.header.start, null);
      edits.push(...containerEdits(message, container, context));
      end = container.header.start + container.header.section.bodyStart;
      guard = guardOf(container.parent);
    }
    gapUntil(leaf.header.start, guardOf(leaf.container));
    edits.push(...leafEdits(message, leaf, context));
    end = leaf.at[1];
    guard = guardOf(leaf.container);
  }
  gapUntil(message.length, null);
  if (edits.length === 0) return null;
  const within = edits.some(({ start }) => start >= section.bodyStart);
  if (within && !allReadersAgree(message, section.bodyStart, { leaves, lines, outer: context.outer }))
    throw new Obstacle('readers could see its parts differently');
  refuseSigned(section, context);
  const converted = applied(message, bodies ? withVersion(section, edits) : edits);
  if (bodies && !isSevenBit(converted)) throw new Obstacle('its structure cannot be read');
  return converted;
}

/** The server takes it as it is. */
function isClean(octets: Buffer, { bodies }: Context): boolean {
  return bodies ? isSevenBit(octets) : isAscii(octets);
}

/** The multiparts that begin between the part before and this one, the outermost first. */
function newContainers({ container }: Leaf, seen: Set<Container>): Container[] {
  const found: Container[] = [];
  for (let one = container; one !== null && !seen.has(one); one = one.parent) {
    found.unshift(one);
    seen.add(one);
  }
  return found;
}
/** The multipart that signs or encrypts its parts (RFC 1847), around or at the container. */
function guardOf(container: Container | null): string | null {
  for (let one = container; one !== null; one = one.parent)
    if (one.kind === 'signed' || one.kind === 'encrypted') return `multipart/${one.kind}`;
  return null;
}
function guarded(guard: string): Obstacle {
  return new Obstacle(`octets beyond ASCII or long lines are within ${guard}, which must not be changed`);
}

/** RFC 6376 §5.3: a signature does not survive a change of the encoding. Ours is made afterwards. */
function refuseSigned({ fields }: HeaderSection, { depth, returned, signedAs }: Context): void {
  if (returned) return;
  const [other] = signersOf(fields).filter((domain) => depth > 0 || domain !== signedAs);
  if (other !== undefined) throw new Obstacle(`the signature of ${other} in it would not verify any more`);
}

/** Lines of boundaries, and what stands before the first and behind the last part, which no reader of MIME shows. */
function gapEdits(message: Buffer, start: number, end: number, guard: string | null): Edit[] {
  const gap = message.subarray(start, end);
  if (isSevenBit(gap)) return [];
  if (guard !== null) throw guarded(guard);
  if (hasLongLine(gap) || gap.includes(0) || hasOddBoundary(gap))
    throw new Obstacle('the lines between its parts cannot be read');
  return [{ start, end, put: Buffer.from(gap.map((octet) => (octet > 127 ? QUESTION : octet))) }];
}

function containerEdits(message: Buffer, { header, parent }: Container, context: Context): Edit[] {
  const octets = headerOctets(message, header);
  const guard = guardOf(parent);
  if (guard !== null) {
    if (!isClean(octets, context)) throw guarded(guard);
    return [];
  }
  const edits = fieldEdits(message, header, context);
  if ((context.bodies || edits.length > 0) && isUnclear(header)) throw unclear();
  if (!context.bodies) return edits;
  const encoding = encodingOf(header);
  // RFC 2045 §6.4
  if (!IDENTITY.has(encoding)) throw new Obstacle(`a multipart says that it is encoded (${encoding})`);
  if (encoding === '8bit' || encoding === 'binary') edits.push(encodingEdit(header, '7bit'));
  return edits;
}

function leafEdits(message: Buffer, leaf: Leaf, context: Context): Edit[] {
  const { header, type, at } = leaf;
  const body = message.subarray(...at);
  const isNested = type === 'message/rfc822' && IDENTITY.has(encodingOf(header));
  const staysAsItIs = context.bodies ? isSevenBit(body) : !isNested || isAscii(body);
  if (staysAsItIs && isClean(headerOctets(message, header), context)) return [];
  const guard = guardOf(leaf.container);
  if (guard !== null) throw guarded(guard);
  if (isUnclear(header)) throw unclear();
  if (staysAsItIs) return fieldEdits(message, header, context);
  if (isNested) {
    const inReport = leaf.container?.kind === 'report';
    const within = {
      ...context,
      depth: context.depth + 1,
      returned: context.returned || inReport,
      outer: [...context.outer, ...boundariesAround(leaf.container)],
    };
    const cut = inReport && context.ownReport === true;
    const nested = cut ? convertOrNone(body, within) : convert(body, within);
    if (nested === 'none') return cutToHeader(message, leaf, body, context);
    const edits = fieldEdits(message, header, context);
    if (nested !== null) edits.push({ start: at[0], end: at[1], put: nested });
    if (context.bodies && findHeader(header.section.fields, ENCODING) !== undefined)
      edits.push(encodingEdit(header, '7bit'));
    return edits;
  }
  const { encoding, octets } = encoded(leaf, body);
  // The line end before a boundary is not the part's.
  const put = encoding === 'base64' && at[1] < message.length ? octets.subarray(0, -2) : octets;
  return [...bodyFields(message, leaf, body, encoding, context), { start: at[0], end: at[1], put }];
}

function convertOrNone(body: Buffer, context: Context): Buffer | null | 'none' {
  try {
    return convert(body, context);
  } catch (error) {
    if (error instanceof Obstacle) return 'none';
    throw error;
  }
}
/**
 * RFC 6522 §4: a report may return the header alone. The report itself matters: without it the sender does not learn
 * what became of the mail.
 */
function cutToHeader(message: Buffer, leaf: Leaf, body: Buffer, context: Context): Edit[] {
  const { header, at } = leaf;
  const fields = body.subarray(0, readHeaderSection(body).headerEnd);
  const put = hasLongLine(fields)
    ? Buffer.alloc(0)
    : Buffer.from(fields.map((octet) => (octet > 127 || octet === 0 ? QUESTION : octet)));
  const type = findHeader(header.section.fields, 'content-type')!;
  const edits = fieldEdits(message, header, context).filter(
    ({ start }) => start !== header.start + type.start,
  );
  edits.push({ ...placeOf(header, type), put: Buffer.from('Content-Type: text/rfc822-headers\r\n') });
  if (findHeader(header.section.fields, ENCODING) !== undefined) edits.push(encodingEdit(header, '7bit'));
  return [...edits, { start: at[0], end: at[1], put }];
}

function encoded({ type, header }: Leaf, body: Buffer): Encoded {
  const encoding = encodingOf(header);
  // Base64 in one long line. Readers differ on what is not canonical.
  const text = encoding === 'base64' ? body.toString('latin1').replace(/[ \t\r\n]+/g, '') : '';
  const octets = Buffer.from(text, 'base64');
  if (text !== '' && octets.toString('base64') === text)
    return { encoding: 'base64', octets: base64Lines(octets) };
  if (!IDENTITY.has(encoding))
    throw new Obstacle(`a part says that it is ${encoding} and has octets beyond ASCII or long lines`);
  if (/^application\/(x-)?pkcs7-/.test(type))
    throw new Obstacle(`octets beyond ASCII are in ${type} (S/MIME), which must not be changed`);
  // RFC 2046 §5.2: of messages, only those of RFC 6532 and 6533 may be encoded.
  if (type.startsWith('multipart/') || (type.startsWith('message/') && !type.startsWith('message/global')))
    throw new Obstacle(`octets beyond ASCII or long lines are in ${type}, which cannot be encoded`);
  return encodeOctets(body, type.startsWith('text/'));
}

/** The fields of a part whose body is encoded now: it says how, and text says in what charset. */
function bodyFields(message: Buffer, leaf: Leaf, body: Buffer, encoding: string, context: Context): Edit[] {
  const { header } = leaf;
  const contentType = findHeader(header.section.fields, 'content-type');
  const charset = isUtf8(body) ? 'utf-8' : 'unknown-8bit'; // RFC 1428 §3
  const unnamed = leaf.type.startsWith('text/') && !leaf.parameters.has('charset') && !isAscii(body);
  const edits = fieldEdits(message, header, context);
  const end = header.start + header.section.headerEnd;
  const added: string[] = [];
  if (unnamed && contentType === undefined) added.push(`Content-Type: text/plain; charset=${charset}\r\n`);
  if (findHeader(header.section.fields, ENCODING) === undefined) added.push(fieldOf(encoding));
  else edits.push(encodingEdit(header, encoding));
  if (added.length > 0) edits.push({ start: end, end, put: Buffer.from(added.join('')) });
  // HTML of no known charset may name its own: nothing is said before it.
  if (contentType === undefined || charset !== 'utf-8' || !(unnamed || isMislabelled(leaf, body)))
    return edits;
  if (namesOtherThanUtf8(leaf.type, body)) return edits;
  const place = placeOf(header, contentType);
  const put = withCharset(contentType, octetsOf(message, header, contentType), charset);
  return [...edits.filter(({ start }) => start !== place.start), { ...place, put }];
}

/** Text that says it is ASCII and is not. */
function isMislabelled({ type, parameters }: Leaf, body: Buffer): boolean {
  return (
    type.startsWith('text/') && /^(?:us-)?ascii$/i.test(parameters.get('charset') ?? '') && !isAscii(body)
  );
}

const ENCODING = 'content-transfer-encoding';
const fieldOf = (encoding: string) => `Content-Transfer-Encoding: ${encoding}\r\n`;
function encodingOf({ section }: EntityHeader): string {
  return readParameters(findHeader(section.fields, ENCODING)?.rawValue ?? '').value;
}
function encodingEdit(header: EntityHeader, encoding: string): Edit {
  return {
    ...placeOf(header, findHeader(header.section.fields, ENCODING)!),
    put: Buffer.from(fieldOf(encoding)),
  };
}

/** The fields that are not taken as they are; the encoding's own is written by those who change the body. */
function fieldEdits(message: Buffer, header: EntityHeader, context: Context): Edit[] {
  return header.section.fields.flatMap((field) => {
    if (context.bodies && field.name === ENCODING) return [];
    const octets = octetsOf(message, header, field);
    const put = isClean(octets, context) ? null : sevenBitField(field, octets);
    return put === null ? [] : [{ ...placeOf(header, field), put }];
  });
}
function placeOf(header: EntityHeader, { start, end }: HeaderField): { start: number; end: number } {
  return { start: header.start + start, end: header.start + end };
}
function octetsOf(message: Buffer, header: EntityHeader, field: HeaderField): Buffer {
  const { start, end } = placeOf(header, field);
  return message.subarray(start, end);
}
function headerOctets(message: Buffer, { start, section }: EntityHeader): Buffer {
  return message.subarray(start, start + section.bodyStart);
}

function unclear(): Obstacle {
  return new Obstacle('a header in it cannot be read exactly');
}

/** RFC 2045 §4: encodings mean something in a message that says it is MIME. */
function withVersion(
  { fields, headerEnd, bodyStart }: HeaderSection,
  edits: readonly Edit[],
): readonly Edit[] {
  if (findHeader(fields, 'mime-version') !== undefined || bodyStart === headerEnd) return edits;
  return [{ start: headerEnd, end: headerEnd, put: Buffer.from('MIME-Version: 1.0\r\n') }, ...edits];
}
function applied(message: Buffer, edits: readonly Edit[]): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { start, end, put } of [...edits].sort((a, b) => a.start - b.start)) {
    pieces.push(message.subarray(at, start), put);
    at = end;
  }
  return Buffer.concat([...pieces, message.subarray(at)]);
}
