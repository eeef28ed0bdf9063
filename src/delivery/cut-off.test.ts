/** A stop of the service while mail is under way: what is cut off leaves a trace, and goes on after the next start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Network, systemNetwork } from '../runtime/network.ts';
import { attemptsAt } from '../spool/attempts.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { ScriptOptions } from '../testing/scripted-server.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const CASES: readonly (readonly [string, ScriptOptions, boolean])[] = [
  ['connect', {}, false],
  ['greeting', {}, false],
  ['EHLO', {}, false],
  ['STARTTLS', { extensions: ['STARTTLS'], tls: 'silence' }, false],
  ['MAIL', { extensions: [] }, false],
  ['RCPT', { extensions: [] }, false],
  ['DATA', { extensions: [] }, false],
  ['message', {}, true],
];
for (const [where, script, ambiguous] of CASES)
  test(`stopped at ${where}: an attempt with its reason, queued for the next start, where it is delivered once`, async () => {
    const silent = { is: true };
    let asked = 0;
    const network: Network = {
      ...systemNetwork,
      dial(options) {
        if (where !== 'connect' || !silent.is) return systemNetwork.dial(options);
        asked += 1;
        return new Promise((_, reject) => {
          options.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        });
      },
    };
    await using b = await deliveryRig(
      {
        ...script,
        say(input, kind) {
          const met = where === 'greeting' ? kind === 'connect' : kind === where || input.startsWith(where);
          if (!silent.is || !met) return undefined as never;
          asked += 1;
          return where === 'STARTTLS' ? (undefined as never) : null;
        },
      },
      { network, perSite: () => 1 },
    );
    const [first, second] = [b.accept('x@good.test'), b.accept('y@good.test')];
    for (const { message, rows } of [first, second]) b.scheduler.enqueue(message, rows);
    while (asked === 0) await turn();
    const ended = b.scheduler[Symbol.asyncDispose]();
    await b.clock.advance(16_000);
    await ended;
    assert.equal(b.clock.pending, 0);
    const row = b.rows.get(first.rows[0]!.id)!;
    assert.deepEqual([row.state, row.attempts, row.nextAttemptAt], ['queued', 1, b.clock.now()]);
    const [attempt, ...others] = attemptsAt(row, b.attempts);
    const { cause, ambiguous: marked = false } = attempt!.detail as { cause: string; ambiguous?: boolean };
    assert.deepEqual(
      [attempt!.outcome, cause, marked, others.length],
      ['deferred', 'the service stopped', ambiguous, 0],
    );
    // What had not begun is as it was.
    const waiting = b.rows.get(second.rows[0]!.id)!;
    assert.deepEqual([waiting.state, waiting.attempts, waiting.lastResult], ['queued', 0, null]);

    silent.is = false;
    const sent = b.server.messages.length;
    await using next = await b.restarted();
    assert.ok(next.depth.queued > 0);
    while (b.settled.filter((one) => one === 'delivered').length < 2) await b.clock.advance(1000);
    assert.deepEqual(
      [first, second].map(({ rows }) => b.stateOf(rows[0]!)),
      ['delivered', 'delivered'],
    );
    assert.equal(b.server.messages.length - sent, 2);
    assert.deepEqual(
      attemptsAt(b.rows.get(row.id)!, b.attempts).map(({ number, outcome }) => [number, outcome]),
      [
        [1, 'deferred'],
        [2, 'delivered'],
      ],
    );
  });
test('what its server takes before the time is up is delivered, although the service stops', async () => {
  await using b = await deliveryRig({ say: (_, kind) => (kind === 'message' ? null : (undefined as never)) });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  while (b.server.messages.length === 0) await turn();
  const ended = b.scheduler[Symbol.asyncDispose]();
  await b.clock.advance(15_000);
  b.server.speak('250 2.0.0 taken\r\n');
  await ended;
  assert.deepEqual([b.stateOf(rows[0]!), b.clock.pending], ['delivered', 0]);
});
test('mail at the end of its days does not expire by a stop', async () => {
  await using b = await deliveryRig({ say: (_, kind) => (kind === 'connect' ? null : (undefined as never)) });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue({ ...message, expiresAt: b.clock.now() + 1 }, rows);
  while (b.server.connections === 0) await turn();
  const ended = b.scheduler[Symbol.asyncDispose]();
  await b.clock.advance(16_000);
  await ended;
  assert.equal(b.stateOf(rows[0]!), 'queued');
});
test('the time for what is under way counts from the signal, however late the disposal comes', async () => {
  await using b = await deliveryRig({ say: (_, kind) => (kind === 'message' ? null : (undefined as never)) });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  while (b.server.messages.length === 0) await turn();
  b.stop.abort();
  await b.clock.advance(15_999);
  const ended = b.scheduler[Symbol.asyncDispose]();
  await b.clock.advance(0);
  assert.deepEqual([b.stateOf(rows[0]!), b.attempts.length], ['queued', 0]);
  await b.clock.advance(1);
  await ended;
  assert.deepEqual([b.stateOf(rows[0]!), b.attempts.length, b.clock.pending], ['queued', 1, 0]);
});
