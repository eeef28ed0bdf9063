/** Results of the checks of single records. Their length is bounded, and a DNS failure is never reported as absence. */
import type { DnsAnswer } from '../runtime/resolver.ts';
import { finding } from './findings.ts';
import type { DnsCheckItem, Finding, RecordState } from './mta-domains.ts';

/** Bounds on the found values that people see: their number and their length. */
const MAX_FOUND = 20;
const MAX_LENGTH = 1000;
/** The same bound within a sentence. */
const MAX_SHOWN = 3;
const MAX_SENTENCE = 300;

export interface Checked {
  readonly item: DnsCheckItem;
  readonly records: readonly RecordState[];
}

export async function ask<T>(question: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> {
  try {
    return await question();
  } catch (error) {
    return { kind: 'failed', cause: String(error) };
  }
}
export function item(
  status: DnsCheckItem['status'],
  expected: readonly string[],
  found: readonly string[],
  what: Finding | null = null,
): DnsCheckItem {
  return {
    status,
    expected,
    found: found.slice(0, MAX_FOUND).map((value) => value.slice(0, MAX_LENGTH)),
    finding: what,
  };
}
/** The result of an answer without records. */
export function absent(
  answer: DnsAnswer<unknown>,
  expected: readonly string[],
  missing: Finding,
): DnsCheckItem {
  return answer.kind === 'failed'
    ? item('error', expected, [], finding('dns.unclear'))
    : item('missing', expected, [], missing);
}
export function record(
  place: Pick<RecordState, 'purpose' | 'type' | 'name' | 'value'>,
  { status, found, finding: what = null }: DnsCheckItem,
): RecordState {
  const state = status === 'error' ? 'unknown' : status;
  return { ...place, state, found: state === 'ok' ? [] : found, finding: what };
}
/** The most serious status; null if there is none. */
export function worst(items: readonly DnsCheckItem[]): DnsCheckItem | null {
  for (const status of ['error', 'wrong', 'missing', 'ok'] as const) {
    const found = items.find((one) => one.status === status);
    if (found !== undefined) return found;
  }
  return null;
}
/** Values as part of a sentence. */
export function shown(values: readonly string[]): string {
  const most = values.slice(0, MAX_SHOWN).join(', ');
  const text = values.length > MAX_SHOWN ? `${most}, …` : most;
  return text.length > MAX_SENTENCE ? `${text.slice(0, MAX_SENTENCE)}…` : text;
}
