/**
 * What we must change in mail to be sent, and whether a signature of others covers it. Such mail is refused: it would
 * arrive with a signature that does not verify, and nobody would be told. Our own signature takes the place of one by
 * the same domain.
 */
import { isAscii } from 'node:buffer';
import type { DomainReader, MtaDomain } from '../domains/mta-domains.ts';
import { ESC_OCTET } from '../mail/header-octets.ts';
import type { HeaderSection } from '../mail/headers.ts';
import { findLongLine, lineAt, MAX_LINE } from '../mail/long-lines.ts';
import { brokenSignatures, type Change, isSigned } from '../mail/signers.ts';
import type { SendRefusal } from './send-refusal.ts';
import type { Edit } from './trace.ts';

interface Judged {
  readonly message: Buffer;
  readonly section: HeaderSection;
  /** Ascending, not overlapping. */
  readonly edits: readonly Edit[];
  /** Fields that are added, CRLF-ended. */
  readonly added: string;
}
type Harm = Extract<SendRefusal, { kind: 'signature' }>;

/** null: every signature that may verify goes on to verify, or our own stands for it. */
export async function signatureHarm(
  read: Pick<DomainReader, 'dkimKeys'>,
  domain: MtaDomain,
  { message, section, edits, added }: Judged,
): Promise<Harm | null> {
  // Most mail has no signature yet.
  if (!isSigned(section.fields)) return null;
  const changes = [...changesOf(message, section, edits), ...additions(added)];
  for (const { change, signer } of brokenSignatures(section.fields, changes)) {
    if (signer === domain.name && (await signs(read, domain))) continue;
    const { field, rawName, how } = change;
    const line = field === null ? null : lineAt(message, field.start);
    return { kind: 'signature', field: rawName, line, how, signer };
  }
  return null;
}

async function signs(read: Pick<DomainReader, 'dkimKeys'>, domain: MtaDomain): Promise<boolean> {
  if (!domain.dkimEnabled) return false;
  const keys = await read.dkimKeys(domain.projectId, domain.id);
  return keys.some(({ state }) => state === 'active');
}

interface Cause extends Change {
  readonly rawName: string;
  readonly how: Harm['how'];
}
function changesOf(message: Buffer, { fields }: HeaderSection, edits: readonly Edit[]): Cause[] {
  const changes: Cause[] = [];
  let next = 0;
  for (const field of fields) {
    while (next < edits.length && edits[next]!.end <= field.start) next += 1;
    const edit = edits[next];
    if (edit === undefined || edit.start > field.start) continue;
    const octets = message.subarray(field.start, field.end);
    const after = edit.put?.toString('latin1') ?? null;
    const how = after === null ? 'remove' : whyWritten(octets);
    const { name, rawName } = field;
    changes.push({ field, name, rawName, before: octets.toString('latin1'), after, how });
  }
  return changes;
}
function whyWritten(octets: Buffer): Harm['how'] {
  if (!isAscii(octets) || octets.includes(ESC_OCTET)) return 'encode';
  return findLongLine(octets, MAX_LINE) === null ? 'unfold' : 'fold';
}
function additions(added: string): Cause[] {
  return added
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const rawName = line.slice(0, line.indexOf(':'));
      return { field: null, name: rawName.toLowerCase(), rawName, before: '', after: line, how: 'add' };
    });
}
