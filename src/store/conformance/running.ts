/** Helpers for the parts of the conformance suite: a test that gets a fresh store, and checks of errors. */
import assert from 'node:assert/strict';
import { ConflictError } from '../../runtime/transactor.ts';
import type { Store } from '../store.ts';

/** A test with its own empty store. */
export type WithStore = (title: string, body: (store: Store) => Promise<void>) => void;
export const ALL = { limit: 500, cursor: null };
/** For assert.rejects: the ConflictError of this name. */
export const conflict = (what: string) => (error: unknown) => {
  assert.ok(error instanceof ConflictError, String(error));
  assert.equal(error.what, what);
  return true;
};

/**
 * The functions of a store that were called, and those that exist, by names such as `read.project`,
 * `tx.insertProject`, `sweep`.
 */
export interface Calls {
  readonly had: Set<string>;
  readonly made: Set<string>;
}
/** The same store; its calls are recorded. */
export function noting(store: Store, calls: Calls): Store {
  function noted<T extends object>(prefix: string, target: T, over: Partial<T> = {}): T {
    for (const [name, value] of Object.entries(target))
      if (typeof value === 'function') calls.had.add(prefix + name);
    return new Proxy(target, {
      get(_, name) {
        if (typeof name === 'string' && calls.had.has(prefix + name)) calls.made.add(prefix + name);
        return Object.hasOwn(over, name) ? over[name as keyof T] : Reflect.get(target, name);
      },
    });
  }
  return noted('', store, {
    read: noted('read.', store.read),
    transact: (project, record, urgent) => store.transact(project, (tx) => record(noted('tx.', tx)), urgent),
  });
}
