/**
 * The header as it is given to the verification library, whose parsers we did not write: the fields of the one reading and no
 * others. Signatures beyond the tenth, those too long to be serious and those of a part of the body (l=) beyond the second
 * are left out; a header beyond reason is refused as a whole. Linear.
 */
import type { HeaderField, HeaderSection } from '../mail/headers.ts';

const MAX_FIELD = 16 * 1024;
const MAX_SIGNATURES = 10;
/** Names in one h=: each is looked for in all fields. */
const MAX_NAMES = 500;
/** Each l= has the whole body hashed once more. */
const MAX_PARTIAL = 2;
const PARTIAL = /[:;]\s*l\s*=/i;
/** Fields whose values the verifier parses. */
const PARSED = /^(?:from|content-type|return-path|dkim-signature|arc-[a-z-]+)$/;

/** A field as the library has it. */
export interface LibraryField {
  readonly key: string;
  readonly casedKey: string;
  /** Without its final CRLF. */
  readonly line: Buffer;
}
export interface Restrained {
  /** null: the header is too large to be judged. */
  readonly fields: readonly LibraryField[] | null;
  /** DKIM-Signature fields that were left out. */
  readonly ignoredSignatures: number;
}

export function restrainHeader(message: Buffer, { fields, defects }: HeaderSection): Restrained {
  const kept: LibraryField[] = [];
  let signatures = 0;
  let partial = 0;
  let ignored = 0;
  if (defects.some(({ kind }) => kind === 'too-many-fields' || kind === 'too-large'))
    return { fields: null, ignoredSignatures: 0 };
  for (const field of fields) {
    const { name, rawName, start, end } = field;
    const parsed = PARSED.test(name);
    const long = parsed && end - start > MAX_FIELD;
    if (name === 'dkim-signature') {
      const part = PARTIAL.test(`:${field.rawValue}`);
      signatures += 1;
      if (part) partial += 1;
      if (signatures > MAX_SIGNATURES || long || namesMany(field) || (part && partial > MAX_PARTIAL)) {
        ignored += 1;
        continue;
      }
    } else if (long) return { fields: null, ignoredSignatures: ignored };
    kept.push({ key: name, casedKey: rawName, line: withoutEnd(message.subarray(start, end)) });
  }
  return { fields: kept, ignoredSignatures: ignored };
}

function namesMany({ rawValue }: HeaderField): boolean {
  return rawValue.split(':', MAX_NAMES + 1).length > MAX_NAMES;
}
function withoutEnd(line: Buffer): Buffer {
  return line.at(-1) === 10 && line.at(-2) === 13 ? line.subarray(0, -2) : line;
}
