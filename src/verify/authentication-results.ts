/**
 * The Authentication-Results field value (RFC 8601), built by ourselves. Whatever came from the peer (HELO, MAIL FROM,
 * d=, s=) is written as a dot-atom or a quoted string of printable ASCII: it can neither end a property nor the field.
 */
import type { Authentication } from './authentication.ts';

const MAX_VALUE = 254;

/** Value without the name and final CRLF; folded, one method a line. */
export function authenticationResults(
  hostname: string,
  authentication: Authentication,
  peer: { readonly helo: string; readonly mailFrom: string },
): string {
  const { spf, dkim, dmarc, arc } = authentication;
  const lines = [safeValue(hostname)];
  lines.push(
    spf.scope === 'mfrom'
      ? `spf=${spf.result} smtp.mailfrom=${safeValue(peer.mailFrom)}`
      : `spf=${spf.result} smtp.helo=${safeValue(peer.helo)}`,
  );
  if (dkim.length === 0) lines.push('dkim=none');
  for (const one of dkim) {
    const reason = one.reason === undefined ? '' : ` reason=${quoted(one.reason)}`;
    // A property whose value is unknown is left out (RFC 8601 §2.2).
    const properties = [
      one.domain === '' ? '' : ` header.d=${safeValue(one.domain)}`,
      one.selector === '' ? '' : ` header.s=${safeValue(one.selector)}`,
      one.algorithm === '' ? '' : ` header.a=${safeValue(one.algorithm)}`,
    ];
    lines.push(`dkim=${one.result}${reason}${properties.join('')}`);
  }
  const from = dmarc.domain === '' ? '' : ` header.from=${safeValue(dmarc.domain)}`;
  lines.push(`dmarc=${dmarc.result}${from}`);
  lines.push(`arc=${arc.result}`);
  return lines.join(';\r\n\t');
}

/** A dot-atom, an address of two dot-atoms, or a quoted string; never empty. */
export function safeValue(value: string): string {
  if (value.length <= MAX_VALUE && /^[a-z0-9_+=.-]+(?:@[a-z0-9_.-]+)?$/i.test(value)) return value;
  return quoted(value);
}
function quoted(value: string): string {
  const printable = value.slice(0, MAX_VALUE).replace(/[^\x20-\x7e]/g, '?');
  return `"${printable.replace(/["\\]/g, '\\$&')}"`;
}
