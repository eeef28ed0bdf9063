/**
 * One job tried: bytes, signature, pooled transaction, outcomes. Also remembers servers that cannot be reached:
 * after three failures in a row the rest of their mail waits without each item spending a time-out of its own.
 * Never rejects: what fails on this side becomes a deferral.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Pool } from '../smtp/client/pool.ts';
import type { SpoolReader, StoredMessage } from '../spool/types.ts';
import { deferredHere, type Outcome, outcomesOf } from './outcome.ts';
import type { Job, Work } from './plan.ts';

export interface AttemptDeps {
  readonly pool: Pool;
  readonly read: SpoolReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** DKIM-Signature fields, each CRLF-ended; '' for none. */
  readonly sign: (message: StoredMessage) => Promise<string>;
  /** ms for which unreachable servers are left alone */
  readonly restMs: number;
}
type RemoteJob = Extract<Job, { kind: 'remote' }>;
const FAILURES = 3;

/** The message with its bytes, from memory or from the store; null when it is gone. */
export async function bytesOf(work: Work, read: SpoolReader): Promise<StoredMessage | null> {
  return work.message ?? (await read.message(work.head.projectId, work.head.id));
}

/** The attempt function: one outcome per row of the job, in order. */
export function createAttempt(deps: AttemptDeps): (job: RemoteJob) => Promise<readonly Outcome[]> {
  const unreachable = new Map<string, { failures: number; until: number; outcome: Outcome }>();

  return async function attempt(job) {
    const { target, rows, work } = job;
    const rest = unreachable.get(target.key);
    if (rest !== undefined && rest.failures >= FAILURES && rest.until > deps.clock.monotonic())
      return rows.map(() => rest.outcome);
    try {
      const message = await bytesOf(work, deps.read);
      if (message === null) return rows.map(() => deferredHere('4.3.0', 'the message is not in the store'));
      const signature = await deps.sign(message);
      const header =
        signature === '' ? message.prefix : Buffer.concat([Buffer.from(signature), message.prefix]);
      const report = await deps.pool.deliver(target, {
        mailFrom: message.mailFrom,
        recipients: rows.map((row) => row.address),
        header,
        raw: message.raw,
        smtputf8: message.smtputf8,
        eightBit: message.eightBit,
      });
      const outcomes = outcomesOf(report);
      if (report.reached) unreachable.delete(target.key);
      else if (report.remote !== null) {
        if (unreachable.size > 10_000) unreachable.clear();
        const failures = (rest?.failures ?? 0) + 1;
        unreachable.set(target.key, {
          failures,
          until: deps.clock.monotonic() + deps.restMs,
          outcome: outcomes[0]!,
        });
      }
      return outcomes;
    } catch (error) {
      deps.logger.error({ error, message: work.head.id }, 'attempt failed on this side');
      return rows.map(() => deferredHere('4.3.0', 'internal error'));
    }
  };
}
