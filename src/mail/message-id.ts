/** Message identifiers (RFC 5322 §3.6.4). */
import { trimSpace } from './headers.ts';

/** Where unique ids come from (runtime's Random is one). */
export interface IdSource {
  id(): string;
}

/** A new `<id@domain>`. */
export function newMessageId(random: IdSource, domain: string): string {
  return `<${random.id()}@${domain}>`;
}

/** The identifier with its angle brackets, or null where the text is not exactly one. */
export function parseMessageId(text: string): string | null {
  const trimmed = trimSpace(text);
  return trimmed.length <= 996 &&
    /^<[^\s<>@\u0000-\u001f\u007f]+@[^\s<>@\u0000-\u001f\u007f]+>$/.test(trimmed)
    ? trimmed
    : null;
}
