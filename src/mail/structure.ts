/**
 * The parts of a message (RFC 2046 §5.1) as octet offsets, in one pass. Only lines that begin with `--` are
 * looked at. Each is looked up once among the open boundaries, however many there are. `message/rfc822` is a
 * part like any other; its content is not parsed. Linear; never throws.
 * The cost is limited by counted work, never by time, so a message has the same reading on an idle and on a
 * busy machine. Each octet counts two (it is looked at once here, and once to be decoded); lines and parts
 * cost extra. Over the limit, the reading has only the parts found so far, and the defect `too-complex` says
 * so. The other limits work in the same way.
 */
import {
  findHeader,
  type HeaderField,
  type HeaderSection,
  headerBounds,
  readHeaderSection,
} from './headers.ts';
import { type MimeValue, readParameters } from './mime-parameters.ts';

/** Octet offsets: the first, and the one after the last. */
export type Span = readonly [start: number, end: number];
export const MOST_PARTS = 1000;
/** The most levels of nested multiparts. */
export const MOST_LEVELS = 50;

/** The header of the message or of a part. */
export interface EntityHeader {
  /** Where it begins in the message; the offsets of the section count from here. */
  readonly start: number;
  readonly section: HeaderSection;
  /** The Content-Type cannot be read; the type is a guess. */
  readonly typeBroken: boolean;
}
/** A multipart: while it is open, and as the container of its parts. */
export interface Container {
  /** alternative, related, mixed, … */
  readonly kind: string;
  readonly header: EntityHeader;
  readonly boundary: string;
  readonly parent: Container | null;
  /** Its index in its parent. */
  readonly index: number;
}
export interface Leaf {
  /** type/subtype, lower case. */
  readonly type: string;
  readonly parameters: MimeValue['parameters'];
  readonly header: EntityHeader;
  readonly fields: readonly HeaderField[];
  readonly container: Container | null;
  /** Its index in its container. */
  readonly index: number;
  readonly at: Span;
}
/** A line that the walk took for a boundary. */
export interface BoundaryLine {
  readonly start: number;
  readonly closes: boolean;
}
interface Open {
  readonly container: Container;
  /** The same boundary of an outer multipart; it applies again after this one ends. */
  readonly hidden: Open | undefined;
  readonly leaf: Omit<Leaf, 'at'>;
  readonly start: number;
  count: number;
}
/** A line that begins with `--`: where it begins, and where its LF is. */
interface Line {
  readonly start: number;
  readonly end: number;
}
/** RFC 2046 §5.1.1 has 70 characters; some mailers write more. */
const MOST_BOUNDARY = 200;
const [LF, CR] = [10, 13];
const DASHES = Buffer.from('\n--');

/** The cost of a line that may be a boundary, in addition to its octets. */
const LINE_WORK = 128;
/** The cost of a part, in addition to its octets. */
const PART_WORK = 4096;
/** The largest possible mail, 10 MiB in a thousand parts, uses a third of it. */
export const MOST_WORK = 64 * 1024 * 1024;

export function readStructure(
  raw: Buffer,
  section: HeaderSection,
  mostWork: number,
  defect: (name: string) => void,
  met: (line: BoundaryLine) => void = () => {},
): readonly Leaf[] {
  const leaves: Leaf[] = [];
  const work = { left: mostWork };
  const open: Open[] = [];
  const boundaries = new Map<string, Open>();
  const current = { leaf: null as Omit<Leaf, 'at'> | null, start: 0 };
  let parts = 0;

  /** Starts the entity whose header begins at `from` and whose body begins at `start`. */
  function enter(
    section: HeaderSection,
    from: number,
    start: number,
    container: Container | null,
    index: number,
  ): void {
    const { fields } = section;
    const { value, parameters, broken } = contentTypeOf(fields, container);
    if (broken) defect('content-type-broken');
    const header = { start: from, section, typeBroken: broken };
    const leaf = { type: value, parameters, header, fields, container, index };
    const boundary = withoutPadding(parameters.get('boundary') ?? '');
    const usable = boundary !== '' && boundary.length <= MOST_BOUNDARY;
    if (value.startsWith('multipart/') && usable && open.length < MOST_LEVELS) {
      const kind = value.slice('multipart/'.length);
      const one = {
        container: { kind, header, boundary, parent: container, index },
        hidden: boundaries.get(boundary),
        leaf,
        start,
        count: 0,
      };
      open.push(one);
      boundaries.set(boundary, one);
      current.leaf = null;
      return;
    }
    if (value.startsWith('multipart/')) defect(usable ? 'nested-too-deep' : 'boundary-missing');
    current.leaf = leaf;
    current.start = start;
  }
  function leave(end: number): void {
    if (current.leaf !== null)
      leaves.push({ ...current.leaf, at: [current.start, Math.max(current.start, end)] });
    current.leaf = null;
  }
  /** Ends the innermost multipart. A multipart whose boundary never came counts as one part. */
  function close(end: number): void {
    const one = open.pop()!;
    if (one.hidden === undefined) boundaries.delete(one.container.boundary);
    else boundaries.set(one.container.boundary, one.hidden);
    if (one.count > 0) return;
    defect('boundary-missing');
    leaves.push({ ...one.leaf, at: [one.start, Math.max(one.start, end)] });
  }
  function closeWithin(one: Open, end: number): void {
    leave(end);
    for (; open.at(-1) !== one; close(end)) defect('multipart-not-closed');
  }
  /** The multipart whose boundary is in the line at `start`. */
  function boundaryAt(start: number, end: number): { readonly one: Open; readonly closes: boolean } | null {
    if (end - start > MOST_BOUNDARY + 80) return null;
    const text = withoutPadding(raw.toString('latin1', start + 2, end));
    const one = boundaries.get(text);
    if (one !== undefined) return { one, closes: false };
    const closed = text.endsWith('--') ? boundaries.get(text.slice(0, -2)) : undefined;
    return closed === undefined ? null : { one: closed, closes: true };
  }
  /** The next line that begins with `--`, from `from` on. */
  function nextLine(from: number): Line {
    const before = raw.indexOf(DASHES, from - 1);
    const start = before === -1 ? raw.length : before + 1;
    const lf = raw.indexOf(LF, start);
    const end = lf === -1 ? raw.length : lf;
    work.left -= 2 * (end - from) + LINE_WORK;
    return { start, end };
  }
  /** Reads the header of the part that begins at `start`. The header ends at a boundary at the latest. */
  function enterPart(start: number, one: Open): Line {
    let line = nextLine(start);
    let looked = start;
    for (;;) {
      const slice = raw.subarray(looked, line.start);
      const empty = looked === start ? headerBounds(slice) : laterBounds(slice);
      const whole = empty.bodyStart > empty.headerEnd;
      const over = line.start === raw.length || work.left < 0;
      if (whole || over || boundaryAt(line.start, line.end) !== null) {
        const bodyStart = whole ? looked + empty.bodyStart : line.start;
        work.left -= PART_WORK;
        const section = readHeaderSection(raw.subarray(start, bodyStart));
        enter(section, start, bodyStart, one.container, one.count - 1);
        return line;
      }
      looked = line.start;
      line = nextLine(line.end);
    }
  }

  /** Continues to the boundary at `line`, or after it; null if the walk ends. */
  function step(line: Line): Line | null {
    const found = boundaryAt(line.start, line.end);
    if (found === null) return nextLine(line.end);
    met({ start: line.start, closes: found.closes });
    closeWithin(found.one, contentEnd(raw, line.start));
    if (found.closes) {
      close(contentEnd(raw, line.start));
      return open.length === 0 ? null : nextLine(line.end);
    }
    if (parts === MOST_PARTS) {
      defect('too-many-parts');
      return null;
    }
    parts++;
    found.one.count++;
    return enterPart(Math.min(raw.length, line.end + 1), found.one);
  }

  enter(section, 0, section.bodyStart, null, 0);
  let line: Line | null = open.length === 0 ? null : nextLine(section.bodyStart);
  let reached = raw.length;
  while (line !== null && line.start < raw.length) {
    if (work.left < 0) {
      defect('too-complex');
      reached = line.start;
      break;
    }
    line = step(line);
  }
  // After a limit is reached, nothing is known about the open multiparts.
  if (line === null && open.length > 0) open.length = 0;
  leave(reached);
  for (; open.length > 0; close(reached)) defect('multipart-not-closed');
  return leaves;
}

/** RFC 2046 §5.1.1: transport padding is SP and HTAB. The CR is the line end's. */
function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\r'.includes(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}
/** The line end before a boundary belongs to the boundary. */
function contentEnd(raw: Buffer, boundary: number): number {
  const end = raw[boundary - 1] === LF ? boundary - 1 : boundary;
  return end < boundary && raw[end - 1] === CR ? end - 1 : end;
}
/** An empty line after what was already looked at; so it is not the first line. */
function laterBounds(slice: Buffer): { readonly headerEnd: number; readonly bodyStart: number } {
  const at = slice.indexOf('\r\n\r\n', 0, 'latin1');
  return at === -1
    ? { headerEnd: slice.length, bodyStart: slice.length }
    : { headerEnd: at + 2, bodyStart: at + 4 };
}

const TYPE = /^[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}\/[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}$/;

/** RFC 2045 §5.2: the default is text/plain; RFC 2046 §5.1.5: in a digest it is message/rfc822. */
function contentTypeOf(
  fields: readonly HeaderField[],
  container: Container | null,
): MimeValue & { readonly broken: boolean } {
  const field = findHeader(fields, 'content-type');
  if (field === undefined) {
    const value = container?.kind === 'digest' ? 'message/rfc822' : 'text/plain';
    return { value, parameters: new Map(), broken: false };
  }
  const read = readParameters(field.rawValue);
  if (TYPE.test(read.value)) return { ...read, broken: false };
  return {
    value: read.parameters.has('name') ? 'application/octet-stream' : 'text/plain',
    parameters: read.parameters,
    broken: true,
  };
}
