/** What the rooms' parts of the conformance suite share: a test that gets a fresh store, and checks of refusals. */
import assert from 'node:assert/strict';
import { ConflictError } from '../../runtime/transactor.ts';
import type { Store } from '../store.ts';

/** A test with an empty store of its own. */
export type WithStore = (title: string, body: (store: Store) => Promise<void>) => void;
export const ALL = { limit: 500, cursor: null };
/** For assert.rejects: the ConflictError of this name. */
export const conflict = (what: string) => (error: unknown) => {
  assert.ok(error instanceof ConflictError, String(error));
  assert.equal(error.what, what);
  return true;
};

/** What of a store was called, and what it has: names as `read.project`, `tx.insertProject`, `sweep`. */
export interface Calls {
  readonly had: Set<string>;
  readonly made: Set<string>;
}
/** The same store, whose calls are noted. */
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
