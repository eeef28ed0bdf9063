/**
 * Caches in memory what nearly every message needs and what rarely changes: keys, projects, domains, rules,
 * subscribers. Invariants: the next query sees every change that this process has committed; it sees a change
 * by another process as soon as `stamp` shows it. Failed queries are not cached; the size is bounded.
 */
import type { StoreReader } from './store.ts';

const CACHED = [
  'findKey',
  'findApiClient',
  'project',
  'projectLimits',
  'sendingSettings',
  'findDomain',
  'domain',
  'dkimKeys',
  'rules',
  'isHeard',
] as const satisfies readonly (keyof StoreReader)[];
/** The most cached answers of one query. */
const MOST = 10_000;

/** `stamp`: a number that changes whenever the directory may have changed. */
export function cacheDirectory(read: StoreReader, stamp: () => number): StoreReader {
  let seen = stamp();
  const all: Map<string, Promise<unknown>>[] = [];
  function cached(name: (typeof CACHED)[number]) {
    const ask = read[name] as (...args: readonly string[]) => Promise<unknown>;
    const kept = new Map<string, Promise<unknown>>();
    all.push(kept);
    return (...args: readonly string[]): Promise<unknown> => {
      const now = stamp();
      if (now !== seen) {
        for (const one of all) one.clear();
        seen = now;
      }
      if (kept.size >= MOST) kept.clear();
      const key = args.length === 1 ? args[0]! : args.join(' ');
      const known = kept.get(key);
      if (known !== undefined) return known;
      const asked = ask(...args);
      kept.set(key, asked);
      asked.catch(() => {
        if (kept.get(key) === asked) kept.delete(key);
      });
      return asked;
    };
  }
  return { ...read, ...Object.fromEntries(CACHED.map((name) => [name, cached(name)])) };
}
