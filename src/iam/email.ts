/**
 * Members' e-mail addresses. Each is one mailbox, in lower case, with the domain as an A-label, so each
 * address has exactly one form.
 */
import { parseAddress } from '../mail/address.ts';

const LONGEST = 254;

/** null if the text is not an e-mail address. */
export function memberEmail(text: string): string | null {
  const address = parseAddress(text.trim());
  const email = address?.wire.toLowerCase() ?? null;
  return email !== null && email.length <= LONGEST ? email : null;
}
