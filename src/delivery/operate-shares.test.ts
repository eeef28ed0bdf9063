/** Walks through what waits are shared by project: one at a time of each, few in all, and they end with whoever asked. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { ProjectId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { NoPlace } from '../runtime/places.ts';
import { createRandom } from '../runtime/random.ts';
import type { Progress } from '../runtime/report.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createOperator, type Operator, type OperatorDeps } from './operate.ts';

const WAITING = 2_500;

async function prepared(projects: number) {
  const clock = createFakeClock(make.NOW);
  const random = createRandom();
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const ids: ProjectId[] = [];
  for (let n = 0; n < projects; n += 1) {
    const project = await make.withProject(store);
    ids.push(project.id);
    await store.transact(project.id, (tx) => {
      const message = make.message(project);
      tx.insertMessage(message);
      for (let i = 0; i < WAITING; i += 1) tx.insertRecipient(make.recipient(message));
    });
  }
  const never = () => assert.fail('a count changes nothing');
  const deps: OperatorDeps = {
    read: store.read,
    transactor: store,
    scheduler: {
      lanes: () => [],
      ...{ seize: never, letGo: never, suspend: never, resume: never, limitsRaised: never },
    },
    ...{ prepare: never, accept: never, nudgeEvents: never, askOthers: never },
    notices: mock.fn(never) as never,
    ...{ clock, random, logger: silentLogger },
  };
  return { store, ids, operator: createOperator(deps) };
}
const count = (
  { operate }: Operator,
  project: ProjectId,
  signal = new AbortController().signal,
  report: (progress: Progress) => void = () => {},
) =>
  operate(
    {
      action: 'cancel',
      filter: { project, sender: 'nobody@example.com' },
      dryRun: true,
      ...{ reason: '', actor: 'test' },
    },
    { report, signal },
  );

test('of ten counts of one project nine come after each other, one is refused at once, and another project is not behind them', async () => {
  const { store, ids, operator } = await prepared(2);
  await using _ = store;
  const [a, b] = ids as [ProjectId, ProjectId];
  const ended: string[] = [];
  const of = (project: ProjectId, name: string) =>
    count(operator, project).then(
      () => void ended.push(name),
      (error: unknown) => {
        assert.ok(error instanceof NoPlace);
        ended.push('refused');
      },
    );
  const all = Array.from({ length: 10 }, () => of(a, 'a'));
  all.push(of(b, 'b'));
  await Promise.all(all);
  assert.equal(ended[0], 'refused');
  assert.deepEqual(ended.filter((name) => name === 'a').length, 9);
  assert.ok(ended.indexOf('b') <= 2, ended.join(' '));
});

test('a count ends between two pages with whoever asked, and so does one that waits', async () => {
  const { store, ids, operator } = await prepared(1);
  await using _ = store;
  const [project] = ids as [ProjectId];
  const gone = new AbortController();
  let pages = 0;
  const walking = count(operator, project, gone.signal, () => {
    pages += 1;
    gone.abort(new Error('gone'));
  });
  const waiting = count(operator, project, gone.signal);
  await Promise.all([assert.rejects(walking, /gone/), assert.rejects(waiting, /gone/)]);
  assert.equal(pages, 1);
  assert.equal((await count(operator, project))?.matched, 0);
});

test('what the operator asks about a project does not wait behind the walks of the project, nor is it refused for them', async () => {
  const { store, ids, operator } = await prepared(1);
  await using _ = store;
  const [project] = ids as [ProjectId];
  const ended: string[] = [];
  const own = Array.from({ length: 9 }, () => count(operator, project).then(() => void ended.push('own')));
  const asked = { action: 'suspend', filter: { project }, dryRun: true, byOperator: true } as const;
  const from = operator
    .operate({ ...asked, reason: '', actor: 'operator' })
    .then((result) => void ended.push(`operator ${result?.matched}`));
  await Promise.all([...own, from]);
  assert.ok(ended.indexOf(`operator ${WAITING}`) <= 1, ended.join(' '));
});
