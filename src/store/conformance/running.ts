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
