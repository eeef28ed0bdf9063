/**
 * From a message and its due recipients to jobs: which go to which servers in one transaction, which stay on this
 * machine, and which are settled without trying: also those of a domain that was removed. Recipients of one message behind the same servers share a job,
 * at most 100 each (RFC 5321 §4.5.3.1.8: every server takes so many).
 */
import { type DomainReader, isHosted } from '../domains/mta-domains.ts';
import type { Domain } from '../mail/domain.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { SharedResolver } from '../runtime/resolver.ts';
import type { Target } from '../smtp/client/pool.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';
import type { Outcome } from './outcome.ts';
import { findRoute, type RouteDeps } from './route.ts';
import type { Change, MessageHead } from './settle.ts';
import { sandboxOutcome } from './simulator.ts';

/** A message with recipients this process holds. */
export interface Work {
  readonly head: MessageHead;
  /** The message with its bytes while the memory budget allows; else read again at the attempt. */
  readonly message: StoredMessage | null;
  /** Straight from its accepting commit, not read back from the store. */
  readonly fresh: boolean;
  /** Octets of the message. */
  readonly size: number;
  readonly rows: readonly RecipientRow[];
}
export interface RemoteJob {
  readonly kind: 'remote';
  readonly work: Work;
  readonly rows: readonly RecipientRow[];
  readonly target: Target;
}
export type Job =
  | RemoteJob
  | { readonly kind: 'hosted'; readonly work: Work; readonly rows: readonly RecipientRow[] };
export interface Plans {
  readonly jobs: readonly Job[];
  readonly settled: readonly { readonly row: RecipientRow; readonly outcome: Outcome | Change }[];
}
export interface PlanDeps extends RouteDeps {
  readonly resolver: SharedResolver;
  readonly clock: Clock;
  readonly read: DomainReader;
  /** Mail of this project stays on this machine. */
  readonly sandboxed: (project: ProjectId) => Promise<boolean>;
}

const PER_JOB = 100;
const ORPHANED = 'the sending domain was removed';

export function createPlanner(deps: PlanDeps): (work: Work) => Promise<Plans> {
  async function hostedHere(domain: string): Promise<boolean> {
    const found = await deps.read.findDomain(domain as Domain);
    return found !== null && isHosted(found);
  }

  /** The domain it was sent with is no more: nothing leaves in its name. */
  async function isOrphaned({ projectId, domainId, direction }: MessageHead): Promise<boolean> {
    if (domainId === null || direction !== 'outgoing') return false;
    return (await deps.read.domain(projectId, domainId)) === null;
  }

  /** Rejects where the store does. */
  return async function plan(work) {
    const resolver = deps.resolver.for(work.head.projectId);
    const jobs: Job[] = [];
    const settled: { row: RecipientRow; outcome: Outcome | Change }[] = [];
    if (await isOrphaned(work.head)) {
      const outcome: Change = { kind: 'cancelled', cause: ORPHANED };
      return { jobs, settled: work.rows.map((row) => ({ row, outcome })) };
    }
    const byDomain = Map.groupBy(work.rows, (row) => row.domain);
    const targets = new Map<string, { target: Target; rows: RecipientRow[] }>();
    const hostedRows: RecipientRow[] = [];
    await Promise.all(
      [...byDomain].map(async ([domain, rows]) => {
        if (await hostedHere(domain)) {
          hostedRows.push(...rows);
          return;
        }
        if (await deps.sandboxed(work.head.projectId)) {
          for (const row of rows) settled.push({ row, outcome: sandboxOutcome(row.address) });
          return;
        }
        const found = await findRoute(domain, { ...deps, resolver });
        if (found.kind === 'settled') {
          for (const row of rows) settled.push({ row, outcome: found.outcome });
          return;
        }
        const same = targets.get(found.target.key);
        if (same === undefined) targets.set(found.target.key, { target: found.target, rows: [...rows] });
        else same.rows.push(...rows);
      }),
    );
    for (const rows of chunks(hostedRows)) jobs.push({ kind: 'hosted', work, rows });
    for (const { target, rows } of targets.values())
      for (const some of chunks(rows)) jobs.push({ kind: 'remote', work, rows: some, target });
    return { jobs, settled };
  };
}

function chunks<T>(items: readonly T[]): (readonly T[])[] {
  const out: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += PER_JOB) out.push(items.slice(at, at + PER_JOB));
  return out;
}
