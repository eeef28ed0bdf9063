/**
 * Shows the progress of a command on stderr: a bar on a terminal, otherwise one line every ten seconds.
 * Invariants: it shows only numbers and the command's own words; done, total, rate and remaining time fit in
 * 79 columns; a report costs only one look at the clock unless it is time to draw; a command that ends before
 * the first drawing shows nothing; disposing removes the bar. While the event loop is blocked, only reports
 * draw.
 */
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Progress, Report, Watch } from '../runtime/report.ts';

const BAR_MS = 200;
const LINE_MS = 10_000;
/** The rate is measured over the last so many ms. */
const RATE_MS = 30_000;
const BAR_WIDTH = 24;
const LEAST_BAR_WIDTH = 8;
/** Used if the stream does not know its width. */
const COLUMNS = 80;
const MIB = 1024 * 1024;

export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}
export interface ShownProgress extends Disposable {
  readonly report: Report;
}
interface Mark {
  readonly at: number;
  readonly done: number;
}

/** Each line begins with `name`. */
export function showProgress(
  name: string,
  stream: ProgressStream = process.stderr,
  clock: Clock = systemClock,
): ShownProgress {
  const isTerminal = stream.isTTY === true;
  const pause = isTerminal ? BAR_MS : LINE_MS;
  let now: Progress | null = null;
  let marks: Mark[] = [];
  let since = clock.monotonic();
  let drawnAt = clock.monotonic();

  function rateOf({ done }: Progress, at: number): number | null {
    const first = marks.find((mark) => at - mark.at <= RATE_MS) ?? marks.at(-1);
    return first === undefined || at <= first.at ? null : ((done - first.done) / (at - first.at)) * 1000;
  }
  function draw(at: number): void {
    drawnAt = at;
    if (now === null) return;
    // The last column stays empty: some terminals break the line after it.
    const columns = (isTerminal ? (stream.columns ?? COLUMNS) : COLUMNS) - 1;
    const text = fitting(columns, name, now, rateOf(now, at), (at - since) / 1000);
    marks = [...marks.filter((mark) => at - mark.at <= RATE_MS), { at, done: now.done }];
    if (!isTerminal) return void stream.write(`${text}\n`);
    stream.write(`\r${`${barOf(now, columns - text.length)}${text}`.slice(0, columns)}\x1b[K`);
  }
  function drawIfDue(): void {
    const at = clock.monotonic();
    if (at - drawnAt >= pause) draw(at);
  }
  let timer = clock.after(pause, tick);
  function tick(): void {
    drawIfDue();
    timer = clock.after(pause, tick);
  }
  return {
    report(progress) {
      if (now?.unit !== progress.unit) {
        since = clock.monotonic();
        marks = [{ at: since, done: progress.done }];
      }
      now = progress;
      drawIfDue();
    },
    [Symbol.dispose]() {
      timer.cancel();
      if (isTerminal) stream.write('\r\x1b[K');
    },
  };
}

/**
 * Runs a task while it shows the task's progress. Other output of the command comes after the bar is removed.
 */
export async function withProgress<T>(
  name: string,
  signal: AbortSignal,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  using progress = showProgress(name);
  return await work({ report: progress.report, signal });
}

/** With full numbers if they fit, otherwise with rounded numbers. */
function fitting(columns: number, name: string, now: Progress, rate: number | null, seconds: number): string {
  const full = `${name}: ${textOf(now, rate, seconds, whole)}`;
  return full.length <= columns ? full : `${name}: ${textOf(now, rate, seconds, rounded)}`;
}
function textOf(
  { done, total, unit }: Progress,
  rate: number | null,
  seconds: number,
  words: (n: number) => string,
): string {
  if (done === 0 && total === null) return `${unit}, for ${spanOf(seconds)}`;
  const what = unit === 'octets' ? 'MiB' : unit;
  const show = (n: number) => words(unit === 'octets' ? n / MIB : n);
  const parts = [total === null ? `${show(done)} ${what}` : `${show(done)} of ${show(total)} ${what}`];
  if (total !== null && total > 0) parts.unshift(`${Math.floor(shareOf(done, total) * 100)} %`);
  if (rate !== null) parts.push(`${show(rate)}/s`);
  if (rate !== null && rate > 0 && total !== null && total > done)
    parts.push(`${spanOf((total - done) / rate)} left`);
  return parts.join(', ');
}
/** As wide as the space permits; no bar if it would be too short. */
function barOf({ done, total }: Progress, columns: number): string {
  const width = Math.min(BAR_WIDTH, columns - '[] '.length);
  if (total === null || total === 0 || width < LEAST_BAR_WIDTH) return '';
  const filled = Math.round(shareOf(done, total) * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}] `;
}
const shareOf = (done: number, total: number) => Math.min(1, Math.max(0, done / total));
const whole = (n: number) => Math.round(n).toLocaleString('en');
const rounded = (n: number) =>
  n.toLocaleString('en', { notation: 'compact', maximumFractionDigits: n < 1000 ? 0 : 1 });
function spanOf(seconds: number): string {
  const s = Math.ceil(seconds);
  if (s < 60) return `${s} s`;
  const minutes = Math.ceil(s / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
