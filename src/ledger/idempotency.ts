/**
 * Idempotent calls: the same key and request get the same answer for 24 h. A different request, or a first call
 * that is still running, is a conflict. Only 2xx answers are stored. In a repeated answer, a secret that is
 * shown once is null. Requests are compared as canonical JSON, so their values count and not their text.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { ConflictError, StoreError, type Transactor } from '../runtime/transactor.ts';
import type { IdempotencyRecord, LedgerReader, LedgerTx } from './tasks.ts';

export type Begun =
  | { readonly kind: 'first' }
  | { readonly kind: 'replay'; readonly status: number; readonly body: string }
  | { readonly kind: 'running' }
  | { readonly kind: 'other-body' };
/** A call in the form in which it is stored: its scope with the caller's key, and what was requested. */
export interface KeyedCall {
  readonly key: string;
  readonly request: string;
}
export interface Idempotency {
  /** `former`: the same call in the forms in which earlier versions stored it. */
  begin(project: ProjectId, call: KeyedCall, former?: readonly KeyedCall[]): Promise<Begun>;
  /** Stores a 2xx answer. Forgets the key for any other answer, so the call can be tried again. */
  finish(project: ProjectId, key: string, status: number, body: string): Promise<void>;
}
export const ANSWERS_KEPT_MS = 24 * 3_600_000;
/** If a first call has no answer after this long, its process has died. */
const ABANDONED_MS = 10 * 60_000;
const AGAIN_MS = 1_000;

export function createIdempotency(deps: {
  read: LedgerReader;
  transactor: Transactor<LedgerTx>;
  clock: Clock;
}): Idempotency {
  const { read, transactor, clock } = deps;
  /**
   * The call has ended without an answer to keep, so the key is free again. If its own transaction was committed
   * although the store did not say so, the answer is there and stays. A store that is away is asked again; until
   * then the call counts as running, at most for ABANDONED_MS. Never rejects.
   */
  async function forget(project: ProjectId, key: string, begunBy: number): Promise<void> {
    for (let waited = 0; waited < ABANDONED_MS; waited += AGAIN_MS) {
      try {
        await transactor.transact(project, (tx) => tx.forgetUnanswered(project, key, begunBy));
        return;
      } catch (error) {
        if (!(error instanceof StoreError) || !error.retryable) return;
      }
      await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
    }
  }
  return {
    async begin(project, call, former = []) {
      const now = clock.now();
      const { key } = call;
      const existing = await read.idempotency(project, key);
      if (existing !== null && isCurrent(existing, now)) return begunOf(existing, call);
      const earlier = await Promise.all(former.map((one) => read.idempotency(project, one.key)));
      for (const [i, record] of earlier.entries())
        if (record !== null && isCurrent(record, now)) return begunOf(record, former[i]!);
      const requestHash = hashOf(call);
      try {
        await transactor.transact(project, (tx) => {
          if (existing !== null) tx.deleteIdempotency(project, key);
          tx.insertIdempotency({ projectId: project, key, requestHash, response: null, createdAt: now });
        });
        return { kind: 'first' };
      } catch (error) {
        if (error instanceof ConflictError) return { kind: 'running' };
        // It may have been stored nevertheless; then nobody would answer for it.
        if (error instanceof StoreError) void forget(project, key, now);
        throw error;
      }
    },
    async finish(project, key, status, body) {
      if (status < 200 || status >= 300) {
        const forgotten = forget(project, key, clock.now());
        // Who was told that the store is away has waited for it already.
        return status >= 500 ? undefined : forgotten;
      }
      await transactor.transact(project, (tx) => {
        tx.completeIdempotency(project, key, { status, body: withoutSecret(body) });
      });
    },
  };
}

const hashOf = ({ request }: KeyedCall): Buffer => createHash('sha256').update(request).digest();
function isCurrent({ createdAt, response }: IdempotencyRecord, now: number): boolean {
  const age = now - createdAt;
  // An unanswered call so far ahead was begun while the clock was ahead; it has ended long ago.
  if (response === null) return age >= -ABANDONED_MS && age < ABANDONED_MS;
  return age < ANSWERS_KEPT_MS;
}
function begunOf({ requestHash, response }: IdempotencyRecord, call: KeyedCall): Begun {
  if (!requestHash.equals(hashOf(call))) return { kind: 'other-body' };
  return response === null ? { kind: 'running' } : { kind: 'replay', ...response };
}
/**
 * JSON in which equal values have equal text: the keys of objects are sorted as in RFC 8785 §3.2.3. JSON.stringify
 * writes numbers and strings in the form that §3.2.2 requires.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Fields that are shown only once. */
const SHOWN_ONCE = ['secret', 'sign_in_url'];
function withoutSecret(body: string): string {
  if (!SHOWN_ONCE.some((name) => body.includes(`"${name}"`))) return body;
  const parsed = JSON.parse(body) as Record<string, unknown>;
  const nulls = SHOWN_ONCE.filter((name) => name in parsed).map((name) => [name, null]);
  return JSON.stringify({ ...parsed, ...Object.fromEntries(nulls) });
}
