/**
 * Keeps DNS answers for their TTL. The cache is bounded in entries and in characters; the oldest entries go
 * first. A TTL is at most one day, for absences three hours (RFC 2308 §5). A failure is kept for 5 s, so a
 * broken zone is not queried all the time.
 */
import type { Clock } from './clock.ts';
import type { DnsAnswer } from './resolver.ts';

const MAX_ENTRIES = 10_000;
const MAX_CHARACTERS = 16 * 1024 * 1024;
const MAX_TTL = 86_400;
const MAX_NEGATIVE_TTL = 10_800;
const FAILURE_TTL = 5;

export interface DnsCache {
  /** The answer with its remaining seconds, or null. */
  get(key: string): DnsAnswer<unknown> | null;
  set(key: string, answer: DnsAnswer<unknown>): void;
  readonly size: number;
}

export function createDnsCache(clock: Clock): DnsCache {
  const entries = new Map<string, { answer: DnsAnswer<unknown>; until: number; weight: number }>();
  let weight = 0;
  function drop(key: string): void {
    weight -= entries.get(key)?.weight ?? 0;
    entries.delete(key);
  }
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return null;
      const left = entry.until - clock.monotonic();
      if (left <= 0) {
        drop(key);
        return null;
      }
      return entry.answer.kind === 'failed' ? entry.answer : { ...entry.answer, ttl: Math.ceil(left / 1000) };
    },
    set(key, answer) {
      drop(key);
      const ttl = secondsToKeep(answer);
      if (ttl <= 0) return;
      const entry = { answer, until: clock.monotonic() + ttl * 1000, weight: key.length + weigh(answer) };
      entries.set(key, entry);
      weight += entry.weight;
      for (const oldest of entries.keys()) {
        if (entries.size <= MAX_ENTRIES && weight <= MAX_CHARACTERS) break;
        drop(oldest);
      }
    },
    get size() {
      return entries.size;
    },
  };
}

function secondsToKeep(answer: DnsAnswer<unknown>): number {
  if (answer.kind === 'failed') return FAILURE_TTL;
  return Math.min(answer.ttl, answer.kind === 'found' ? MAX_TTL : MAX_NEGATIVE_TTL);
}
function weigh(answer: DnsAnswer<unknown>): number {
  if (answer.kind !== 'found') return 100;
  return answer.records.reduce<number>(
    (sum, record) => sum + 50 + (typeof record === 'string' ? record.length : 100),
    100,
  );
}
