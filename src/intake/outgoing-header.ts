/**
 * Judges the header of mail to be sent, and edits it. One parsing of the header serves all checks, and
 * authors are judged by what will leave. A header that cannot be parsed exactly is refused, so no reader can
 * see an author, a sender or a Bcc that was not judged or removed.
 */
import { isAscii } from 'node:buffer';
import type { DomainReader } from '../domains/mta-domains.ts';
import { authorMailboxes } from '../mail/authors.ts';
import type { Domain } from '../mail/domain.ts';
import { ESC, encodeField, withoutInnerFolds } from '../mail/header-octets.ts';
import type { HeaderField, HeaderSection } from '../mail/headers.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { MAX_HOPS } from './limits.ts';
import type { Checked, SendRefusal } from './send-refusal.ts';
import type { Edit } from './trace.ts';

const NEVER_LEAVES = new Set(['bcc', 'resent-bcc', 'return-path', 'idempotency-key']);
/** Fields that claim an author or a sender: their domains must belong to the project. */
const CLAIMS = new Set(['from', 'sender', 'resent-from', 'resent-sender']);

/** RFC 5322 §2.1.1, without the field's name. */
const LONGEST_LINE = 980;

const hasLongLine = (value: string) => value.split(/[\r\n]/).some((line) => line.length >= LONGEST_LINE);

/** A field as it will leave. */
interface Leaving {
  readonly field: HeaderField;
  readonly octets: Buffer;
  readonly changed: boolean;
  /** The field needs a server that supports SMTPUTF8. */
  readonly utf8: boolean;
}
export interface JudgedHeader {
  /** What is removed or rewritten, in order. */
  readonly edits: readonly Edit[];
  /** An address in the header, or text under SMTPUTF8, needs a server that supports SMTPUTF8. */
  readonly utf8: boolean;
}

/** `smtputf8`: the client gave SMTPUTF8 at MAIL, so UTF-8 in the header stays as it is. */
export async function judgeHeader(
  read: DomainReader,
  project: ProjectId,
  own: Domain,
  message: Buffer,
  section: HeaderSection,
  smtputf8: boolean,
): Promise<Checked<JudgedHeader>> {
  const { fields } = section;
  const unreadable = unreadableHeader(message, section);
  if (unreadable !== null) return { ok: false, refusal: unreadable };
  if (!fields.some(({ name }) => name === 'from')) return { ok: false, refusal: { kind: 'author-missing' } };
  if (fields.filter(({ name }) => name === 'received').length > MAX_HOPS)
    return { ok: false, refusal: { kind: 'loop' } };
  const leaving = fields
    .filter(({ name }) => !NEVER_LEAVES.has(name))
    .map((field) => asItLeaves(message, field, smtputf8));
  const refusal = await judgeClaims(read, project, own, leaving);
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

function asItLeaves(message: Buffer, field: HeaderField, smtputf8: boolean): Leaving {
  const encoded = encodeField(field, smtputf8);
  const octets = encoded === null ? message.subarray(field.start, field.end) : Buffer.from(encoded);
  const utf8 = (smtputf8 || encoded !== null) && !isAscii(octets);
  const text = CLAIMS.has(field.name) ? octets.toString('latin1') : '';
  const whole = withoutInnerFolds(text);
  return whole === text
    ? { field, octets, changed: encoded !== null, utf8 }
    : { field, octets: Buffer.from(whole, 'latin1'), changed: true, utf8 };
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
  for (const { field, octets, changed } of leaving) {
    if (!CLAIMS.has(field.name)) continue;
    const value = octets.toString('utf8', octets.indexOf(':') + 1).replace(/\r\n$/, '');
    // Only what leaves counts. One reader takes an escape for text, another for quotes and brackets.
    const open = value.includes(ESC) || (changed && hasLongLine(value));
    const mailboxes = open ? null : authorMailboxes(value);
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
