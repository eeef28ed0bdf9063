/** Suspensions that an older program stored, without a mark for who made them; and what they are now. */
import assert from 'node:assert/strict';
import type { Store } from '../store.ts';

/** Of the operator for a project and for all projects, and of the project. */
export const SUSPENDER_ROWS = `INSERT INTO suspension (id, project_id, filter, reason, actor, created_at, expires_at) VALUES
  ('1', 'p', '{"project":"p"}', 'r', 'operator on the machine', 1, 9),
  ('2', NULL, '{"project":null}', 'r', 'member m', 1, 9),
  ('3', 'p', '{"project":"p"}', 'operator on the machine', 'api_client k', 1, 9);`;

export async function suspendersAreKnown({ read }: Pick<Store, 'read'>): Promise<void> {
  assert.deepEqual(
    (await read.suspensions()).map(({ id, byOperator }) => [String(id), byOperator]),
    [
      ['1', true],
      ['2', true],
      ['3', false],
    ],
  );
}
