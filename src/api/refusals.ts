/**
 * Refused attempts in the audit log: who was refused, at which operation and target, and why. A refusal is an answer 403
 * to a caller who is known. Invariants: a caller's first refusal at an operation is written before its answer is sent;
 * those of the next minute are counted and written as one event; a caller gets so many events at once and one more each
 * minute, and what is beyond stays in the count of the next event. So no flood of refusals fills the store. An audit log
 * that cannot be written does not change the answer; the service's log says so.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { permissionOf } from '../contract/operation.ts';
import type { AuditEvent, AuditTx } from '../ledger/audit.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Random } from '../runtime/random.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { auditActorOf } from './audit-recorder.ts';
import type { Problem } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The problem of the answer. */
    refusal: Problem | null;
  }
}
const MINUTE = 60_000;
/** Events of a caller at once. */
const AT_ONCE = 30;
/** Callers, and pairs of caller and operation, that are remembered; of others the oldest are forgotten first. */
const MOST = 10_000;
const LONGEST_REASON = 300;
const MOST_FIELDS = 50;

/** Refusals of a caller at an operation that are not written yet. */
interface Counted {
  times: number;
  last: Omit<AuditEvent, 'id' | 'refused'> | null;
  reason: string;
  timer: Timer | null;
}
export interface Refusals {
  attach(scope: FastifyInstance): void;
}

export function createRefusals(deps: {
  /** A transactor without audit. */
  readonly transactor: Transactor<AuditTx>;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
}): Refusals {
  const { transactor, random, clock, logger } = deps;
  const counts = new Map<string, Counted>();
  const budgets = new Map<string, { left: number; at: number }>();

  /** Whether the caller may get one more event now; takes it from the budget. */
  function mayWrite(caller: string): boolean {
    const now = clock.monotonic();
    const { left, at } = budgets.get(caller) ?? { left: AT_ONCE, at: now };
    const filled = Math.min(AT_ONCE, left + (now - at) / MINUTE);
    budgets.delete(caller);
    budgets.set(caller, { left: filled >= 1 ? filled - 1 : filled, at: now });
    forgetOldest(budgets);
    return filled >= 1;
  }
  async function write({ times, last, reason }: Counted): Promise<void> {
    if (last === null || times === 0) return;
    const event: AuditEvent = { ...last, id: random.id(), refused: { reason, times } };
    try {
      await transactor.transact(event.projectId, (tx) => tx.insertAuditEvent(event));
    } catch (error) {
      logger.warn({ err: error, operation: event.operation }, 'a refused attempt could not be recorded');
    }
  }
  /** Writes what was counted in the minute; waits for the next one if the caller has no event left. */
  async function endOfMinute(key: string, caller: string, counted: Counted): Promise<void> {
    counted.timer = null;
    if (counted.times === 0) {
      counts.delete(key);
      return;
    }
    const isDue = mayWrite(caller);
    begin(key, caller, counted);
    if (!isDue) return;
    const due = { ...counted };
    counted.times = 0;
    await write(due);
  }
  function begin(key: string, caller: string, counted: Counted): void {
    counted.timer = clock.after(MINUTE, () => void endOfMinute(key, caller, counted));
  }
  async function record(event: Omit<AuditEvent, 'id' | 'refused'>, reason: string): Promise<void> {
    const caller = `${event.actor.kind} ${event.actor.id ?? ''}`;
    const key = `${caller} ${event.projectId} ${event.operation}`;
    const known = counts.get(key);
    if (known !== undefined) {
      Object.assign(known, { times: known.times + 1, last: event, reason });
      return;
    }
    const isDue = mayWrite(caller);
    const counted: Counted = { times: isDue ? 0 : 1, last: event, reason, timer: null };
    counts.set(key, counted);
    begin(key, caller, counted);
    const forgotten = forgetOldest(counts);
    forgotten?.timer?.cancel();
    await Promise.all([isDue ? write({ ...counted, times: 1 }) : null, forgotten && write(forgotten)]);
  }
  return {
    attach(scope) {
      scope.addHook('onSend', async (request, reply, payload) => {
        const { refusal } = request;
        if (reply.statusCode !== 403 || refusal === null) return payload;
        const actor = auditActorOf(request);
        if (actor.kind === 'unknown') return payload;
        await record(eventOf(request, actor, clock.now()), reasonOf(refusal));
        return payload;
      });
      scope.addHook('onClose', async () => {
        const left = [...counts.values()];
        counts.clear();
        for (const { timer } of left) timer?.cancel();
        await Promise.all(left.map(write));
      });
    },
  };
}
const reasonOf = ({ type, message }: Problem) => `${type}: ${message}`.slice(0, LONGEST_REASON);

function eventOf(
  request: FastifyRequest,
  actor: AuditEvent['actor'],
  at: number,
): Omit<AuditEvent, 'id' | 'refused'> {
  const { principal, url, ip, body, audit, routeOptions } = request;
  const { operation } = routeOptions.config;
  const named = operation === undefined ? '' : (operation.step ?? permissionOf(operation) ?? operation.id);
  const fields = typeof body === 'object' && body !== null ? Object.keys(body).sort() : [];
  return {
    projectId: principal?.projectId ?? INSTANCE,
    actor,
    operation: audit?.operation ?? named,
    target: url.split('?', 1)[0]!,
    address: ip,
    at,
    // Of a subscriber the settings are not known yet, so the names may be any.
    fields: fields.slice(0, MOST_FIELDS).map((name) => name.slice(0, MOST_FIELDS)),
    outcome: 'failed',
  };
}
/** Keeps the map within its bound; returns what it forgot. */
function forgetOldest<V>(map: Map<string, V>): V | undefined {
  if (map.size <= MOST) return undefined;
  const [key, value] = map.entries().next().value!;
  map.delete(key);
  return value;
}
