/** The first sweep of a store of which half is over: its rate, accepting beside it, and the room it gave back. */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { DAY_MS } from '../../../src/limits/usage.ts';
import { type Note, noteStretch, type Stretch } from './figures.ts';
import { acceptWhile, mib, type Target } from './load.ts';
import { type OldRun, query } from './stores.ts';

/** From the start of the service to its first sweep. */
const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;
const ENDED = 'retention removed expired data';
/** What SQLite may keep free of the file (percent). */
const FREE = 5;
/** How long the file may take to get smaller, and autovacuum to come by. */
const ROOM_WITHIN_MS = 600_000;
/** What retention deletes from on PostgreSQL; all else are partitions. */
const DELETED_FROM = ['message', 'recipient', 'subscriber_delivery'];
const WRITING_MS = 60_000;

/** `readyAt`: when the service was (performance.now). */
export async function sweep(
  run: OldRun,
  target: Target,
  perSecond: number,
  readyAt: number,
  without: Stretch,
  note: Note,
): Promise<void> {
  const ended = () => target.service.log.find((line) => line.includes(ENDED));
  const before = await run.size();
  const began = readyAt + FIRST_MS;
  await delay(began - performance.now());
  const samples = await acceptWhile(target, perSecond, async () => {
    while (ended() === undefined && performance.now() - began < LONGEST_MS) await delay(200);
  });
  const seconds = (performance.now() - began) / 1000;
  const { removed = {} } = JSON.parse(ended() ?? '{}') as { removed?: Record<string, number> };
  note('sweep', 'seconds', seconds);
  for (const [kind, count] of Object.entries(removed)) note('sweep', `removed: ${kind}`, count);
  note('sweep', 'messages removed a second', (removed['messages'] ?? 0) / seconds, { least: 1500 });
  noteStretch(note, 'sweep', samples, without);
  note('file', 'MiB before', mib(before));
  const sweptAt = performance.now();
  const during = (act: () => Promise<unknown>) => acceptWhile(target, perSecond, act);
  if (run.url === null) await during(() => smaller(run.file!));
  else await reused(run.url, during, note);
  note('file', 'seconds behind the sweep', (performance.now() - sweptAt) / 1000);
  if (run.file !== null) note('file', 'free, percent', free(run.file), { most: FREE });
  note('file', 'MiB after', mib(await run.size()));
}

async function smaller(file: string): Promise<void> {
  const began = performance.now();
  while (free(file) > FREE && performance.now() - began < ROOM_WITHIN_MS) await delay(5000);
}
/** Percent of the file's pages that hold nothing. */
function free(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const of = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0]);
  const percent = (of('freelist_count') / of('page_count')) * 100;
  db.close();
  return percent;
}

/** Partitions of days that are over are gone; once autovacuum was there, the other tables grow no more. */
async function reused(
  url: string,
  during: (act: () => Promise<unknown>) => Promise<unknown>,
  note: Note,
): Promise<void> {
  const partitions = await query(url, 'SELECT inhrelid::regclass::text AS name FROM pg_inherits');
  const today = Math.floor(Date.now() / DAY_MS);
  const over = partitions.filter(({ name }) => Number(/_d(\d+)$/.exec(String(name))?.[1]) <= today);
  note('file', 'partitions', partitions.length);
  note('file', 'partitions of days that are over', over.length, { most: 0 });
  const names = DELETED_FROM.map((name) => `'${name}'`).join(', ');
  const began = performance.now();
  await during(async () => {
    for (;;) {
      const [row] = await query(
        url,
        `SELECT count(*) AS n FROM pg_stat_user_tables WHERE relname IN (${names}) AND last_autovacuum IS NULL`,
      );
      if (Number(row!['n']) === 0 || performance.now() - began > ROOM_WITHIN_MS) return;
      await delay(2000);
    }
  });
  const sizes = async () =>
    new Map(
      (
        await query(
          url,
          `SELECT relname AS name, pg_table_size(oid) AS size FROM pg_class WHERE relkind = 'r' AND relname IN (${names})`,
        )
      ).map(({ name, size }) => [String(name), Number(size)]),
    );
  const vacuumed = await sizes();
  await during(() => delay(WRITING_MS));
  for (const [name, size] of await sizes())
    note('file', `${name} grows in a minute of mail, MiB`, mib(size - vacuumed.get(name)!), { most: 1 });
}
