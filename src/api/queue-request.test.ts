/**
 * Requests that change the queue, over both stores: cancel, bounce and suspend do nothing unless they say what they are
 * about; what a suspension holds and when it ends; what resume ends.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { askService } from '../cli/control-client.ts';
import { createOperator, MOST_OPERATOR_SUSPENSIONS, MOST_SUSPENSIONS } from '../delivery/operate.ts';
import { DEFAULT_RETRY, prepareSettle } from '../delivery/settle.ts';
import { createSuspensions } from '../delivery/suspensions.ts';
import { CLOSED_REASON } from '../iam/closing.ts';
import type { ProjectId, SuspensionId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { unwatched } from '../runtime/report.ts';
import type { WaitingFilter } from '../spool/messages.ts';
import { covers } from '../spool/waiting.ts';
import * as make from '../store/conformance/samples.ts';
import { openPostgresStore } from '../store/postgres/open.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { startPostgres } from '../testing/postgres.ts';
import { createControl } from './control.ts';
import { Problem } from './problems.ts';
import { answerQueueRequest, endOf, type QueueInput, type QueueScope } from './queue-request.ts';

const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());
const random = createRandom();
const ENGINES: Readonly<Record<string, (clock: FakeClock) => Promise<Store & AsyncDisposable>>> = {
  sqlite: (clock) => openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger }),
  postgres: async (clock) =>
    openPostgresStore({ url: await server.database(), member: null, clock, random, logger: silentLogger }),
};
const EACH = 3;
const DESTRUCTIVE = ['cancel', 'bounce', 'suspend'] as const;

/** Two projects; of each, so many recipients wait. */
async function stage(open: (clock: FakeClock) => Promise<Store & AsyncDisposable>) {
  const clock = createFakeClock(make.NOW);
  const store = await open(clock);
  const projects: ProjectId[] = [];
  const now = clock.now();
  for (const name of ['one', 'two']) {
    const project = await make.withProject(store, { name });
    projects.push(project.id);
    const times = { acceptedAt: now, expiresAt: now + 9e8, keepUntil: now + 1e9 };
    const message = make.message(project, { ...times, mailFrom: name === 'one' ? 'a@one.test' : '' });
    await store.transact(project.id, (tx) => {
      tx.insertMessage(message);
      for (let i = 0; i < EACH; i++)
        tx.insertRecipient(
          make.recipient(message, {
            address: `r${i}@d${i}.test`,
            domain: `d${i}.test`,
            lane: `d${i}.test`,
            state: 'deferred',
            attempts: 1,
            nextAttemptAt: now + 1_000_000,
          }),
        );
    });
  }
  const suspended = createSuspensions();
  const others: unknown[] = [];
  const { operate } = createOperator({
    read: store.read,
    transactor: store,
    scheduler: {
      lanes: () => [],
      seize: (rows) => rows,
      letGo() {},
      suspend: suspended.add,
      resume: suspended.remove,
      limitsRaised() {},
    },
    prepare: (head) =>
      prepareSettle(head, {
        read: store.read,
        random,
        clock,
        retry: DEFAULT_RETRY,
        timeIsTrusted: () => true,
      }),
    notices: async () => [],
    accept: async () => {},
    clock,
    random,
    logger: silentLogger,
    nudgeEvents() {},
    askOthers: async () => others,
  });
  const deps = { operate, clock, read: store.read };
  const ask = (scope: QueueScope, input: QueueInput) => answerQueueRequest(deps, scope, 'a test', input);
  const waiting = async (project: ProjectId | null = null) => (await store.read.depth(project)).deferred;
  return {
    store,
    others,
    clock,
    deps,
    ask,
    waiting,
    suspended,
    tenant: { project: projects[0]!, isChosen: false, byOperator: false },
    operator: { project: null, isChosen: false, byOperator: true },
    chosen: { project: projects[1]!, isChosen: true, byOperator: true },
    /** The operator, about the mail of the tenant. */
    ofTenant: { project: projects[0]!, isChosen: true, byOperator: true },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
const refused = (field: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Problem, String(error));
  assert.deepEqual([error.status, error.type, error.field], [400, 'validation', field]);
  assert.match(error.message, words);
  return true;
};

for (const [engine, open] of Object.entries(ENGINES))
  describe(`the queue by hand on ${engine}`, () => {
    test('cancel, bounce and suspend alone change nothing, whoever asks', async () => {
      await using it = await stage(open);
      for (const action of DESTRUCTIVE)
        for (const more of [{}, { filter: {} }, { all: false }, { filter: {}, dry_run: true }])
          for (const scope of [it.tenant, it.operator])
            await assert.rejects(
              it.ask(scope, { action, ...more }),
              refused('filter', /needs a filter, or all: true/),
            );
      assert.equal(await it.waiting(), 2 * EACH);
      assert.deepEqual((await it.store.read.operations({ limit: 5, cursor: null }, null)).items, []);
      assert.deepEqual(await it.store.read.suspensions(), []);
    });
    test('all beside a filter is refused, and so is all beside a chosen project', async () => {
      await using it = await stage(open);
      for (const action of [...DESTRUCTIVE, 'retry', 'resume'] as const) {
        const both = it.ask(it.tenant, { action, all: true, filter: { domain: 'd0.test' } });
        await assert.rejects(both, refused('all', /no filter beside it/));
        await assert.rejects(it.ask(it.chosen, { action, all: true }), refused('all', /no filter beside it/));
      }
      assert.equal(await it.waiting(), 2 * EACH);
    });
    test('all of a tenant is all of its own project, and the answer says how many', async () => {
      await using it = await stage(open);
      const { matched, changed } = await it.ask(it.tenant, { action: 'cancel', all: true });
      assert.deepEqual([matched, changed], [EACH, EACH]);
      assert.deepEqual([await it.waiting(it.tenant.project), await it.waiting()], [0, EACH]);
    });
    test('all of the operator is counted over all projects; a chosen project is a filter', async () => {
      await using it = await stage(open);
      const dry = await it.ask(it.operator, { action: 'bounce', all: true, dry_run: true });
      assert.deepEqual([dry.matched, dry.changed, dry.projects], [2 * EACH, 0, 2]);
      assert.equal((await it.ask(it.chosen, { action: 'bounce' })).changed, EACH);
      assert.deepEqual([await it.waiting(it.chosen.project), await it.waiting()], [0, EACH]);
      assert.equal((await it.ask(it.operator, { action: 'cancel', all: true })).changed, EACH);
    });
    test('retry harms nobody and needs no object', async () => {
      await using it = await stage(open);
      assert.equal((await it.ask(it.operator, { action: 'retry' })).changed, 2 * EACH);
    });
    test('the answer says of how many projects, over all nodes, and which nodes gave none', async () => {
      await using it = await stage(open);
      const elsewhere = { matched: 1, changed: 1, inFlight: 0, refused: null };
      const filter = { domain: 'd0.test' };
      it.others.push({ ...elsewhere, changedProjects: [it.tenant.project, make.newId()] });
      const all = await it.ask(it.operator, { action: 'cancel', filter });
      assert.deepEqual([all.changed, all.projects, all.silent_nodes], [3, 3, undefined]);
      it.others.push(null);
      const one = await it.ask(it.chosen, { action: 'retry' });
      assert.deepEqual([one.projects, one.silent_nodes], [3, 1]);
      const suspended = await it.ask(it.chosen, { action: 'suspend' });
      assert.deepEqual([suspended.matched, suspended.projects, suspended.silent_nodes], [EACH - 1, 1, 1]);
      assert.equal((await it.ask(it.chosen, { action: 'resume' })).silent_nodes, 1);
      it.others.push(elsewhere);
      assert.equal((await it.ask(it.operator, { action: 'retry' })).projects, undefined);
    });
    test('a suspension without a reason does not repeat who made it', async () => {
      await using it = await stage(open);
      await it.ask(it.chosen, { action: 'suspend' });
      const [{ reason, actor } = assert.fail('none')] = await it.store.read.suspensions();
      assert.deepEqual([reason, actor], ['no reason was given', 'a test']);
    });
    test('<> is the empty envelope sender', async () => {
      await using it = await stage(open);
      assert.equal((await it.ask(it.operator, { action: 'cancel', filter: { sender: '<>' } })).changed, EACH);
      assert.equal(await it.waiting(it.chosen.project), 0);
    });
    test('a filter takes every spelling of a name, and no name that none can be', async () => {
      await using it = await stage(open);
      const ask = (filter: QueueInput['filter']) => it.ask(it.operator, { action: 'suspend', filter });
      for (const [filter, stored] of [
        [{ domain: 'D0.test.' }, { domain: 'd0.test' }],
        [{ domain: 'bücher.test' }, { domain: 'xn--bcher-kva.test' }],
        [{ site: 'D1.TEST.' }, { lane: 'd1.test' }],
        [{ sender: 'a@ONE.test' }, { sender: 'a@one.test' }],
      ] as const) {
        const { suspension, matched } = await ask(filter);
        const found = (await it.store.read.suspensions()).find(({ id }) => id === suspension)!;
        assert.deepEqual(found.filter, { project: null, ...stored });
        assert.equal(matched > 0, !('domain' in filter) || filter.domain !== 'bücher.test');
        assert.equal((await it.ask(it.operator, { action: 'resume', filter })).resumed, 1);
      }
      for (const [filter, field] of [
        [{ domain: '*.test' }, 'filter.domain'],
        [{ domain: 'a@b' }, 'filter.domain'],
        [{ site: '*' }, 'filter.site'],
        [{ sender: '*@one.test.x y' }, 'filter.sender'],
        [{ sender: 'one.test' }, 'filter.sender'],
      ] as const)
        await assert.rejects(
          ask(filter),
          (error: unknown) =>
            error instanceof Problem && error.type === 'validation' && error.field === field,
        );
    });
    test('a suspension says when it ends, and may last until it is resumed', async () => {
      await using it = await stage(open);
      const suspend = (more: Partial<QueueInput>) =>
        it.ask(it.tenant, { action: 'suspend', filter: { domain: 'd0.test' }, ...more });
      const until = '2026-06-01T00:00:00.000Z';
      const ends = [
        [{}, '2026-01-02T00:00:00.000Z'],
        [{ until }, until],
        [{ expires_at: until }, until],
        [{ until: null }, null],
      ] as const;
      for (const [more, end] of ends) {
        const { suspension, expires_at, matched } = await suspend(more);
        assert.deepEqual([expires_at, matched], [end, 1]);
        const stored = (await it.store.read.suspensions()).find(({ id }) => id === suspension)!;
        assert.equal(endOf(stored), end);
      }
      const [held] = (
        await it.store.read.waiting(
          { project: it.tenant.project, domain: 'd0.test' },
          { limit: 1, cursor: null },
        )
      ).items;
      await it.clock.advance(400 * 24 * 3_600_000);
      assert.equal(it.suspended.match(held!, it.clock.now())?.expiresAt, 8.64e15);
      await assert.rejects(
        suspend({ until: '2031-01-01T00:00:00Z' }),
        refused('until', /within the next 366 days/),
      );
      await assert.rejects(suspend({ until: '2020-01-01T00:00:00Z' }), refused('until', /has passed/));
      await assert.rejects(suspend({ until: null, expires_at: until }), refused('expires_at', /older name/));
      await assert.rejects(
        it.ask(it.tenant, { action: 'cancel', all: true, until: null }),
        refused('until', /cancel has no end/),
      );
      await assert.rejects(
        suspend({ filter: { state: 'held' } }),
        refused('filter.state', /holds mail of every state/),
      );
    });
    test('resume ends what concerns only mail of its filter, its own project, one by id, or all but the closed', async () => {
      await using it = await stage(open);
      const suspend = async (scope: QueueScope, filter: QueueInput['filter'] | null, reason = 'r') => {
        const object = filter === null ? { all: true } : { filter };
        return (await it.ask(scope, { action: 'suspend', reason, ...object })).suspension!;
      };
      const d0 = await suspend(it.tenant, { domain: 'd0.test' });
      const both = await suspend(it.tenant, { domain: 'D0.test', sender: 'a@one.test' });
      const d1 = await suspend(it.tenant, { domain: 'd1.test' });
      const foreign = await suspend(
        { ...it.chosen, isChosen: false, byOperator: false },
        { domain: 'd0.test' },
      );
      const everywhere = await suspend(it.operator, null);
      const closed = await suspend(it.tenant, null, CLOSED_REASON);
      const left = async () => (await it.store.read.suspensions()).map(({ id }) => id).sort();
      const filter = { domain: 'd0.test' };
      const dry = await it.ask(it.tenant, { action: 'resume', filter, dry_run: true });
      assert.deepEqual([dry.resumed, (await left()).length], [2, 6]);
      assert.equal((await it.ask(it.tenant, { action: 'resume', filter })).resumed, 2);
      assert.deepEqual(await left(), [d1, foreign, everywhere, closed].sort());
      assert.deepEqual(it.suspended.ids.toSorted(), await left());
      for (const one of [{ filter }, { suspension: d0 }, { suspension: both }, { suspension: foreign }])
        await assert.rejects(it.ask(it.tenant, { action: 'resume', ...one }), { status: 404 });
      await assert.rejects(it.ask(it.tenant, { action: 'resume' }), refused('suspension', /needs the id/));
      await assert.rejects(
        it.ask(it.tenant, { action: 'resume', suspension: d1, filter }),
        refused('suspension', /names one/),
      );
      assert.equal((await it.ask(it.tenant, { action: 'resume', suspension: d1 })).resumed, 1);
      assert.equal((await it.ask(it.operator, { action: 'resume', all: true })).resumed, 2);
      assert.deepEqual(await left(), [closed]);
    });
    test('what the operator suspended no project resumes, by no filter and no id, and its own still go', async () => {
      await using it = await stage(open);
      const suspend = async (scope: QueueScope) =>
        (await it.ask(scope, { action: 'suspend', filter: { domain: 'd0.test' }, until: null })).suspension!;
      const fromOutside = await suspend(it.ofTenant);
      const left = async () => (await it.store.read.suspensions()).map(({ id }) => id);
      const every: Partial<QueueInput>[] = [{ all: true }, { filter: { domain: 'd0.test' } }];
      const denied = { status: 403, type: 'suspended-by-operator' };
      for (const more of [...every, { suspension: fromOutside }])
        for (const dry_run of [false, true])
          await assert.rejects(it.ask(it.tenant, { action: 'resume', dry_run, ...more }), denied);
      for (const more of every) {
        await suspend(it.tenant);
        assert.equal((await it.ask(it.tenant, { action: 'resume', ...more })).resumed, 1);
        assert.deepEqual(await left(), [fromOutside]);
      }
      const asked = { action: 'resume', filter: { project: it.tenant.project }, dryRun: false } as const;
      const person = {
        reason: 'r',
        actor: 'operator on the machine',
        suspension: fromOutside as SuspensionId,
      };
      assert.equal(await it.deps.operate({ ...asked, ...person }), null);
      assert.deepEqual([await left(), it.suspended.ids], [[fromOutside], [fromOutside]]);
      assert.equal((await it.store.read.suspensions())[0]?.byOperator, true);
      assert.equal((await it.ask(it.ofTenant, { action: 'resume' })).resumed, 1);
      assert.deepEqual(await left(), []);
    });
    test('the suspensions of a project leave room for those of the operator, which have a number of their own', async () => {
      await using it = await stage(open);
      const filter = { domain: 'd0.test' };
      const suspend = (scope: QueueScope) => it.ask(scope, { action: 'suspend', filter });
      const full = (words: RegExp) => (error: unknown) => {
        assert.ok(error instanceof Problem, String(error));
        assert.equal(error.type, 'too-many-suspensions');
        assert.match(error.message, words);
        return true;
      };
      for (let i = 0; i < MOST_SUSPENSIONS; i++) await suspend(it.tenant);
      await assert.rejects(suspend(it.tenant), full(/^the project already has 50 /));
      await suspend(it.ofTenant);
      await it.deps.operate({
        ...{ action: 'suspend', filter: { project: it.tenant.project }, dryRun: false, closes: true },
        ...{ reason: CLOSED_REASON, actor: 'a member', expiresAt: it.clock.now() + 1000 },
      });
      const row = (await it.store.read.suspensions()).find((one) => one.byOperator)!;
      await it.store.transact(it.tenant.project, (tx) => {
        for (let i = 1; i < MOST_OPERATOR_SUSPENSIONS; i++)
          tx.insertSuspension({
            ...row,
            id: make.newId(),
            filter: { project: i % 2 ? null : row.filter.project },
          });
      });
      for (const scope of [it.operator, it.ofTenant, it.chosen])
        await assert.rejects(suspend(scope), full(/^the operator already has 500 /));
      await suspend({ ...it.chosen, isChosen: false, byOperator: false });
    });
  });

test('the control socket takes no destructive word without its object', async () => {
  await using it = await stage(ENGINES['sqlite']!);
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-control-'));
  try {
    const retention = () => assert.fail('not asked');
    await using control = createControl(directory, {
      ...it.deps,
      retention,
      logger: silentLogger,
      addresses: () => [],
      publicUrl: () => 'http://x',
      ownStore: null,
    });
    await control.start(new AbortController().signal);
    const ask = (path: string, request: object) =>
      askService({ directory, path, request, ended: '', ...unwatched });
    for (const action of DESTRUCTIVE)
      for (const more of [{}, { filter: {} }, { filter: { domain: '' } }])
        assert.equal((await ask('/queue', { action, ...more }))?.status, 400, JSON.stringify(more));
    assert.equal(await it.waiting(), 2 * EACH);
    const one = await ask(`/queue?project=${it.tenant.project}`, { action: 'cancel' });
    assert.deepEqual([one?.status, (one?.json as { changed?: number } | undefined)?.changed], [200, EACH]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('one filter covers another where each of its fields is in the other, or an earlier time', () => {
  const project = make.newId<'project'>();
  const all: WaitingFilter = { project: null };
  const cases: [outer: Partial<WaitingFilter>, inner: Partial<WaitingFilter>, covered: boolean][] = [
    [{}, { project, domain: 'a.test' }, true],
    [{ project }, {}, false],
    [{ domain: 'A.test' }, { domain: 'a.test', lane: 'x' }, true],
    [{ domain: 'a.test' }, { lane: 'a.test' }, false],
    [{ sender: '' }, {}, false],
    [{ acceptedBefore: 5 }, { acceptedBefore: 4 }, true],
    [{ acceptedBefore: 5 }, { acceptedBefore: 6 }, false],
    [{ acceptedBefore: 5 }, {}, false],
    [{ states: ['held'] }, { states: ['held'] }, true],
    [{ states: ['held'] }, {}, false],
  ];
  for (const [outer, inner, covered] of cases)
    assert.equal(covers({ ...all, ...outer }, { ...all, ...inner }), covered, JSON.stringify([outer, inner]));
});
