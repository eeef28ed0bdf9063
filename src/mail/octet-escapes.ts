/** Octets written as a sign and two hexadecimal digits: `=E9` (RFC 2047 §4.2), `%E9` (RFC 2231 §4). Linear. */
import { Buffer } from 'node:buffer';

/** A sign without two digits behind it stands for itself; characters beyond ASCII are taken as UTF-8. */
export function unescapeOctets(text: string, sign: '=' | '%'): Buffer {
  const octets = Buffer.from(text, 'utf8');
  const code = sign.charCodeAt(0);
  let length = 0;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at]!;
    const high = octet === code ? hexOf(octets[at + 1]) : -1;
    const low = high === -1 ? -1 : hexOf(octets[at + 2]);
    if (low !== -1) at += 2;
    octets[length++] = low === -1 ? octet : high * 16 + low;
  }
  return octets.subarray(0, length);
}

/** What a hexadecimal digit stands for; -1: it is none. */
function hexOf(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const upper = code & 0xdf;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1;
}
