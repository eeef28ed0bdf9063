/**
 * Converts a time in a request (RFC 3339 with a time zone) to wall ms. Throws a validation Problem that names the
 * field. A day that its month does not have is no time; a leap second counts as the second after it.
 */
import Format from 'typebox/format';
import { invalid } from './problems.ts';

const LEAP = /:60(?=[.Z+-])/i;

export function timeOf(text: string, field: string): number {
  // The format also takes the suffixes of RFC 9557 in brackets, which Date does not read.
  const isTime = Format.IsDateTime(text) && !text.includes('[');
  const ms = isTime ? Date.parse(text.replace(LEAP, ':59')) + (LEAP.test(text) ? 1000 : 0) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(field, 'is not an ISO 8601 time with a zone');
  return ms;
}

/** Converts wall ms to RFC 3339; null stays null. */
export function iso<T extends number | null>(ms: T): T extends number ? string : null;
export function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
