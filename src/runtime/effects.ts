/**
 * Effects of a transaction: its callback only records, and what is to happen once it is committed, or has failed, is left
 * here meanwhile. Invariants: each effect runs at most once, in the order in which it was left, and never before the end of
 * its transaction is known; where the callback itself throws, nothing was recorded and the effects of a failure run. An
 * effect that throws keeps no other from running.
 */
export interface Effects {
  committed(): void;
  failed(): void;
}
interface Collected {
  readonly commit: (() => void)[];
  readonly failure: (() => void)[];
}
/** Of the transaction that records now: callbacks are synchronous, so that there is one at most. */
const state = { current: null as Collected | null };

function leave(list: keyof Collected, effect: () => void): void {
  if (state.current === null) throw new Error('a transaction has effects only during its callback');
  state.current[list].push(effect);
}
/** Runs when what is being recorded is on disk. */
export const afterCommit = (effect: () => void): void => leave('commit', effect);
/** Runs when nothing of what is being recorded was written, as far as is known. */
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
/** For transactors: calls the callback, and gives back what is to be called once its end is known. */
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
