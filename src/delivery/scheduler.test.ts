/** The scheduler over an in-memory store, a literal zone and scripted servers on loopback. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptsAt } from '../spool/attempts.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { ScriptOptions } from '../testing/scripted-server.ts';

test('fresh mail goes out signed, in one transaction, without being read back; state, attempt and event agree', async () => {
  await using b = await deliveryRig();
  const { message, rows } = b.accept('x@good.test', 'y@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(2);
  assert.equal(b.server.messages.length, 1);
  assert.equal(b.server.messages[0], 'DKIM-Signature: x\r\nReceived: x\r\nSubject: s\r\n\r\nbody\r\n');
  assert.deepEqual(rows.map(b.stateOf), ['delivered', 'delivered']);
  assert.equal(b.store.reads, 0);
  assert.deepEqual(
    b.events.map((e) => e.name),
    ['delivered', 'delivered'],
  );
  assert.match(b.events[0]?.summary ?? '', /delivered x@good\.test: 250 2\.0\.0 taken/);
  for (const { id } of rows) {
    const attempts = attemptsAt(b.rows.get(id)!, b.attempts);
    assert.deepEqual(
      attempts.map(({ number, outcome }) => ({ number, outcome })),
      [{ number: 1, outcome: 'delivered' }],
    );
  }
  assert.equal(b.scheduler.held, 0);
});
test('deferred, tried again in time from the store, and expired at the end of its days', async () => {
  await using b = await deliveryRig({
    say: (input) => (input.startsWith('RCPT') ? '451 4.2.0 later\r\n' : (undefined as never)),
  });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  assert.equal(b.stateOf(rows[0]!), 'deferred');
  for (let n = 2; b.stateOf(rows[0]!) === 'deferred'; n++) {
    // A look that fell just before the row was due is followed by the next one only after a pause.
    await b.clock.advance((b.rows.get(rows[0]!.id)!.nextAttemptAt ?? 0) - b.clock.now() + 100);
    await b.until(n);
  }
  assert.equal(b.stateOf(rows[0]!), 'expired');
  assert.ok(b.clock.now() >= message.expiresAt);
  assert.equal(b.events.at(-1)?.name, 'expired');
  assert.equal(b.store.reads, 0, 'a message nobody takes is not read');
});
test('DNS: null MX bounces, an unknown domain bounces, a failure defers', async () => {
  await using b = await deliveryRig();
  const { message, rows } = b.accept('x@null.test', 'x@nowhere.test', 'x@broken.test');
  b.scheduler.enqueue(message, rows);
  await b.until(3);
  assert.deepEqual(rows.map(b.stateOf), ['bounced', 'bounced', 'deferred']);
  assert.deepEqual(
    rows.map((r) => (b.rows.get(r.id)!.lastResult as { status: string }).status),
    ['5.1.10', '5.1.2', '4.4.3'],
  );
});
test('an outcome outlives a store that fails for a while; nothing is sent twice', async () => {
  await using b = await deliveryRig();
  b.store.failing = 3;
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  while (b.settled.length === 0) await b.clock.advance(100);
  assert.equal(b.stateOf(rows[0]!), 'delivered');
  assert.equal(b.server.messages.length, 1);
});
test('while an outcome cannot be written nothing more is tried', async () => {
  await using b = await deliveryRig();
  b.store.failing = 5;
  const first = b.accept('x@good.test');
  b.scheduler.enqueue(first.message, first.rows);
  while (b.store.failing === 5) await new Promise((resolve) => setImmediate(resolve));
  const more = Array.from({ length: 20 }, () => b.accept('x@good.test'));
  for (const { message, rows } of more) b.scheduler.enqueue(message, rows);
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(b.server.messages.length, 1);
  while (b.settled.length < 21) await b.clock.advance(1000);
  assert.equal(b.server.messages.length, 21);
});
test('a row cancelled meanwhile costs its fellows nothing', async () => {
  await using b = await deliveryRig();
  const { message, rows } = b.accept('x@good.test', 'y@good.test');
  b.rows.set(rows[0]!.id, { ...rows[0]!, state: 'cancelled', nextAttemptAt: null });
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  assert.deepEqual(rows.map(b.stateOf), ['cancelled', 'delivered']);
});
test('hosted recipients stay here; where that throws they are deferred', async () => {
  await using b = await deliveryRig();
  const one = b.accept('x@hosted.test');
  b.scheduler.enqueue(one.message, one.rows);
  await b.until(1);
  assert.equal(b.stateOf(one.rows[0]!), 'delivered');
  assert.equal(b.server.connections, 0);
  await using c = await deliveryRig({}, { hosted: async () => Promise.reject(new Error('no')) });
  const two = c.accept('x@hosted.test');
  c.scheduler.enqueue(two.message, two.rows);
  await c.until(1);
  assert.equal(c.stateOf(two.rows[0]!), 'deferred');
});
test('sandbox mail stays on this machine, but for the simulator', async () => {
  await using b = await deliveryRig({}, { sandboxed: async () => true });
  const { message, rows } = b.accept(
    'delivered@simulator.test',
    'bounce@simulator.test',
    'defer@simulator.test',
    'complain@simulator.test',
    'x@good.test',
    'x@hosted.test',
  );
  b.scheduler.enqueue(message, rows);
  await b.until(6);
  assert.deepEqual(rows.map(b.stateOf), [
    'delivered',
    'bounced',
    'deferred',
    'delivered',
    'bounced',
    'delivered',
  ]);
  assert.equal(b.server.connections, 0);
});
test('a window too small: the rest is found in the store', async () => {
  await using b = await deliveryRig({}, { window: 8 });
  const all = Array.from({ length: 40 }, () => b.accept('x@good.test'));
  for (const { message, rows } of all) b.scheduler.enqueue(message, rows);
  while (b.settled.length < 40) await b.clock.advance(1000);
  assert.equal(b.server.messages.length, 40);
  assert.ok(all.every(({ rows }) => b.stateOf(rows[0]!) === 'delivered'));
});

test('what waits in the store is not shut out by new mail that keeps coming', async () => {
  await using b = await deliveryRig({}, { window: 60, perSite: () => 1 });
  const first = Array.from({ length: 30 }, () => b.accept('x@good.test'));
  for (const { message, rows } of first) b.scheduler.enqueue(message, rows);
  for (let n = 1; n <= 90; n++) {
    const { message, rows } = b.accept('y@good.test');
    b.scheduler.enqueue(message, rows);
    while (b.settled.length < n) await b.clock.advance(1000);
  }
  assert.deepEqual(
    first.filter(({ rows }) => b.stateOf(rows[0]!) !== 'delivered'),
    [],
  );
});

test('stopping: what runs is finished, the rest stays in the store, and nothing runs afterwards', async () => {
  await using b = await deliveryRig({}, { perSite: () => 2 });
  const all = Array.from({ length: 30 }, () => b.accept('x@good.test'));
  for (const { message, rows } of all) b.scheduler.enqueue(message, rows);
  await b.until(3);
  b.stop.abort();
  await b.scheduler[Symbol.asyncDispose]();
  const delivered = all.filter(({ rows }) => b.stateOf(rows[0]!) === 'delivered').length;
  assert.equal(b.server.messages.length, delivered);
  assert.ok(delivered < 30);
  await b.clock.advance(600_000);
  assert.equal(b.server.messages.length, delivered);
  assert.equal(b.clock.pending, 0);
});

const BAD_SITES: readonly {
  name: string;
  script: ScriptOptions;
  state: string;
  reason: RegExp;
  wait?: number;
}[] = [
  {
    name: 'no banner',
    script: { say: (_i, k) => (k === 'connect' ? null : (undefined as never)) },
    state: 'deferred',
    reason: /timed out \(greeting\)/,
    wait: 360_000,
  },
  {
    name: 'a banner of lines without end',
    script: { say: (_i, k) => (k === 'connect' ? '220-and\r\n'.repeat(40_000) : (undefined as never)) },
    state: 'deferred',
    reason: /reply too long/,
  },
  {
    name: 'one line without end',
    script: { say: (_i, k) => (k === 'connect' ? 'x'.repeat(10_000) : (undefined as never)) },
    state: 'deferred',
    reason: /not an SMTP reply/,
  },
  {
    name: '250 before the dot',
    script: { say: (i) => (i === 'DATA' ? '354 go\r\n250 taken\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /before it was sent/,
  },
  {
    name: 'rubbish for a banner',
    script: { say: (_i, k) => (k === 'connect' ? 'HTTP/1.1 400 Bad Request\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /not an SMTP reply/,
  },
  {
    name: 'NULs in a refusal',
    script: { say: (i) => (i.startsWith('RCPT') ? '550 5.1.1 no\0body\r\n' : (undefined as never)) },
    state: 'bounced',
    reason: /recipient refused/,
  },
  {
    name: '354 to everything',
    script: { say: (_i, k) => (k === 'command' ? '354 go\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /EHLO refused/,
  },
  {
    name: '599 to the message',
    script: { say: (_i, k) => (k === 'message' ? '599 no\r\n' : (undefined as never)) },
    state: 'bounced',
    reason: /message refused/,
  },
  {
    name: 'codes that change within a reply',
    script: { say: (i) => (i.startsWith('MAIL') ? '250-ok\r\n451 no\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /code changes/,
  },
  {
    name: 'cut in the middle of the message',
    script: { say: (i) => (i === 'DATA' ? 'drop' : (undefined as never)) },
    state: 'deferred',
    reason: /connection lost|ECONNRESET/,
  },
  {
    name: 'silence behind the dot',
    script: { say: (_i, k) => (k === 'message' ? null : (undefined as never)) },
    state: 'deferred',
    reason: /timed out \(final\)/,
    wait: 660_000,
  },
  {
    name: '421 to everything',
    script: { say: () => '421 4.3.2 busy\r\n' },
    state: 'deferred',
    reason: /greeting refused/,
  },
  {
    name: 'STARTTLS that is none, and nothing in clear',
    script: {
      extensions: ['STARTTLS'],
      say: (i, _k, nth) => (nth > 1 ? 'drop' : i === 'STARTTLS' ? '220 go\r\n' : (undefined as never)),
    },
    state: 'deferred',
    reason: /lost|ECONNRESET|TLS/,
  },
];
for (const { name, script, state, reason, wait } of BAD_SITES) {
  test(`a bad site: ${name}`, async () => {
    await using b = await deliveryRig(script);
    const { message, rows } = b.accept('x@good.test');
    b.scheduler.enqueue(message, rows);
    if (wait !== undefined) {
      while (b.server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
      for (let waited = 0; b.settled.length === 0 && waited < 2 * wait; waited += 10_000)
        await b.clock.advance(10_000);
    }
    await b.until(1);
    assert.equal(b.stateOf(rows[0]!), state);
    assert.match((b.rows.get(rows[0]!.id)!.lastResult as { cause: string }).cause, reason);
    await b.scheduler[Symbol.asyncDispose]();
    while (b.server.open > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(b.clock.pending, 0);
  });
}
