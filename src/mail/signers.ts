/** Who signed a message, by what its fields say. Nothing is verified. Pure. */
import type { HeaderField } from './headers.ts';
import { unfold } from './headers.ts';

const SIGNATURES = new Set(['dkim-signature', 'domainkey-signature', 'arc-message-signature', 'arc-seal']);

/** The `d=` of each signature (RFC 6376 §3.5, RFC 8617 §4.1), in lower case; the field's name where it has none. */
export function signersOf(fields: readonly HeaderField[]): string[] {
  return fields
    .filter(({ name }) => SIGNATURES.has(name))
    .map(({ rawName, rawValue }) => tagOf(unfold(rawValue), 'd')?.toLowerCase() ?? rawName);
}

function tagOf(list: string, wanted: string): string | null {
  for (const tag of list.split(';')) {
    const [name = '', value = ''] = tag.split('=', 2);
    if (name.trim() === wanted && value.trim() !== '') return value.trim();
  }
  return null;
}
