/** The log of sign-in attempts in the store, which iam/attempts.ts counts. Rejects if the store does. */
import { INSTANCE } from '../runtime/ids.ts';
import type { Transactor } from '../runtime/transactor.ts';
import type { LedgerReader, LedgerTx } from './tasks.ts';

export function createAttemptLog(deps: {
  readonly read: Pick<LedgerReader, 'authFailure' | 'authSuccess'>;
  readonly transactor: Transactor<LedgerTx>;
}) {
  const { read, transactor } = deps;
  return {
    failure: (scope: string, nth: number, until: number) => read.authFailure(scope, nth, until),
    success: (scope: string) => read.authSuccess(scope),
    /** Stores one failure in each scope. */
    fail(scopes: readonly string[], at: number, attempt: string): Promise<void> {
      return transactor.transact(
        INSTANCE,
        (tx) => {
          for (const scope of scopes) tx.insertAuthFailure(scope, at, attempt);
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
