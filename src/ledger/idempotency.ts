/**
 * Idempotent calls: the same key and body get the same answer for 24 h; another body, or a first call still running, is
 * a conflict. Only 2xx answers are kept; a secret shown once is null in a replay.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { ConflictError, type Transactor } from '../runtime/transactor.ts';
import type { LedgerReader, LedgerTx } from './types.ts';

export type Begun =
  | { readonly kind: 'first' }
  | { readonly kind: 'replay'; readonly status: number; readonly body: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'other-body' };
export interface Idempotency {
  begin(project: ProjectId, key: string, body: string): Promise<Begun>;
  /** Keeps a 2xx answer; forgets the key for any other, so that it can be tried again. */
  finish(project: ProjectId, key: string, status: number, body: string): Promise<void>;
}
export const ANSWERS_KEPT_MS = 24 * 3_600_000;
/** A first call that left no answer for this long has died with its process. */
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
        if (age < (existing.response === null ? ABANDONED_MS : ANSWERS_KEPT_MS)) {
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

/** What is shown once only. */
const SHOWN_ONCE = ['secret', 'sign_in_url'];
function withoutSecret(body: string): string {
  if (!SHOWN_ONCE.some((name) => body.includes(`"${name}"`))) return body;
  const parsed = JSON.parse(body) as Record<string, unknown>;
  const nulls = SHOWN_ONCE.filter((name) => name in parsed).map((name) => [name, null]);
  return JSON.stringify({ ...parsed, ...Object.fromEntries(nulls) });
}
