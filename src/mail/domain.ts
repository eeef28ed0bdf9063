/**
 * Domain names as one key: the lower-case A-label form without trailing dot. Two texts are one domain exactly when
 * their `Domain` is equal. Parsing never folds a number into an address and never repairs what it does not know.
 */
import { domainToASCII } from 'node:url';

declare const brand: unique symbol;
export type Domain = string & { readonly [brand]: 'Domain' };

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** What IDNA would silently fold or drop: full stops of other scripts, soft hyphens, joiners, full-width ASCII. */
const FOLDED = /[\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3002\ufeff\uff00-\uff65]|[\ufe00-\ufe0f]/;
/** Code units before IDNA, whose work grows with the square of a label: twice what a name and a label may have after it. */
const MAX_TEXT = 506;
const MAX_LABEL = 126;

/** A domain of at least two labels ('localhost' excepted), or null (RFC 1035 §2.3, RFC 5890). One trailing dot is refused. */
export function parseDomain(text: string): Domain | null {
  if (text.length === 0 || text.length > MAX_TEXT) return null;
  let ascii = text.toLowerCase();
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) {
      if (FOLDED.test(text) || text.split('.').some((label) => label.length > MAX_LABEL)) return null;
      ascii = domainToASCII(text);
      break;
    }
    if (code <= 32 || code === 127) return null;
  }
  if (ascii.length === 0 || ascii.length > 253) return null;
  const labels = ascii.split('.');
  if (labels.length < 2 && ascii !== 'localhost') return null;
  for (const label of labels) if (!LABEL.test(label)) return null;
  // A name ending in a number is an address in some spelling (WHATWG URL, "ends in a number"), never a mail domain.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) return null;
  if (ascii.includes('xn--') && domainToASCII(ascii) !== ascii) return null;
  return ascii as Domain;
}
