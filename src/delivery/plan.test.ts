/** What is not tried at all: mail of a domain that is no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../runtime/random.ts';
import type { RecipientRow } from '../spool/messages.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import { createPlanner, type PlanDeps, type Work } from './plan.ts';

const row = { id: 'r', address: 'x@out.test', domain: 'out.test' } as RecipientRow;
function work(domainId: string | null, direction = 'outgoing'): Work {
  return {
    head: { projectId: 'p', domainId, direction },
    message: null,
    fresh: false,
    size: 1,
    rows: [row],
  } as unknown as Work;
}
const plan = createPlanner({
  read: {
    domain: async (_project: string, id: string) => (id === 'there' ? { id } : null),
    findDomain: async () => null,
  },
  resolver: createZoneResolver({ 'out.test': { mx: ['mx.out.test'] }, 'mx.out.test': { a: ['192.0.2.1'] } }),
  random: createRandom(),
  sandboxed: async () => false,
  routes: [],
  ownAddresses: [],
  hostname: 'here.test',
  allowPrivate: true,
} as unknown as PlanDeps);

test('mail of a removed domain is cancelled; that of others, and mail of no domain, has its way', async () => {
  const { jobs, settled } = await plan(work('removed'));
  assert.deepEqual(
    [jobs.length, settled.map(({ outcome }) => outcome)],
    [0, [{ kind: 'cancelled', cause: 'the sending domain was removed' }]],
  );
  for (const kept of [work('there'), work(null), work('removed', 'incoming')]) {
    const plans = await plan(kept);
    assert.deepEqual([plans.jobs.length, plans.settled.length], [1, 0]);
  }
});
