/** Why a node should get no new mail, from the last write and from probes, over a store that can refuse and hang. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../testing/fake-clock.ts';
import { silentLogger } from './logger.ts';
import { createReadiness } from './readiness.ts';
import { StaleError, StoreError } from './transactor.ts';

function setUp() {
  const clock = createFakeClock();
  const disk = { hasSpace: true, failure: null as Error | null, hangs: false, probes: 0, late: 0 };
  const waiting: (() => void)[] = [];
  async function commit(): Promise<void> {
    if (disk.hangs) await new Promise<void>((resolve) => waiting.push(resolve));
    if (disk.failure !== null) throw disk.failure;
  }
  const ready = createReadiness({
    state: 'starting',
    hasSpace: () => disk.hasSpace,
    clock,
    logger: silentLogger,
    probe() {
      disk.probes += 1;
      return commit();
    },
  });
  const watched = ready.watched<null>({ transact: commit });
  const timely = ready.timely<null>({ transact: commit }, () => {
    disk.late += 1;
  });
  const write = (how = timely) => how('project' as never, () => {});
  const reason = async () => (await ready.ask())?.reason ?? null;
  function returns(): void {
    disk.hangs = false;
    for (const go of waiting.splice(0)) go();
  }
  return { clock, disk, ready, write, watched, reason, returns };
}

test('a node says why it takes no mail: its state, the disk, a refused write until one succeeds', async () => {
  const { clock, disk, ready, write, reason } = setUp();
  assert.equal(await reason(), 'starting');
  ready.state = null;
  assert.equal(await reason(), null);
  disk.hasSpace = false;
  assert.match((await reason()) ?? '', /nearly full/);
  disk.hasSpace = true;
  disk.failure = new StoreError('no room', true, undefined, true);
  await assert.rejects(write(), /no room/);
  assert.match((await reason()) ?? '', /refused a write, the disk is full: no room/);
  disk.failure = new StoreError('away', true);
  await assert.rejects(write(), /away/);
  assert.match((await reason()) ?? '', /refused a write: away/);
  await clock.advance(30_000);
  assert.match((await reason()) ?? '', /away/, 'time alone makes no store well');
  disk.failure = null;
  await clock.advance(1_000);
  assert.equal(await reason(), null, 'the probe of that second found it well');
  disk.failure = new StaleError('moved on');
  await assert.rejects(write());
  assert.equal(await reason(), null, 'a condition that failed says nothing against the store');
  ready.stop();
});

test('a store that does not answer is told of within five seconds, whoever writes, and is well with the first answer', async () => {
  for (const traffic of [false, true]) {
    const { clock, disk, ready, write, reason, returns } = setUp();
    ready.state = null;
    assert.equal(await reason(), null);
    disk.hangs = true;
    const written = traffic ? assert.rejects(write(), /not known/) : null;
    await clock.advance(2_500);
    assert.equal(await reason(), null, 'a moment is no fault');
    await clock.advance(2_500);
    const told = await ready.ask();
    assert.match(told?.reason ?? '', /has not answered a commit for [345] s/);
    assert.ok((told?.lastCommitAgeSeconds ?? 0) >= 4.9);
    await written;
    returns();
    await clock.advance(1_000);
    assert.equal(await reason(), null);
    ready.stop();
  }
});

test('probes come once a second while somebody asks, however often, none beside traffic, and none when nobody asks', async () => {
  const { clock, disk, ready, write, reason } = setUp();
  ready.state = null;
  for (let i = 0; i < 100; i += 1) {
    assert.equal(await reason(), null);
    await clock.advance(100);
  }
  assert.ok(disk.probes >= 9 && disk.probes <= 11, String(disk.probes));
  let before = disk.probes;
  for (let i = 0; i < 20; i += 1) {
    await write();
    await clock.advance(500);
  }
  assert.equal(disk.probes, before);
  await clock.advance(60_000);
  before = disk.probes;
  await clock.advance(3_600_000);
  assert.equal(disk.probes, before);
  assert.equal(clock.pending, 0);
  ready.stop();
});

test('who asks after a long silence hears of the store as it is now, at once or after half a second', async () => {
  const { clock, disk, ready, reason } = setUp();
  ready.state = null;
  disk.failure = new StoreError('away', true);
  assert.match((await reason()) ?? '', /away/);
  await clock.advance(3_600_000);
  disk.failure = null;
  assert.equal(await reason(), null);
  await clock.advance(3_600_000);
  disk.hangs = true;
  const asked = reason();
  await clock.advance(500);
  assert.equal(await asked, null, 'not yet known');
  await clock.advance(3_000);
  assert.match((await reason()) ?? '', /has not answered/);
  ready.stop();
});

test('who waits for a commit that hangs is told that its outcome is not known; what succeeds later is not lost', async () => {
  const { clock, disk, ready, write, watched, returns } = setUp();
  disk.hangs = true;
  const failed = assert.rejects(write(), (error: unknown) => {
    assert.ok(error instanceof StoreError && error.retryable && !error.full);
    return true;
  });
  let settled = false;
  const patient = write(watched).then(() => {
    settled = true;
  });
  await clock.advance(5_000);
  await failed;
  assert.deepEqual([settled, disk.late], [false, 0], 'an outcome of a delivery waits');
  returns();
  await patient;
  assert.deepEqual([settled, disk.late], [true, 1]);
  ready.stop();
});
