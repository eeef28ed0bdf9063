/**
 * Counts the look-ups that a receiver needs for an SPF record: include, a, mx, ptr, exists and redirect count, and
 * more than ten are an error (RFC 7208 §4.6.4). Included records are read one after the other, with at most 30
 * queries. Never throws.
 */
import type { Resolver } from '../runtime/resolver.ts';

export const MOST_SPF_LOOKUPS = 10;
const MOST_QUESTIONS = 30;

export type SpfCount =
  /** `broken`: an included or redirected name that does not have exactly one SPF record (RFC 7208 §5.2), or null. */
  | { readonly kind: 'counted'; readonly lookups: number; readonly broken: string | null }
  /** DNS did not answer clearly, or names depend on the message (macros). */
  | { readonly kind: 'unknown' };

export async function countSpfLookups(resolver: Resolver, record: string): Promise<SpfCount> {
  const state = { lookups: 0, questions: 0, broken: null as string | null, unknown: false };

  async function follow(target: string): Promise<void> {
    if (target.includes('%')) return;
    if (state.questions >= MOST_QUESTIONS) {
      // Each query was a look-up: the count is already far above the limit.
      return;
    }
    state.questions += 1;
    const answer = await resolver.txt(target);
    if (answer.kind === 'failed') {
      state.unknown = true;
      return;
    }
    const records = answer.kind === 'found' ? answer.records.filter(isSpf) : [];
    if (records.length === 1) await walk(records[0]!);
    else state.broken ??= target;
  }
  async function walk(text: string): Promise<void> {
    const terms = text.trim().split(/ +/).slice(1);
    const hasAll = terms.some((term) => /^[+?~-]?all$/i.test(term));
    for (const term of terms) {
      const match = /^[+?~-]?(include|a|mx|ptr|exists)(?:[:/](.*))?$/i.exec(term);
      const redirect = /^redirect=(.+)$/i.exec(term);
      if (redirect !== null && !hasAll) {
        state.lookups += 1;
        await follow(plain(redirect[1]!));
      } else if (match !== null) {
        state.lookups += 1;
        if (match[1]!.toLowerCase() === 'include' && match[2] !== undefined) await follow(plain(match[2]));
      }
      // Receivers never reach the terms after `all`.
      if (/^[+?~-]?all$/i.test(term)) return;
    }
  }
  try {
    await walk(record);
  } catch {
    return { kind: 'unknown' };
  }
  if (state.lookups > MOST_SPF_LOOKUPS)
    return { kind: 'counted', lookups: state.lookups, broken: state.broken };
  return state.unknown
    ? { kind: 'unknown' }
    : { kind: 'counted', lookups: state.lookups, broken: state.broken };
}

/** RFC 7208 §4.5: "v=spf1" alone or followed by a space. */
export function isSpf(record: string): boolean {
  return /^v=spf1(?: |$)/i.test(record);
}
function plain(name: string): string {
  return name.replace(/\.$/, '');
}
