/**
 * The log of attempts to sign in, over the store: what iam/attempts.ts counts by. Nothing older than what it is asked to
 * keep stays for more than a minute longer than somebody fails. Rejects where the store does.
 */
import { INSTANCE } from '../runtime/ids.ts';
import type { Transactor } from '../runtime/transactor.ts';
import type { LedgerReader, LedgerTx } from './types.ts';

const PRUNE_EVERY_MS = 60_000;

export function createAttemptLog(deps: {
  readonly read: Pick<LedgerReader, 'authFailure' | 'authSuccess'>;
  readonly transactor: Transactor<LedgerTx>;
}) {
  const { read, transactor } = deps;
  let prunedAt = 0;
  return {
    failure: (scope: string, nth: number) => read.authFailure(scope, nth),
    success: (scope: string) => read.authSuccess(scope),
    /** One failure in each of the scopes. What lies before `since` is let go. */
    fail(scopes: readonly string[], at: number, attempt: string, since: number): Promise<void> {
      return transactor.transact(
        INSTANCE,
        (tx) => {
          for (const scope of scopes) tx.insertAuthFailure(scope, at, attempt);
          if (at - prunedAt < PRUNE_EVERY_MS) return;
          prunedAt = at;
          tx.pruneAuth(since);
        },
        true,
      );
    },
    succeed(
      taken: { readonly scopes: readonly string[]; readonly attempt: string } | null,
      scopes: readonly string[],
      at: number,
    ): Promise<void> {
      return transactor.transact(
        INSTANCE,
        (tx) => {
          for (const scope of taken?.scopes ?? []) tx.deleteAuthFailure(scope, taken!.attempt);
          for (const scope of scopes) tx.setAuthSuccess(scope, at);
        },
        true,
      );
    },
  };
}
