/**
 * Judges the header of mail to be sent, and edits it. One parsing of the header serves all checks, and
 * authors are judged by what will leave. A header that cannot be parsed exactly is refused, so no reader can
 * see an author, a sender or a Bcc that was not judged or removed.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { DomainReader } from '../domains/mta-domains.ts';
import { authorMailboxes } from '../mail/authors.ts';
import type { Domain } from '../mail/domain.ts';
import { encodeField, type Unencodable } from '../mail/encode-field.ts';
import { ESC, ESC_OCTET, withoutInnerFolds } from '../mail/header-octets.ts';
import { type HeaderField, type HeaderSection, MAX_HEADER } from '../mail/headers.ts';
import { findLongLine, lineAt, MAX_LINE, refold } from '../mail/long-lines.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { MAX_HOPS } from './limits.ts';
import type { Checked, SendRefusal } from './send-refusal.ts';
import type { Edit } from './trace.ts';

const NEVER_LEAVES = new Set(['bcc', 'resent-bcc', 'return-path', 'idempotency-key']);
/** Fields that claim an author or a sender: their domains must belong to the project. */
const CLAIMS = new Set(['from', 'sender', 'resent-from', 'resent-sender']);

const COLON = 58;

/** A field as it will leave. */
interface Leaving {
  readonly field: HeaderField;
  readonly octets: Buffer;
  readonly changed: boolean;
  /** The field needs a server that supports SMTPUTF8. */
  readonly utf8: boolean;
  /** Its octets beyond ASCII cannot be encoded. */
  readonly unencodable: Unencodable | null;
  /** In this parameter. */
  readonly parameter?: string | undefined;
}
/** A message whose header is judged. */
export interface Judged {
  readonly message: Buffer;
  readonly section: HeaderSection;
  /** The client gave SMTPUTF8 at MAIL, so UTF-8 in the header stays as it is. */
  readonly smtputf8: boolean;
  /** The message has a line over 998 octets. */
  readonly longLine: boolean;
}
export interface JudgedHeader {
  /** What is removed or rewritten, in order. */
  readonly edits: readonly Edit[];
  /** UTF-8 in the header needs a server that supports SMTPUTF8. */
  readonly utf8: boolean;
}

export async function judgeHeader(
  read: DomainReader,
  project: ProjectId,
  own: Domain,
  judged: Judged,
): Promise<Checked<JudgedHeader>> {
  const { message, section } = judged;
  const { fields } = section;
  const unreadable = unreadableHeader(message, section);
  if (unreadable !== null) return { ok: false, refusal: unreadable };
  if (!fields.some(({ name }) => name === 'from')) return { ok: false, refusal: { kind: 'author-missing' } };
  if (fields.filter(({ name }) => name === 'received').length > MAX_HOPS)
    return { ok: false, refusal: { kind: 'loop' } };
  // A plain field leaves as it came, except that a claim is written for every reader.
  const plain = !judged.longLine && isPlain(message.subarray(0, section.headerEnd));
  const leaving = fields
    .filter(({ name }) => (plain ? CLAIMS.has(name) : !NEVER_LEAVES.has(name)))
    .map((field) => asItLeaves(judged, field, plain));
  const refusal = (await judgeClaims(read, project, own, leaving)) ?? unsendable(judged, leaving);
  if (refusal !== null) return { ok: false, refusal };
  return {
    ok: true,
    value: {
      edits: [
        ...mboxLine(message, section),
        ...fields.filter(({ name }) => NEVER_LEAVES.has(name)),
        ...leaving.flatMap(({ field: { start, end }, octets, changed }) =>
          changed ? [{ start, end, put: octets }] : [],
        ),
      ],
      utf8: leaving.some(({ utf8 }) => utf8),
    },
  };
}

/** ASCII without escape sequences: nearly all mail, which pays for one look at it. */
function isPlain(header: Buffer): boolean {
  return isAscii(header) && !header.includes(ESC_OCTET);
}

/** `plain`: there is nothing to encode or to fold in the header. */
function asItLeaves({ message, smtputf8, longLine }: Judged, field: HeaderField, plain: boolean): Leaving {
  const octets = message.subarray(field.start, field.end);
  const same: Leaving = { field, octets, changed: false, utf8: false, unencodable: null };
  const claims = CLAIMS.has(field.name);
  // RFC 6532 §3.1: with SMTPUTF8, too, a header is UTF-8.
  if (!plain && !isUtf8(octets)) return { ...same, unencodable: 'charset' };
  const encoded = plain ? null : encodeField(field, smtputf8);
  if (encoded?.kind === 'refused') return { ...same, unencodable: encoded.why, parameter: encoded.parameter };
  // As octets, since lines are counted in them.
  const given = octets.toString('latin1');
  const written = encoded?.kind === 'encoded' ? Buffer.from(encoded.text).toString('latin1') : given;
  const whole = claims ? withoutInnerFolds(written) : written;
  const left = longLine || whole !== given ? refold(whole, claims) : whole;
  if (left === given) return { ...same, utf8: !isAscii(octets) };
  const changed = Buffer.from(left, 'latin1');
  return { ...same, octets: changed, changed: true, utf8: !isAscii(changed) };
}

/** What no server may be sent: octets beyond ASCII that cannot be encoded, lines that cannot be folded. */
function unsendable({ message, section, longLine }: Judged, leaving: readonly Leaving[]): SendRefusal | null {
  let grown = 0;
  for (const { field, octets, changed, unencodable, parameter } of leaving) {
    const { rawName, start } = field;
    if (unencodable !== null)
      return {
        kind: 'field-octets',
        field: rawName,
        line: lineAt(message, start),
        why: unencodable,
        parameter,
      };
    if (!changed && !longLine) continue;
    grown += octets.length - (field.end - field.start);
    const left = findLongLine(octets, MAX_LINE);
    if (left === null) continue;
    // As its sender wrote it, where it was long then.
    const long = findLongLine(message.subarray(start, field.end), MAX_LINE) ?? left;
    const line = lineAt(message, start) + long.line - 1;
    return { kind: 'line-too-long', field: rawName, long: { ...long, line } };
  }
  return section.headerEnd + grown > MAX_HEADER
    ? { kind: 'header-defect', defect: { kind: 'too-large', line: 1 } }
    : null;
}

/** Why the message cannot be parsed exactly, or null. */
function unreadableHeader(message: Buffer, { defects, bodyStart }: HeaderSection): SendRefusal | null {
  // RFC 5322 §2.1: a message may have no body. An mbox line is removed.
  const defect = defects.find(({ kind }) => kind !== 'no-end' && kind !== 'mbox-line');
  if (defect !== undefined)
    return defect.kind === 'duplicate' && defect.field?.toLowerCase() === 'from'
      ? { kind: 'author-several' }
      : { kind: 'header-defect', defect };
  return message.indexOf(0, bodyStart) === -1 ? null : { kind: 'body-nul' };
}

async function judgeClaims(
  read: DomainReader,
  project: ProjectId,
  own: Domain,
  leaving: readonly Leaving[],
): Promise<SendRefusal | null> {
  const seen = new Set<Domain>([own]);
  for (const { field, octets } of leaving) {
    if (!CLAIMS.has(field.name)) continue;
    const value = octets.toString('utf8', octets.indexOf(COLON) + 1).replace(/\r\n$/, '');
    // Only what leaves counts. One reader takes an escape for text, another for quotes and brackets.
    const mailboxes = value.includes(ESC) ? null : authorMailboxes(value);
    if (mailboxes === null) return { kind: 'author-invalid', field: field.rawName };
    for (const { address } of mailboxes) {
      if (seen.has(address.domain)) continue;
      const owner = await read.findDomain(address.domain);
      if (owner === null || owner.projectId !== project)
        return { kind: 'author-foreign', field: field.rawName, domain: address.domain };
      seen.add(address.domain);
    }
  }
  return null;
}

function mboxLine(message: Buffer, { defects }: HeaderSection): Edit[] {
  if (!defects.some(({ kind }) => kind === 'mbox-line')) return [];
  return [{ start: 0, end: message.indexOf('\r\n', 0, 'latin1') + 2 }];
}
