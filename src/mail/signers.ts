/** Who signed a message and which of its fields, by what its fields say. Nothing is verified. Pure and linear. */
import { type HeaderField, unfold } from './headers.ts';
import { relaxField } from './relax-field.ts';

const SIGNATURES = new Set(['dkim-signature', 'domainkey-signature', 'arc-message-signature', 'arc-seal']);
/** RFC 8617 §4.1.3: what a seal covers. */
const SEALED = new Set(['arc-authentication-results', 'arc-message-signature', 'arc-seal']);
const PRINTABLE = /^[!-~]{1,253}$/;

/** The `d=` of each signature (RFC 6376 §3.5, RFC 8617 §4.1), in lower case; the field's name where it has none. */
export function signersOf(fields: readonly HeaderField[]): string[] {
  return fields.filter(({ name }) => SIGNATURES.has(name)).map(signerOf);
}
function signerOf({ rawName, rawValue }: HeaderField): string {
  const domain = tagsOf(unfold(rawValue)).get('d')?.toLowerCase() ?? '';
  return PRINTABLE.test(domain) ? domain : rawName;
}

export function isSigned(fields: readonly HeaderField[]): boolean {
  return fields.some(({ name }) => SIGNATURES.has(name));
}

/** The tags of a signature (RFC 6376 §3.2); of two with one name, the first. */
function tagsOf(list: string): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const tag of list.split(';')) {
    const [name = '', value = ''] = tag.split('=', 2).map((part) => part.trim());
    if (value !== '' && !tags.has(name)) tags.set(name, value);
  }
  return tags;
}

/** A field before and after a change, one character an octet, with its line end. */
export interface Change {
  /** null: it was added. */
  readonly field: HeaderField | null;
  readonly name: string;
  readonly before: string;
  /** null: it was removed. */
  readonly after: string | null;
}
export interface Broken<C extends Change> {
  readonly change: C;
  readonly signer: string;
}

/** Each signer whose signature covers what is changed: it does not verify afterwards, even if it does before. */
export function* brokenSignatures<C extends Change>(
  fields: readonly HeaderField[],
  changes: readonly C[],
): Generator<Broken<C>> {
  const signatures = fields.filter(({ name }) => SIGNATURES.has(name));
  if (signatures.length === 0 || changes.length === 0) return;
  const ranks = ranksOf(fields);
  const compared = changes.map((change) => ({
    change,
    rank: change.field === null ? ranks.count(change.name) + 1 : ranks.of(change.field),
    /** A change of folds alone is none to `relaxed`. */
    relaxedToo: change.after === null || relaxField(change.before) !== relaxField(change.after),
  }));
  for (const signature of signatures) {
    const { relaxed, covers } = coverOf(signature);
    for (const { change, rank, relaxedToo } of compared) {
      if (relaxed && !relaxedToo) continue;
      // A signature covers its own field as well, RFC 6376 §3.7.
      if (change.field !== signature && !covers(change, rank)) continue;
      yield { change, signer: signerOf(signature) };
      break;
    }
  }
}

/** Which fields a signature covers, by their ranks among those of a name (RFC 6376 §5.4.2), and in which form. */
function coverOf({ name, rawValue, start }: HeaderField): {
  readonly relaxed: boolean;
  readonly covers: (change: Change, rank: number) => boolean;
} {
  if (name === 'arc-seal') return { relaxed: true, covers: (change) => SEALED.has(change.name) };
  const tags = tagsOf(unfold(rawValue));
  // RFC 6376 §3.5, RFC 5234 §2.3: in any case. `nofws` of DomainKeys (RFC 4870 §3.4.2) leaves out all white space.
  const relaxed = /^(?:relaxed|nofws)\b/i.test(tags.get('c') ?? '');
  const list = tags.get('h');
  // RFC 4870 §3.3: without a list, all fields behind it; what is added stands before it. RFC 6376 §3.5: without a list
  // there is no signature.
  if (list === undefined)
    return {
      relaxed,
      covers: ({ field }) => name === 'domainkey-signature' && field !== null && field.start > start,
    };
  const counts = new Map<string, number>();
  for (const item of list.split(':')) {
    const one = item.trim().toLowerCase();
    counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  return { relaxed, covers: (change, rank) => rank <= (counts.get(change.name) ?? 0) };
}

/** The place of each field among those of its name, the last is 1. */
function ranksOf(fields: readonly HeaderField[]) {
  const counts = new Map<string, number>();
  const ranks = new Map<HeaderField, number>();
  for (let i = fields.length - 1; i >= 0; i -= 1) {
    const field = fields[i]!;
    const rank = (counts.get(field.name) ?? 0) + 1;
    counts.set(field.name, rank);
    ranks.set(field, rank);
  }
  return {
    of: (field: HeaderField) => ranks.get(field) ?? 0,
    count: (name: string) => counts.get(name) ?? 0,
  };
}
