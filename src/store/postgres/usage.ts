/**
 * Reservations that hold for all members: the windows are read and the places taken in one transaction under the
 * project's lock. What is asked together by this member is decided together, in order, so that a busy project costs one
 * round of the database for many recipients. Rejects where the database does; then nothing was taken.
 */

import type pg from 'pg';
import type { SharedUsage, UsageDecision, UsageRequest } from '../../limits/types.ts';
import {
  add,
  type Counts,
  DAY_WINDOW,
  MINUTE_WINDOW,
  retryAfter,
  used,
  windowStart,
} from '../../limits/windows.ts';

interface Waiting {
  readonly request: UsageRequest;
  readonly resolve: (decision: UsageDecision) => void;
  readonly reject: (error: unknown) => void;
}
const AT_ONCE = 500;

export function createSharedUsage(pool: pg.Pool): SharedUsage {
  const waiting = new Map<string, Waiting[]>();
  const busy = new Set<string>();

  async function serve(project: string): Promise<void> {
    if (busy.has(project)) return;
    busy.add(project);
    try {
      for (;;) {
        const all = waiting.get(project) ?? [];
        if (all.length === 0) break;
        const batch = all.splice(0, AT_ONCE);
        try {
          const decisions = await decide(pool, project, batch);
          batch.forEach(({ resolve }, i) => {
            resolve(decisions[i]!);
          });
        } catch (error) {
          for (const { reject } of batch) reject(error);
        }
      }
    } finally {
      busy.delete(project);
      waiting.delete(project);
    }
  }
  return {
    take(request) {
      return new Promise((resolve, reject) => {
        const queue = waiting.get(request.project) ?? [];
        queue.push({ request, resolve, reject });
        waiting.set(request.project, queue);
        void serve(request.project);
      });
    },
    async giveBack(project, domain, second, recipients) {
      for (const owner of ['', domain])
        for (const width of [1, 60])
          await pool.query(
            'UPDATE usage SET count = count - $5 WHERE project_id = $1 AND domain_id = $2 AND width = $3 AND start = $4',
            [project, owner, width, Math.floor(second / width) * width, recipients],
          );
    },
  };
}

async function decide(pool: pg.Pool, project: string, batch: readonly Waiting[]): Promise<UsageDecision[]> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('hikyaku usage ' || $1, 0))`, [
      project,
    ]);
    const earliest = Math.min(...batch.map(({ request }) => request.second));
    const { rows } = await client.query<{ domain_id: string; width: number; start: number; count: number }>(
      `SELECT domain_id, width, start, count FROM usage WHERE project_id = $1
        AND ((width = 1 AND start >= $2) OR (width = 60 AND start >= $3))`,
      [project, windowStart(MINUTE_WINDOW, earliest), windowStart(DAY_WINDOW, earliest)],
    );
    const books = new Map<string, { minute: Counts; day: Counts }>();
    const book = (owner: string) => {
      let found = books.get(owner);
      if (found === undefined) {
        found = { minute: new Map(), day: new Map() };
        books.set(owner, found);
      }
      return found;
    };
    for (const { domain_id, width, start, count } of rows)
      book(domain_id)[Number(width) === 1 ? 'minute' : 'day'].set(Number(start), Number(count));
    const taken = new Map<string, number>();
    const decisions = batch.map(({ request }): UsageDecision => {
      const { domain, second, recipients, limits } = request;
      const checks = [
        {
          scope: 'project',
          window: 'minute',
          shape: MINUTE_WINDOW,
          counts: book('').minute,
          limit: limits.project.perMinute,
        },
        {
          scope: 'project',
          window: 'day',
          shape: DAY_WINDOW,
          counts: book('').day,
          limit: limits.project.perDay,
        },
        {
          scope: 'domain',
          window: 'minute',
          shape: MINUTE_WINDOW,
          counts: book(domain).minute,
          limit: limits.domain.perMinute,
        },
        {
          scope: 'domain',
          window: 'day',
          shape: DAY_WINDOW,
          counts: book(domain).day,
          limit: limits.domain.perDay,
        },
      ] as const;
      for (const { scope, window, shape, counts, limit } of checks) {
        if (limit === 0 || used(shape, counts, second) + recipients <= limit) continue;
        const retryAfterSeconds = retryAfter(shape, counts, second, limit, recipients);
        return { kind: 'over', scope, window, limit, retryAfterSeconds };
      }
      for (const { shape, counts } of checks) add(shape, counts, second, recipients);
      for (const owner of ['', domain])
        for (const width of [1, 60]) {
          const key = JSON.stringify([owner, width, Math.floor(second / width) * width]);
          taken.set(key, (taken.get(key) ?? 0) + recipients);
        }
      return { kind: 'ok' };
    });
    for (const [key, count] of [...taken].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const [owner, width, start] = JSON.parse(key) as [string, number, number];
      await client.query(
        `INSERT INTO usage (project_id, domain_id, width, start, count) VALUES ($1, $2, $3, $4, $5)
          ON CONFLICT (project_id, domain_id, width, start) DO UPDATE SET count = usage.count + excluded.count`,
        [project, owner, width, start, count],
      );
    }
    await client.query('COMMIT');
    return decisions;
  } catch (error) {
    broken = error as Error;
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release(broken);
  }
}
