/**
 * Which code of the tree has run, by V8's own counters (precise coverage, block by block), read in this thread. Reading
 * takes half a millisecond, so that it is done for many inputs at once; `runs` tells how often blocks ran for one.
 */
import { type Profiler, Session } from 'node:inspector';

export interface Coverage {
  /** What ran since the last look is not looked at. */
  forget(): void;
  /** Since the last look, code ran that never ran before. Nothing is learnt of it. */
  isNew(): boolean;
  /** As `isNew`, and learns it: it is not new any more. */
  learn(): boolean;
  /** As `learn`, for one input; 'counts' where no code was new, but a block ran 2, 4, 8 … times as often as it ever did. */
  learnCounts(): 'code' | 'counts' | null;
  /** Parts of the functions that have run. */
  readonly blocks: { readonly run: number; readonly known: number };
}
/** What runs 256 times has run often. */
const MOST_MAGNITUDE = 8;
type Span = readonly [start: number, end: number];

/** `tree`: the URL that scripts which count begin with. */
export function createCoverage(tree: string): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  /** Of each function that has run: its code that never has. */
  const never = new Map<string, readonly Span[]>();
  const known = new Map<string, Set<number>>();
  const most = new Map<string, number>();

  function look(): Map<string, Profiler.CoverageRange[]> {
    const found = new Map<string, Profiler.CoverageRange[]>();
    // With a session of the own thread, the answer comes before post returns.
    session.post('Profiler.takePreciseCoverage', (_error, answer) => {
      for (const { url, functions } of answer?.result ?? [])
        if (url.startsWith(tree))
          for (const { ranges } of functions)
            if (ranges[0]!.count > 0) found.set(`${url}:${ranges[0]!.startOffset}`, ranges);
    });
    return found;
  }
  function idleNow(name: string, ranges: readonly Profiler.CoverageRange[]): readonly Span[] | null {
    const before = never.get(name);
    if (before?.length === 0) return null;
    const idle = ranges
      .filter(({ count }) => count === 0)
      .map(({ startOffset, endOffset }): Span => [startOffset, endOffset]);
    if (before === undefined) return idle;
    const now = common(before, idle);
    return extent(now) < extent(before) ? now : null;
  }
  function learnFrom(found: ReturnType<typeof look>): boolean {
    let isNew = false;
    for (const [name, ranges] of found) {
      const blocks = known.get(name) ?? new Set();
      for (const { startOffset } of ranges) blocks.add(startOffset);
      known.set(name, blocks);
      const idle = idleNow(name, ranges);
      if (idle === null) continue;
      never.set(name, idle);
      isNew = true;
    }
    return isNew;
  }
  return {
    forget: () => void look(),
    isNew: () => [...look()].some(([name, ranges]) => idleNow(name, ranges) !== null),
    learn: () => learnFrom(look()),
    learnCounts() {
      const found = look();
      let isNew: 'code' | 'counts' | null = learnFrom(found) ? 'code' : null;
      for (const [name, ranges] of found)
        for (const { startOffset, count } of ranges) {
          const key = `${name}:${startOffset}`;
          const magnitude = Math.min(MOST_MAGNITUDE, Math.ceil(Math.log2(count + 1)));
          if (magnitude <= (most.get(key) ?? 0)) continue;
          most.set(key, magnitude);
          isNew ??= 'counts';
        }
      return isNew;
    },
    get blocks() {
      let [run, all] = [0, 0];
      for (const [name, starts] of known) {
        const idle = never.get(name)!;
        all += starts.size;
        for (const start of starts) if (!idle.some(([from, to]) => from <= start && start < to)) run++;
      }
      return { run, known: all };
    },
  };
}

/** What is in both; each list is in order, a span may hold the next. */
function common(these: readonly Span[], those: readonly Span[]): readonly Span[] {
  const shared: Span[] = [];
  for (const [a, b] of these)
    for (const [c, d] of those)
      if (Math.max(a, c) < Math.min(b, d)) shared.push([Math.max(a, c), Math.min(b, d)]);
  return shared.filter(([a, b], i) => !shared.some(([c, d], k) => k < i && c <= a && b <= d));
}
const extent = (spans: readonly Span[]) => spans.reduce((sum, [start, end]) => sum + end - start, 0);
