/** Counted caps through the API: of 60 requests at once, exactly those succeed for which there is a place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Journey, type Json, startJourney } from './journey.ts';

const CALLERS = 60;

interface Case {
  readonly path: (journey: Journey) => string;
  readonly body: (i: number) => object;
  readonly problem: string;
  /** How many rows are made before, and how many of the 60 requests then find a place. */
  readonly before: number;
  readonly places: number;
  /** So many requests of a project run or wait at once; the service refuses others, whatever the cap says. */
  readonly chunk?: number;
}
const CASES: Readonly<Record<string, Case>> = {
  roles: {
    path: () => '/iam/v1/roles',
    body: (i) => ({ name: `role-${i}`, operations: ['mta.domains.send'] }),
    problem: '/problems/too-many-roles',
    before: 170,
    places: 30,
  },
  invitations: {
    path: () => '/iam/v1/invitations',
    body: (i) => ({ email: `m${i}@people.test`, roles: ['sender'], mail: false }),
    problem: '/problems/too-many-invitations',
    before: 0,
    places: 50,
  },
  'DKIM keys': {
    path: ({ who }) => `/mta/v1/domains/${who.domain_id}/dkim_keys`,
    body: () => ({ algorithm: 'ed25519' }),
    problem: '/problems/too-many-keys',
    before: 0,
    // The domain has two keys.
    places: 18,
  },
  suspensions: {
    path: () => '/mta/v1/queues',
    body: (i) => ({ action: 'suspend', filter: { domain: `d${i}.test` } }),
    problem: '/problems/too-many-suspensions',
    before: 45,
    places: 5,
    chunk: 5,
  },
};

test('60 requests at once at each counted cap: exactly the free places are taken', async (t) => {
  await using journey = await startJourney();
  for (const [name, { path, body, problem, before, places, chunk = 34 }] of Object.entries(CASES))
    await t.test(name, async () => {
      const post = (i: number): Promise<{ status: number; json: Json }> =>
        journey.call('POST', path(journey), body(i));
      for (let i = 0; i < before; i += chunk)
        await Promise.all(Array.from({ length: Math.min(chunk, before - i) }, (_, k) => post(i + k)));
      const answers = await Promise.all(Array.from({ length: CALLERS }, (_, i) => post(before + i)));
      const made = answers.filter(({ status }) => status === 200 || status === 201);
      const refused = answers.filter(({ status, json }) => json.type === problem || status === 503);
      assert.deepEqual(
        [made.length, refused.length],
        [places, CALLERS - places],
        JSON.stringify(answers.find((one) => !made.includes(one) && !refused.includes(one))),
      );
      const once = await post(1000);
      assert.deepEqual([once.status, once.json.type], [409, problem]);
    });
});
