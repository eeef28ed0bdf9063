/**
 * The waiting mail of a project at all nodes, in pages by lane. Only the index of waiting rows is read: each
 * lane of the page is found with one lookup and then counted. Invariants: a fresh answer is exact. If
 * counting took long, the same answer is given again for twenty times as long, at most 5 s, so paging through
 * a long queue does not count it for each page.
 */

import type { Clock } from '../../runtime/clock.ts';
import type { ProjectId } from '../../runtime/ids.ts';
import type { LanePage, LaneSummary, Queue } from '../../spool/messages.ts';
import type { Owners } from './owners.ts';
import { LONG_READ, type Reading } from './reading.ts';

export type ReadQueue = (project: ProjectId, page: LanePage) => Promise<Queue>;

const COUNTS = `count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'deferred') AS deferred,
  count(*) FILTER (WHERE state = 'held') AS held`;
/** $1 owners, $2 the project. */
const DEPTH = `SELECT ${COUNTS} FROM recipient WHERE owner = ANY ($1::text[]) AND project_id = $2 AND next_attempt_at IS NOT NULL`;
/** The first $4 lanes after $3. */
const LANES = `WITH RECURSIVE walk (lane, n) AS (
    SELECT $3::text COLLATE "C", 0
    UNION ALL
    SELECT (SELECT min(m.lane) FROM unnest($1::text[]) AS o (owner) CROSS JOIN LATERAL (
        SELECT r.lane FROM recipient r WHERE r.owner = o.owner AND r.project_id = $2 AND r.next_attempt_at IS NOT NULL
          AND r.lane > walk.lane ORDER BY r.lane LIMIT 1) m), n + 1
      FROM walk WHERE walk.lane IS NOT NULL AND n < $4::int8
  )
  SELECT walk.lane, c.* FROM walk CROSS JOIN LATERAL (
      SELECT ${COUNTS}, min(next_attempt_at) AS next_due FROM recipient r
        WHERE r.owner = ANY ($1::text[]) AND r.project_id = $2 AND r.lane = walk.lane AND r.next_attempt_at IS NOT NULL) c
    WHERE walk.n > 0 AND walk.lane IS NOT NULL ORDER BY walk.lane`;
/** A result that is counted faster than this is counted anew each time. */
const QUICK_MS = 25;
const TIMES = 20;
const LONGEST_MS = 5000;

interface LaneCells extends Record<'queued' | 'deferred' | 'held', number> {
  readonly lane: string;
  /** null if the mail that waited a moment ago no longer waits. */
  readonly next_due: number | null;
}

export function postgresQueue(deps: {
  readonly all: Reading;
  readonly owners: Owners;
  readonly clock: Clock;
}): ReadQueue {
  const { all, owners, clock } = deps;
  const dear = new Map<string, { readonly until: number; readonly rows: readonly unknown[] }>();

  async function counted<R>(text: string, values: readonly (string | number)[]): Promise<readonly R[]> {
    const key = JSON.stringify([text === DEPTH, ...values]);
    const known = dear.get(key);
    const began = clock.monotonic();
    if (known !== undefined && known.until > began) return known.rows as readonly R[];
    const rows = await all<R>(text, [await owners.all('recipient'), ...values], LONG_READ);
    const now = clock.monotonic();
    for (const [each, { until }] of dear) if (until <= now) dear.delete(each);
    if (now - began > QUICK_MS)
      dear.set(key, { until: now + Math.min(TIMES * (now - began), LONGEST_MS), rows });
    return rows;
  }
  return async (project, { after, limit }) => {
    const [depth, lanes] = await Promise.all([
      counted<Queue['depth']>(DEPTH, [project]),
      counted<LaneCells>(LANES, [project, after ?? '', limit]),
    ]);
    return {
      depth: depth[0]!,
      lanes: lanes.flatMap(({ lane, next_due, queued, deferred, held }): LaneSummary[] =>
        next_due === null ? [] : [{ project, lane, queued, deferred, held, nextDue: next_due }],
      ),
    };
  };
}
