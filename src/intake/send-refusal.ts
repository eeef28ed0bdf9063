/**
 * Why mail to be sent is refused, and texts for header defects. SMTP and HTTP each word the other reasons
 * themselves.
 */
import type { HeaderDefect } from '../mail/headers.ts';

export type SendRefusal =
  | { readonly kind: 'missing-operation'; readonly operation: string }
  | { readonly kind: 'sender-invalid' }
  | { readonly kind: 'sender-foreign'; readonly domain: string }
  | { readonly kind: 'author-missing' }
  | { readonly kind: 'author-several' }
  | { readonly kind: 'author-invalid'; readonly field: string }
  | { readonly kind: 'author-foreign'; readonly field: string; readonly domain: string }
  | { readonly kind: 'header-defect'; readonly defect: HeaderDefect }
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
