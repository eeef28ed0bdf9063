/** Caps of failed attempts, over a real store and a clock moved by hand. A second `node` is a second process on one store. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAttemptLog } from '../ledger/attempt-log.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { StoreError } from '../runtime/transactor.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { condition } from '../testing/wire-client.ts';
import { type AttemptLog, type Attempts, createAttempts, type Who } from './attempts.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RIGHT = async () => 'right';
const WRONG = async () => null;
const who = (address: string, name = 'key 1', kind: Who['kind'] = 'key'): Who => ({ address, kind, name });

async function setUp() {
  const clock = createFakeClock();
  const random = createRandom();
  const sealer = createSealer(Buffer.alloc(32, 1));
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const scopes = new Set<string>();
  const counts = { written: 0 };
  const node = () => {
    const kept = createAttemptLog({ read: store.read, transactor: store });
    const log: AttemptLog = {
      ...kept,
      fail(names, ...rest) {
        for (const name of names) scopes.add(name);
        return kept.fail(names, ...rest);
      },
      succeed(...args) {
        counts.written += 1;
        return kept.succeed(...args);
      },
    };
    return createAttempts({ log, clock, random, sealer });
  };
  return { clock, store, node, scopes, counts, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
/** How each of so many at once ended. */
async function atOnce(many: number, attempt: (i: number) => ReturnType<Attempts['attempt']>) {
  const all = await Promise.all(Array.from({ length: many }, (_, i) => attempt(i)));
  const of = (kind: string) => all.filter((one) => one.kind === kind).length;
  return { ok: of('ok'), refused: of('refused'), throttled: of('throttled') };
}

test('one /64 never passes ten failures a minute: sixty of its addresses at once, on two nodes', async () => {
  await using it = await setUp();
  const nodes = [it.node(), it.node()];
  for (let minute = 0; minute < 4; minute += 1) {
    const { refused } = await atOnce(600, (i) =>
      nodes[i % 2]!.attempt(who(`2001:db8::${(i % 60) + 1}`, `key ${i}`), WRONG),
    );
    assert.ok(refused > 0 && refused <= 10, `${refused} in minute ${minute}`);
    await it.clock.advance(MINUTE);
  }
  assert.equal(
    (await it.node().attempt(who('2001:db8:0:1::1'), RIGHT)).kind,
    'ok',
    'the next /64 is another',
  );
});

test('the mapped form of an IPv4 address is that address', async () => {
  await using it = await setUp();
  const node = it.node();
  const ended = await atOnce(30, (i) =>
    node.attempt(who(i % 2 === 0 ? '192.0.2.1' : '::ffff:192.0.2.1', `key ${i}`), WRONG),
  );
  assert.deepEqual(ended, { ok: 0, refused: 10, throttled: 20 });
});

for (const [name, most, address] of [
  ['an IPv4 /26', 30, (i: number) => `192.0.2.${i % 64}`],
  ['an IPv4 /21', 100, (i: number) => `192.0.${i % 8}.${(i * 7) % 256}`],
  ['an IPv6 /48', 30, (i: number) => `2001:db8:0:${i}::1`],
] as const) {
  test(`${name}: ${most} failures a minute`, async () => {
    await using it = await setUp();
    const node = it.node();
    let refused = 0;
    for (let i = 0; i < most + 40; i += 1)
      refused += Number((await node.attempt(who(address(i), `key ${i}`), WRONG)).kind === 'refused');
    assert.equal(refused, most);
    assert.equal((await node.attempt(who('203.0.113.1'), RIGHT)).kind, 'ok', 'others are not held up');
    await it.clock.advance(MINUTE);
    assert.equal((await node.attempt(who(address(0)), RIGHT)).kind, 'ok');
  });
}

test('who signed in from there passes what others failed there, also after a restart; three of the ten are kept', async () => {
  await using it = await setUp();
  assert.equal((await it.node().attempt(who('2001:db8::1'), RIGHT)).kind, 'ok');
  await it.clock.advance(HOUR);
  const restarted = it.node();
  const ended = await atOnce(40, (i) => restarted.attempt(who('2001:db8::2', `key ${i + 2}`), WRONG));
  assert.deepEqual(ended, { ok: 0, refused: 7, throttled: 33 });
  assert.equal((await restarted.attempt(who('2001:db8::3'), RIGHT)).kind, 'ok', 'the /64 is known');
  const own = await atOnce(10, () => restarted.attempt(who('2001:db8::1'), WRONG));
  assert.deepEqual(own, { ok: 0, refused: 3, throttled: 7 });
});

test('after a day without signing in, and after three failures in an hour, one is a stranger', async () => {
  await using it = await setUp();
  const node = it.node();
  await node.attempt(who('192.0.2.1'), RIGHT);
  for (let i = 0; i < 3; i += 1) await node.attempt(who('192.0.2.1'), WRONG);
  await atOnce(10, (i) => node.attempt(who('192.0.2.1', `other ${i}`), WRONG));
  assert.equal((await node.attempt(who('192.0.2.1'), RIGHT)).kind, 'throttled');
  await it.clock.advance(25 * HOUR);
  await atOnce(20, (i) => node.attempt(who('192.0.2.1', `other ${i}`), WRONG));
  assert.equal((await node.attempt(who('192.0.2.1'), RIGHT)).kind, 'throttled');
});

test('a key guessed at from everywhere: strangers wait for a turn, the owner where he was before does not', async () => {
  await using it = await setUp();
  const node = it.node();
  await node.attempt(who('198.51.100.1'), RIGHT);
  for (let i = 0; i < 20; i += 1) await node.attempt(who(`10.${i}.0.1`), WRONG);
  const judged: number[] = [];
  const waiting = Array.from({ length: 30 }, (_, i) =>
    node.attempt(who(`11.${i}.0.1`), async () => {
      judged.push(it.clock.monotonic());
      return null;
    }),
  );
  await it.clock.advance(0);
  assert.equal((await node.attempt(who('198.51.100.1'), RIGHT)).kind, 'ok', 'the owner does not wait');
  const elsewhere = await node.attempt(who('203.0.113.1', 'key 2'), RIGHT);
  assert.equal(elsewhere.kind, 'ok', 'another key does not wait');
  for (let turn = 1; turn <= 11; turn += 1) {
    await condition(() => judged.length === turn);
    await it.clock.advance(3_000);
  }
  const kinds = (await Promise.all(waiting)).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === 'throttled').length, 19);
  assert.deepEqual(
    judged,
    Array.from({ length: 11 }, (_, i) => i * 3_000),
  );
  const owner = node.attempt(who('203.0.113.9'), RIGHT);
  await it.clock.advance(3_000);
  assert.equal((await owner).kind, 'ok', 'the owner at a new address gets in');
});

test('who is over a cap takes no waiting place of a key guessed at, and who failed there before goes last', async () => {
  await using it = await setUp();
  const node = it.node();
  const crowd = (i: number) => `11.${i}.0.1`;
  for (let i = 0; i < 20; i += 1) await node.attempt(who(`10.${i}.0.1`), WRONG);
  for (let i = 0; i < 10; i += 1)
    for (let k = 0; k < 10; k += 1) await node.attempt(who(crowd(i), `other ${k}`), WRONG);
  for (let i = 0; i < 10; i += 1)
    assert.equal((await node.attempt(who(crowd(i)), WRONG)).kind, 'throttled', 'ten a minute are over');
  await node.attempt(who(crowd(11)), WRONG);
  const one = node.attempt(who(crowd(12)), WRONG);
  await it.clock.advance(3_000);
  assert.equal((await one).kind, 'refused', 'nobody was before it');

  const judged: string[] = [];
  const attempt = (address: string) =>
    node.attempt(who(address), async () => {
      judged.push(address);
      return null;
    });
  const failedBefore = Array.from({ length: 10 }, (_, i) => `10.${i}.0.1`);
  const waiting = failedBefore.map(attempt);
  await condition(() => it.clock.pending === 1);
  await it.clock.advance(0);
  const owner = attempt('203.0.113.9');
  assert.equal((await waiting.at(-1)!).kind, 'throttled', 'the last of them makes room');
  assert.equal((await attempt('10.15.0.1')).kind, 'throttled', 'for no other that failed before');
  await it.clock.advance(3_000);
  await owner;
  assert.deepEqual(judged, ['203.0.113.9']);
  for (let turn = 1; turn <= 9; turn += 1) {
    await it.clock.advance(3_000);
    await condition(() => judged.length === turn + 1);
  }
  assert.deepEqual(judged.slice(1), failedBefore.slice(0, 9));
  assert.equal(it.clock.pending, 0);
});

test('a password is counted by its member, wherever it is asked for, and apart from keys', async () => {
  await using it = await setUp();
  const node = it.node();
  const member = (i: number) => who(`10.${i}.0.1`, 'a@example.com', 'password');
  for (let i = 0; i < 20; i += 1) await node.attempt(member(i), WRONG);
  assert.equal((await node.attempt(member(21), WRONG)).kind, 'refused');
  const second = node.attempt(member(22), WRONG);
  const third = node.attempt(member(22), WRONG);
  assert.equal((await third).kind, 'throttled', 'one of an address waits');
  await it.clock.advance(3_000);
  assert.equal((await second).kind, 'refused');
  assert.equal((await node.attempt(who('10.9.9.9', 'a@example.com'), RIGHT)).kind, 'ok');
});

test('what was typed as a name is in no scope, whatever it is', async () => {
  await using it = await setUp();
  const node = it.node();
  const secret = 'S3cret:typed-into-the-wrong-field';
  await node.attempt(who('192.0.2.1', secret), WRONG);
  await node.attempt(who('192.0.2.1', `${secret}${'x'.repeat(100_000)}`), WRONG);
  for (const scope of it.scopes) {
    assert.ok(!scope.includes('S3cret') && scope.length <= 90, scope);
    assert.ok(!scope.includes(Buffer.from(secret).toString('base64').slice(0, 12)));
  }
});

test('signing in again and again is written down once an hour', async () => {
  await using it = await setUp();
  const node = it.node();
  for (let i = 0; i < 50; i += 1) await node.attempt(who('192.0.2.1'), RIGHT);
  assert.equal(it.counts.written, 1);
  await it.clock.advance(HOUR);
  for (let i = 0; i < 50; i += 1) await node.attempt(who('192.0.2.1'), RIGHT);
  assert.equal(it.counts.written, 2);
});

test('attempts wait for their turn in a bounded line', async () => {
  await using it = await setUp();
  const node = it.node();
  const gate = Promise.withResolvers<null>();
  const first = node.attempt(who('192.0.2.1'), () => gate.promise);
  const rest = atOnce(1_000, (i) => node.attempt(who('192.0.2.1', `key ${i}`), RIGHT));
  await it.clock.advance(0);
  assert.equal((await node.attempt(who('192.0.2.2'), RIGHT)).kind, 'ok', 'others do not wait');
  gate.resolve(null);
  await first;
  const { throttled } = await rest;
  assert.ok(throttled >= 900, `${throttled} were turned away`);
});

test('a failure that was none is not counted: the right secret from many new addresses', async () => {
  await using it = await setUp();
  const node = it.node();
  for (let i = 0; i < 60; i += 1)
    assert.equal((await node.attempt(who(`192.0.2.${i}`), RIGHT)).kind, 'ok', `address ${i}`);
  const ended = await atOnce(40, (i) => node.attempt(who('192.0.2.70', `key ${i}`), WRONG));
  assert.equal(ended.refused, 10);
});

test('while nothing can be written who is known gets in, and nobody else', async () => {
  await using it = await setUp();
  const kept = createAttemptLog({ read: it.store.read, transactor: it.store });
  const disk = { full: false };
  const unlessFull = async (write: () => Promise<void>) => {
    if (disk.full) throw new StoreError('full', true);
    await write();
  };
  const log: AttemptLog = {
    ...kept,
    fail: (...args) => unlessFull(() => kept.fail(...args)),
    succeed: (...args) => unlessFull(() => kept.succeed(...args)),
  };
  const sealer = createSealer(Buffer.alloc(32, 1));
  const attempts = createAttempts({ log, clock: it.clock, random: createRandom(), sealer });
  assert.equal((await attempts.attempt(who('192.0.2.1'), RIGHT)).kind, 'ok');
  disk.full = true;
  await it.clock.advance(2 * HOUR);
  assert.equal((await attempts.attempt(who('192.0.2.1'), RIGHT)).kind, 'ok');
  await assert.rejects(attempts.attempt(who('192.0.2.1'), WRONG), StoreError);
  await assert.rejects(attempts.attempt(who('198.51.100.1'), RIGHT), StoreError);
});

const SIX_DAYS = 144 * HOUR;
test('failures and successes from six days ahead count for nobody once the clock is right, with and without a restart', async () => {
  await using it = await setUp();
  const node = it.node();
  const [here, right] = ['192.0.2.1', who('192.0.2.9', 'right key')];
  it.clock.jump(SIX_DAYS);
  assert.equal((await node.attempt(right, RIGHT)).kind, 'ok');
  for (let minute = 0; minute < 8; minute += 1) {
    // enough for every cap: a minute, a day, the name from this address, the name from everywhere
    for (let i = 0; i < 12; i += 1)
      await node.attempt(who(here, i % 2 === 0 ? 'right key' : `key ${i}`), WRONG);
    await it.clock.advance(MINUTE + 1000);
  }
  const locked = await node.attempt(who(here, 'right key'), RIGHT);
  assert.equal(locked.kind, 'throttled', 'the caps hold while the clock is ahead');
  it.clock.jump(-SIX_DAYS);
  for (const each of [node, it.node()]) {
    assert.equal((await each.attempt(who(here, 'right key'), RIGHT)).kind, 'ok');
    assert.equal((await each.attempt(who('198.51.100.1', 'right key'), RIGHT)).kind, 'ok');
  }
  // the sign-in from ahead is written down anew, so that the origin is known a day from now at most
  const before = it.counts.written;
  assert.equal((await node.attempt(right, RIGHT)).kind, 'ok');
  assert.ok(it.counts.written > before);
});
test('a lock-out is not ended by a clock that jumps and returns, with and without a restart', async () => {
  await using it = await setUp();
  const node = it.node();
  for (let i = 0; i < 10; i += 1) await node.attempt(who('192.0.2.1'), WRONG);
  for (const by of [2 * 24 * HOUR, -HOUR]) {
    it.clock.jump(by);
    await node.attempt(who('192.0.2.1'), WRONG);
    it.clock.jump(-by);
    for (const each of [node, it.node()])
      assert.equal((await each.attempt(who('192.0.2.1'), RIGHT)).kind, 'throttled', `${by}`);
  }
});
test('a wait for a place is never longer than its window, wherever the clock went', async () => {
  for (const by of [-SIX_DAYS, -4_000, 4_000, SIX_DAYS]) {
    await using it = await setUp();
    const node = it.node();
    for (let i = 0; i < 10; i += 1) await node.attempt(who('192.0.2.1', `key ${i}`), WRONG);
    it.clock.jump(by);
    let throttled: number | null = null;
    for (let i = 0; i < 11 && throttled === null; i += 1) {
      const tried = await node.attempt(who('192.0.2.1', `key ${i}`), WRONG);
      if (tried.kind === 'throttled') throttled = tried.retryAfterMs;
    }
    assert.ok(throttled !== null && throttled > 0 && throttled <= MINUTE, `${throttled}`);
  }
});
