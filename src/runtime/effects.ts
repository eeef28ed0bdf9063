/**
 * Effects of a transaction. The callback of a transaction only records. It registers here what must happen once the
 * transaction is committed or has failed. Invariants: each effect runs at most once, in the order of registration, and
 * never before the end of its transaction is known; if the callback itself throws, nothing was recorded and the effects
 * of a failure run. If an effect throws, the others still run.
 */
export interface Effects {
  committed(): void;
  failed(): void;
}
interface Collected {
  readonly commit: (() => void)[];
  readonly failure: (() => void)[];
}
/** The effects of the transaction that records now. Callbacks are synchronous, so there is at most one. */
const state = { current: null as Collected | null };

function leave(list: keyof Collected, effect: () => void): void {
  if (state.current === null) throw new Error('a transaction has effects only during its callback');
  state.current[list].push(effect);
}
/** Registers an effect that runs when the transaction that records now is on disk. */
export const afterCommit = (effect: () => void): void => leave('commit', effect);
/** Registers an effect that runs when the transaction that records now has written nothing, as far as is known. */
export const afterFailure = (effect: () => void): void => leave('failure', effect);

function run(effects: (() => void)[]): void {
  let failure: unknown = null;
  for (const effect of effects.splice(0)) {
    try {
      effect();
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== null) throw failure;
}
/** For transactors: calls the callback. Call `committed` or `failed` of the result once the transaction has ended. */
export function collectEffects(record: () => void): Effects {
  const outer = state.current;
  const mine: Collected = { commit: [], failure: [] };
  state.current = mine;
  try {
    record();
  } catch (error) {
    run(mine.failure);
    throw error;
  } finally {
    state.current = outer;
  }
  return { committed: () => run(mine.commit), failed: () => run(mine.failure) };
}
