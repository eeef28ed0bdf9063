/** E-mail addresses of members: one mailbox each, in lower case, the domain as A-label, so that each has one form. */
import { parseAddress } from '../mail/address.ts';

const LONGEST = 254;

/** null: the text is no address. */
export function memberEmail(text: string): string | null {
  const address = parseAddress(text.trim());
  const email = address?.wire.toLowerCase() ?? null;
  return email !== null && email.length <= LONGEST ? email : null;
}
