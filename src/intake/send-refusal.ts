/**
 * Why mail to be sent is refused, and texts for header defects. SMTP and HTTP each word the other reasons
 * themselves.
 */
import type { Unencodable } from '../mail/encode-field.ts';
import type { HeaderDefect } from '../mail/headers.ts';
import { type LongLine, MAX_LINE } from '../mail/long-lines.ts';

export type SendRefusal =
  | { readonly kind: 'missing-operation'; readonly operation: string }
  | { readonly kind: 'sender-invalid' }
  | { readonly kind: 'sender-foreign'; readonly domain: string }
  | { readonly kind: 'author-missing' }
  | { readonly kind: 'author-several' }
  | { readonly kind: 'author-invalid'; readonly field: string }
  | { readonly kind: 'author-foreign'; readonly field: string; readonly domain: string }
  | { readonly kind: 'header-defect'; readonly defect: HeaderDefect }
  /** Octets beyond ASCII that cannot be encoded. */
  | {
      readonly kind: 'field-octets';
      readonly field: string;
      readonly line: number;
      readonly why: Unencodable;
      readonly parameter?: string | undefined;
    }
  /** A line over 998 octets that cannot be folded: of the field, or of the body. */
  | { readonly kind: 'line-too-long'; readonly field?: string; readonly long: LongLine }
  /** We must change a field that a signature of others covers. */
  | {
      readonly kind: 'signature';
      readonly field: string;
      /** null: the message has no such field. */
      readonly line: number | null;
      readonly how: 'encode' | 'fold' | 'unfold' | 'remove' | 'add';
      readonly signer: string;
    }
  | { readonly kind: 'body-nul' }
  | { readonly kind: 'idempotency-key-invalid' }
  | { readonly kind: 'loop' };

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: SendRefusal };

/** Names the line or field; printable ASCII, a line of a reply. */
export function defectText({ kind, line, field }: HeaderDefect): string {
  const where = `line ${line} of the header${field === undefined ? '' : ` (${field.slice(0, 77)})`}`;
  switch (kind) {
    case 'nul':
      return `${where} holds NUL`;
    case 'control-character':
      return `${where} holds a control character`;
    case 'too-many-fields':
      return 'the header has more than 1000 fields';
    case 'too-large':
      return 'the header has more than 256 KiB';
    case 'duplicate':
      return `more than one ${field} header field: again in line ${line}`;
    default:
      return `line ${line} of the header is not a field: a name, a colon and a value`;
  }
}

/** Which field, and what its sender can do. */
export function octetsText({
  field,
  line,
  why,
  parameter = '',
}: Extract<SendRefusal, { kind: 'field-octets' }>): string {
  const where = `the ${field.slice(0, 77)} header field (line ${line})`;
  switch (why) {
    case 'charset':
      return `${where} holds octets beyond ASCII that are not UTF-8; write its text as encoded words (RFC 2047)`;
    case 'address':
      return `${where} holds an address beyond ASCII; give SMTPUTF8 at MAIL, or write another address`;
    case 'parameter':
      return `${where} holds a parameter ${parameter} beyond ASCII, which is compared octet by octet; write another one`;
    case 'form':
      return `${where} holds text beyond ASCII where only ASCII may stand; encode it or leave it out`;
  }
}

/** Which line, and the limit as it is counted. */
export function longLineText({ field, long }: Extract<SendRefusal, { kind: 'line-too-long' }>): string {
  const what =
    field === undefined
      ? { name: 'the message', how: 'use quoted-printable or base64' }
      : { name: `the header (${field.slice(0, 77)})`, how: 'it cannot be folded, put white space into it' };
  return `line ${long.line} of ${what.name} has ${long.octets} octets, the limit is ${MAX_LINE} without CRLF; ${what.how}`;
}

/** Which field, who signed it, and what to do. */
export function signatureText({
  field,
  line,
  how,
  signer,
}: Extract<SendRefusal, { kind: 'signature' }>): string {
  const where = `the ${field.slice(0, 77)} header field${line === null ? '' : ` (line ${line})`}`;
  const { must, instead } = CHANGES[how];
  return `${where} ${must}, and that breaks the signature of ${signer}; ${instead} before signing`;
}
const CHANGES = {
  encode: { must: 'needs encoding', instead: 'write its text as encoded words (RFC 2047)' },
  fold: { must: `has a line over ${MAX_LINE} octets`, instead: 'fold it' },
  unfold: { must: 'has a fold in quotes or in a comment', instead: 'unfold it' },
  remove: { must: 'must not leave', instead: 'remove it' },
  add: { must: 'is missing', instead: 'add it' },
} as const;
