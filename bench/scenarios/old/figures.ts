/** What was measured beside what was wished for. */
import { at, median, type Result } from '../scenario.ts';
import type { Sample } from './load.ts';

export interface Figure extends Result {
  readonly part: string;
  readonly figure: string;
  readonly value: number;
  readonly goal: string | null;
  /** null: nothing is wished for. */
  readonly met: boolean | null;
}
/** Notes one figure; `bound` null is for the reader's knowledge only. */
export type Note = (part: string, figure: string, value: number, bound?: Bound | null) => void;
export type Bound = { readonly most: number } | { readonly least: number };

export function createFigures(): { readonly all: readonly Figure[]; readonly note: Note } {
  const all: Figure[] = [];
  return {
    all,
    note(part, figure, measured, bound = null) {
      const value = Number(measured.toFixed(measured < 10 ? 2 : 1));
      const one = { part, figure, value, ...judged(value, bound) };
      all.push(one);
      process.stderr.write(`${line(one)}\n`);
    },
  };
}
function judged(value: number, bound: Bound | null): Pick<Figure, 'goal' | 'met'> {
  if (bound === null) return { goal: null, met: null };
  return 'most' in bound
    ? { goal: `<= ${bound.most}`, met: value <= bound.most }
    : { goal: `>= ${bound.least}`, met: value >= bound.least };
}
const line = ({ part, figure, value, goal, met }: Figure) =>
  `${part.padEnd(12)} ${figure.padEnd(64)} ${String(value).padStart(10)}  ${(goal ?? '').padEnd(10)} ${met === null ? '' : met ? 'met' : 'NOT MET'}`.trimEnd();
/** What was not met, and of how many. */
export function verdict(figures: readonly Figure[]): string {
  const judged = figures.filter(({ met }) => met !== null);
  const missed = judged.filter(({ met }) => met === false);
  return [`${judged.length - missed.length} of ${judged.length} met`, ...missed.map(line)].join('\n');
}

/** Of a stretch of accepting, cut into three of the same length: the median of their quantiles, and the worst of all. */
export interface Stretch {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}
export function stretch(samples: readonly Sample[]): Stretch {
  const [from, to] = [samples.at(0)?.at ?? 0, samples.at(-1)?.at ?? 0];
  const thirds = [0, 1, 2].map((n) =>
    samples
      .filter(({ at }) => Math.min(2, Math.floor(((at - from) / (to - from || 1)) * 3)) === n)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b),
  );
  const of = (q: number) => median(thirds.filter((third) => third.length > 0).map((third) => at(third, q)));
  return { p50: of(0.5), p99: of(0.99), worst: samples.reduce((most, { ms }) => Math.max(most, ms), 0) };
}
/** Notes a stretch beside one without. */
export function noteStretch(note: Note, part: string, samples: readonly Sample[], without: Stretch | null) {
  const { p50, p99, worst } = stretch(samples);
  note(part, 'accept p50 ms', p50);
  note(part, 'accept p99 ms, median of three', p99);
  if (without !== null) note(part, 'accept p99 to that of without', p99 / without.p99, { most: 2 });
  note(part, 'accept worst ms', worst, { most: 300 });
}
