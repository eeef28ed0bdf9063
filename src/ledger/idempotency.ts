/**
 * Idempotent calls: the same key and body get the same answer for 24 h. A different body, or a first call
 * that is still running, is a conflict. Only 2xx answers are stored. In a repeated answer, a secret that is
 * shown once is null.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { ConflictError, type Transactor } from '../runtime/transactor.ts';
import type { LedgerReader, LedgerTx } from './tasks.ts';

export type Begun =
  | { readonly kind: 'first' }
  | { readonly kind: 'replay'; readonly status: number; readonly body: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'other-body' };
export interface Idempotency {
  begin(project: ProjectId, key: string, body: string): Promise<Begun>;
  /** Stores a 2xx answer. Forgets the key for any other answer, so the call can be tried again. */
  finish(project: ProjectId, key: string, status: number, body: string): Promise<void>;
}
export const ANSWERS_KEPT_MS = 24 * 3_600_000;
/** If a first call has no answer after this long, its process has died. */
const ABANDONED_MS = 10 * 60_000;

export function createIdempotency(deps: {
  read: LedgerReader;
  transactor: Transactor<LedgerTx>;
  clock: Clock;
}): Idempotency {
  const { read, transactor, clock } = deps;
  return {
    async begin(project, key, body) {
      const requestHash = createHash('sha256').update(body).digest();
      const now = clock.now();
      const existing = await read.idempotency(project, key);
      if (existing !== null) {
        const age = now - existing.createdAt;
        // An unanswered call so far ahead was begun while the clock was ahead; it has ended long ago.
        const isAhead = existing.response === null && age < -ABANDONED_MS;
        if (!isAhead && age < (existing.response === null ? ABANDONED_MS : ANSWERS_KEPT_MS)) {
          if (!existing.requestHash.equals(requestHash)) return { kind: 'other-body' };
          if (existing.response === null) return { kind: 'running' };
          return { kind: 'replay', ...existing.response };
        }
      }
      try {
        await transactor.transact(project, (tx) => {
          if (existing !== null) tx.deleteIdempotency(project, key);
          tx.insertIdempotency({ projectId: project, key, requestHash, response: null, createdAt: now });
        });
        return { kind: 'first' };
      } catch (error) {
        if (error instanceof ConflictError) return { kind: 'running' };
        throw error;
      }
    },
    async finish(project, key, status, body) {
      await transactor.transact(project, (tx) => {
        if (status >= 200 && status < 300)
          tx.completeIdempotency(project, key, { status, body: withoutSecret(body) });
        else tx.deleteIdempotency(project, key);
      });
    },
  };
}

/** Fields that are shown only once. */
const SHOWN_ONCE = ['secret', 'sign_in_url'];
function withoutSecret(body: string): string {
  if (!SHOWN_ONCE.some((name) => body.includes(`"${name}"`))) return body;
  const parsed = JSON.parse(body) as Record<string, unknown>;
  const nulls = SHOWN_ONCE.filter((name) => name in parsed).map((name) => [name, null]);
  return JSON.stringify({ ...parsed, ...Object.fromEntries(nulls) });
}
