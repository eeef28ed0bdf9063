/**
 * A store after two months of work, and each figure that is wished for of it: the start, accepting beside the sweep, a
 * round of DNS checks, a backup and slow readers, every read, the sweep and the file after it, and half an hour of work.
 * `--part` chooses, `--kind` of the reads those whose path has it; `--store` names a directory where the filled stores are
 * kept. `--count` messages instead of a million.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startService } from '../../../test/journeys/harness.ts';
import type { Result, ScenarioOptions } from '../scenario.ts';
import { startSite } from '../site.ts';
import { backUp, heldSnapshot, slowClients, startEmptyDns } from './beside.ts';
import { createFigures, type Note, noteStretch, type Stretch, stretch, verdict } from './figures.ts';
import { MILLION } from './fill-old.ts';
import { acceptWhile, type Target, watchSizes } from './load.ts';
import { measureReads } from './reads.ts';
import { soak } from './soak.ts';
import { type OldRun, type OldStores, oldStores } from './stores.ts';
import { sweep } from './sweep.ts';

const A_SECOND = 100;
const PARTS = ['start', 'dns', 'backup', 'slow', 'snapshot', 'reads', 'soak', 'sweep'] as const;
type Part = (typeof PARTS)[number];

export async function old({
  count,
  engine,
  kind,
  parts,
  keptIn,
  minutes,
}: ScenarioOptions): Promise<readonly Result[]> {
  const unknown = parts.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`no such part: ${unknown}; there are ${PARTS.join(', ')}`);
  const wants = (part: Part) => parts.length === 0 || parts.includes(part);
  const root = keptIn ?? mkdtempSync(join(tmpdir(), 'hikyaku-old-'));
  const { all, note } = createFigures();
  const shape = count === null ? MILLION : { ...MILLION, messages: count, waiting: Math.round(count / 10) };
  try {
    await using stores = await oldStores(engine, root);
    const most = { rss: engine === 'sqlite' ? 450 : 400, wal: 512 };
    // Nothing of this one is over, so that no sweep comes between.
    if (PARTS.some((part) => part !== 'sweep' && wants(part)))
      await onOne(
        stores,
        { ...shape, keptDays: 2 * shape.days },
        most,
        note,
        wants,
        minutes,
        kind ?? undefined,
      );
    if (wants('sweep')) await onOne(stores, shape, most, note, (part) => part === 'sweep', minutes);
  } finally {
    if (keptIn === null) rmSync(root, { recursive: true, force: true });
    process.stderr.write(`\n${engine}\n${verdict(all)}\n`);
  }
  return all.map((figure) => ({ engine, ...figure }));
}

/** The chosen parts one after the other, with one service on one copy. */
async function onOne(
  stores: OldStores,
  shape: typeof MILLION,
  most: { readonly rss: number; readonly wal: number },
  note: Note,
  wants: (part: Part) => boolean,
  minutes: number,
  only?: string,
): Promise<void> {
  await using run = await stores.copy(shape);
  await using site = await startSite('good');
  await using dns = await startEmptyDns();
  const began = performance.now();
  await using service = await startService(
    {
      ...run.settings,
      HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${site.port}`,
      HIKYAKU_DNS_SERVERS: dns.address,
    },
    run.directory,
    true,
  );
  const readyAt = performance.now();
  note('start', 'ready after ms', readyAt - began);
  using sizes = watchSizes(service, run.file);
  const target: Target = { service, who: run.who };
  const during = (act: () => Promise<unknown>) => acceptWhile(target, A_SECOND, act);
  // The round of DNS checks begins ten seconds after the start.
  const first = await acceptWhile(target, 50, () => delay(10_000));
  const memory = (part: string) => note(part, 'resident memory at most, MiB', sizes.lately());
  if (wants('start')) noteStretch(note, 'start', first, null);
  memory('start');
  const round = await during(() => dns.quiet());
  const without = stretch(await during(() => delay(24_000)));
  note('without', 'accept p50 ms', without.p50);
  note('without', 'accept p99 ms, median of three', without.p99);
  note('without', 'accept worst ms', without.worst);
  if (wants('dns')) {
    note('dns', 'questions', dns.asked);
    noteStretch(note, 'dns', round, without);
  }
  memory('without');
  await beside(run, target, during, without, note, wants, memory);
  if (wants('reads')) {
    await measureReads(target, note, only);
    memory('reads');
  }
  if (wants('soak')) await soak(target, A_SECOND, minutes, note);
  if (wants('sweep')) await sweep(run, target, A_SECOND, readyAt, without, note);
  note('all', 'resident memory at most, MiB', sizes.rss, { most: most.rss });
  if (run.file !== null) note('all', 'write-ahead log at most, MiB', sizes.wal, { most: most.wal });
}

async function beside(
  run: OldRun,
  target: Target,
  during: (act: () => Promise<unknown>) => ReturnType<typeof acceptWhile>,
  without: Stretch,
  note: Note,
  wants: (part: Part) => boolean,
  memory: (part: string) => void,
): Promise<void> {
  if (wants('backup')) {
    const began = performance.now();
    const samples = await during(() => backUp(run));
    note('backup', 'seconds', (performance.now() - began) / 1000);
    noteStretch(note, 'backup', samples, without);
    memory('backup');
  }
  if (wants('slow')) {
    noteStretch(note, 'slow', await during(() => slowClients(target)), without);
    memory('slow');
  }
  if (wants('snapshot')) {
    noteStretch(note, 'snapshot', await during(() => heldSnapshot(run)), without);
    noteStretch(note, 'let go', await during(() => delay(12_000)), without);
    memory('snapshot');
  }
}
