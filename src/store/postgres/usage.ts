/**
 * Reservations for all members: one transaction under the project's lock reads the windows and takes the
 * places. Requests that this member makes at the same time are decided together, in order, so a busy project
 * needs one round trip to the database for many recipients. Rejects if the database does; then nothing was
 * taken.
 */

import type pg from 'pg';
import { crossing, type Span } from '../../limits/alerts.ts';
import type { SharedUsage, UsageDecision, UsageRequest } from '../../limits/usage.ts';
import { type WindowState, windowState } from '../../limits/window-state.ts';
import {
  add,
  type Counts,
  DAY_WINDOW,
  MINUTE_WINDOW,
  retryAfter,
  used,
  windowStart,
} from '../../limits/windows.ts';
import { storeError } from './errors.ts';

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
          for (const { reject } of batch) reject(storeError(error));
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
    // `told`: the windows for which the project was told that they approach their limit
    const { rows } = await client.query<{
      domain_id: string;
      width: number;
      start: number;
      count: number;
      told: Span | null;
    }>(
      `SELECT domain_id, width, start, count, NULL AS told FROM usage WHERE project_id = $1
        AND ((width = 1 AND start >= $2) OR (width = 60 AND start >= $3))
      UNION ALL SELECT domain_id, 0, 0, 0, span FROM limit_alert WHERE project_id = $1 AND kind = 'approaching'`,
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
    const told = new Set<string>();
    for (const { domain_id, width, start, count, told: window } of rows)
      if (window !== null) told.add(JSON.stringify([domain_id, window]));
      else book(domain_id)[Number(width) === 1 ? 'minute' : 'day'].set(Number(start), Number(count));
    const taken = new Map<string, number>();
    const marks = new Map<string, Mark>();
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
        return { kind: 'over', scope, window, limit, used: used(shape, counts, second), retryAfterSeconds };
      }
      let noted = false;
      for (const { scope, window, shape, counts, limit } of checks) {
        const before = used(shape, counts, second);
        add(shape, counts, second, recipients);
        const owner = scope === 'project' ? '' : domain;
        const key = JSON.stringify([owner, window]);
        const is = crossing(told.has(key), limit, before, before + recipients);
        if (is.told) told.add(key);
        else told.delete(key);
        if (is.crossed) {
          const state = windowState(shape, counts, second * 1000, limit);
          marks.set(key, { owner, window, at: second * 1000, ...state });
          noted = true;
        } else if (is.rearmed) marks.set(key, { owner, window, limit, at: null });
      }
      for (const owner of ['', domain])
        for (const width of [1, 60]) {
          const key = JSON.stringify([owner, width, Math.floor(second / width) * width]);
          taken.set(key, (taken.get(key) ?? 0) + recipients);
        }
      return { kind: 'ok', noted };
    });
    // alerts before usage, as in the writers' batches, to avoid deadlocks
    for (const mark of marks.values()) await note(client, project, mark);
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

/** A window approaches its limit, or (`at` null) is well below it again. */
type Mark = { readonly owner: string; readonly window: Span; readonly limit: number } & (
  | ({ readonly at: number } & WindowState)
  | { readonly at: null }
);
/** In the transaction that takes the places: the alert is as durable as the usage that it tells of. */
async function note(client: pg.PoolClient, project: string, mark: Mark): Promise<void> {
  const key = [project, mark.owner, mark.window];
  if (mark.at === null)
    await client.query(
      `DELETE FROM limit_alert WHERE project_id = $1 AND domain_id = $2 AND span = $3 AND kind = 'approaching' AND due = 0`,
      key,
    );
  else
    await client.query(
      `INSERT INTO limit_alert (project_id, domain_id, span, kind, at, used, cap, returns_at, due) VALUES ($1, $2, $3, 'approaching', $4, $5, $6, $7, 1)
        ON CONFLICT (project_id, domain_id, span, kind) DO UPDATE SET at = excluded.at, used = excluded.used, cap = excluded.cap,
          returns_at = excluded.returns_at, due = 1`,
      [...key, mark.at, mark.used, mark.limit, mark.firstLeavesAt ?? mark.at],
    );
}
