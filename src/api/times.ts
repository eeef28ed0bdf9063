/**
 * Converts a time in a request (RFC 3339 with a time zone) to wall ms. Throws a validation Problem that names the
 * field.
 */
import { invalid } from './problems.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i;

export function timeOf(text: string, field: string): number {
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(field, 'is not an ISO 8601 time with a zone');
  return ms;
}

/** Converts wall ms to RFC 3339; null stays null. */
export function iso<T extends number | null>(ms: T): T extends number ? string : null;
export function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
