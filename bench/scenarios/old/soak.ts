/** Minutes of plain work: whether memory and descriptors grow. */
import { setTimeout as delay } from 'node:timers/promises';
import { rss } from '../scenario.ts';
import { type Note, noteStretch } from './figures.ts';
import { acceptWhile, descriptors, type Target } from './load.ts';

const LOOK_MS = 5000;

export async function soak(target: Target, perSecond: number, minutes: number, note: Note): Promise<void> {
  const { service } = target;
  const seen: { readonly minute: number; readonly rss: number; readonly descriptors: number }[] = [];
  const samples = await acceptWhile(target, perSecond, async () => {
    const began = performance.now();
    for (let minute = 0; minute < minutes; minute = (performance.now() - began) / 60_000) {
      seen.push({ minute, rss: rss(service.child.pid!), descriptors: descriptors(service) });
      await delay(LOOK_MS);
    }
  });
  noteStretch(note, 'soak', samples, null);
  // Caches and the collector come to their size in the first third.
  const settled = seen.filter(({ minute }) => minute >= minutes / 3);
  note('soak', 'minutes', minutes);
  note('soak', 'memory grows, MiB an hour', 60 * slope(settled.map(({ minute, rss }) => [minute, rss])), {
    most: 30,
  });
  const first = settled[0]!.descriptors;
  note('soak', 'descriptors', first);
  note('soak', 'descriptors more at the end', settled.at(-1)!.descriptors - first, { most: 10 });
}
/** Of the line with the least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  return above / (points.reduce((sum, [px]) => sum + (px - x) ** 2, 0) || 1);
}
