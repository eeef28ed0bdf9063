/**
 * The problem of a write that the store did not take: 507 if its disk is full, 503 otherwise. If the store did
 * not answer in time, the write may have been done; the same request with the same Idempotency-Key is safe.
 */
import { Problem } from './problems.ts';

export function storeProblem(
  { retryable, full }: { readonly retryable: boolean; readonly full: boolean },
  whenFull: string,
): Problem {
  if (!retryable)
    return new Problem('store-unavailable', 'the database is read-only or has failed, try again later');
  if (full) return new Problem('insufficient-storage', whenFull, { headers: { 'retry-after': '60' } });
  return new Problem(
    'store-unavailable',
    'the store did not answer, and may have done this nevertheless: repeat the request with the same Idempotency-Key',
    { headers: { 'retry-after': '5' } },
  );
}
