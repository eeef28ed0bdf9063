/** Strangers on port 25 by network: those who ask for many recipients that are not here, and the operator's caps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { type Reply, reply } from '../reply.ts';
import { type GuardOptions, guardReceiver } from './guard.ts';
import type { Connection, Receiver } from './receiver.ts';

const receiver: Receiver = {
  connect: async () => ({ ok: true, value: null }),
  authenticate: async () => ({ ok: true, value: {} }),
  mail: async () => ({
    ok: true,
    value: {
      sizeLimit: 1_000,
      rcpt: async ({ address }) =>
        address.startsWith('nobody')
          ? { ok: false, reply: reply(550, '5.1.1', 'no such recipient here') }
          : address.endsWith('elsewhere.test')
            ? { ok: false, reply: reply(550, '5.7.1', 'relaying denied') }
            : { ok: true, value: null },
      data: async () => reply(250, '2.0.0', 'accepted'),
      abort() {},
    },
  }),
};
const MAIL = { address: 'a@b.test', size: null, body: '7BIT', smtputf8: false } as const;
const from = (remoteAddress: string, more: Partial<Connection> = {}): Connection => ({
  id: `session of ${remoteAddress}`,
  role: 'mx',
  remoteAddress,
  remotePort: 1,
  helo: 'a',
  esmtp: true,
  tls: null,
  principal: null,
  ...more,
});

function setUp(options: Partial<GuardOptions> = {}, behind = receiver) {
  const clock = createFakeClock();
  const told: { kind: string; session: string }[] = [];
  const guard = guardReceiver(behind, {
    clock,
    notices: { tell: (kind, _address, session) => void told.push({ kind, session }) },
    messagesPerMinute: 0,
    recipientsPerMinute: 0,
    exempt: () => false,
    ...options,
  });
  /** The answer to one RCPT in a transaction of its own, and ms of the clock it took. */
  async function rcpt(connection: Connection, address: string): Promise<{ reply: Reply | null; ms: number }> {
    const begun = clock.monotonic();
    const verdict = await guard.mail(connection, MAIL);
    if (!verdict.ok) return { reply: verdict.reply, ms: 0 };
    const answer = { value: null as { reply: Reply | null } | null };
    void verdict.value.rcpt({ address }).then((one) => {
      answer.value = { reply: one.ok ? null : one.reply };
    });
    for (let i = 0; answer.value === null; i += 1) await clock.advance(i < 5 ? 0 : 100);
    return { ...answer.value, ms: clock.monotonic() - begun };
  }
  return { clock, told, guard, rcpt };
}

test('harvesting: twenty misses are free, each further one waits longer, 5 s at most; others wait for nothing', async () => {
  const { rcpt, told } = setUp();
  const harvester = from('2001:db8::1');
  const waits: number[] = [];
  for (let i = 0; i < 90; i += 1) {
    const { reply: answer, ms } = await rcpt(from(`2001:db8::${i + 1}`), 'nobody@example.test');
    assert.equal(answer?.enhanced, '5.1.1');
    waits.push(ms);
  }
  assert.deepEqual(
    waits.slice(0, 20),
    waits.slice(0, 20).map(() => 0),
  );
  assert.ok(waits[20]! > 0 && waits[40]! > waits[25]!);
  assert.equal(Math.max(...waits), 5_000);
  assert.equal((await rcpt(harvester, 'x@example.test')).ms, 0, 'a recipient that is here');
  assert.equal((await rcpt(from('2001:db8:1::1'), 'nobody@example.test')).ms, 0, 'another network');
  assert.equal(
    (await rcpt(from('2001:db8::1', { principal: {} }), 'nobody@example.test')).ms,
    0,
    'with AUTH',
  );
  assert.deepEqual(told[0], { kind: 'recipients-refused', session: 'session of 2001:db8::21' });
});

test('harvesting: while ten answers of an address wait, it learns neither of those who are here nor of those who are not', async () => {
  const { clock, guard, rcpt } = setUp();
  for (let i = 0; i < 20; i += 1) await rcpt(from('192.0.2.1'), 'nobody@example.test');
  const answers: (Reply | null)[] = [];
  async function ask(address: string, recipient: string): Promise<void> {
    const verdict = await guard.mail(from(address), MAIL);
    assert.ok(verdict.ok);
    void verdict.value.rcpt({ address: recipient }).then((one) => answers.push(one.ok ? null : one.reply));
    await clock.advance(0);
  }
  for (let i = 0; i < 10; i += 1) await ask('192.0.2.1', 'nobody@example.test');
  assert.equal(answers.length, 0);
  await ask('192.0.2.1', 'x@example.test');
  for (let i = 0; i < 50; i += 1) await ask('192.0.2.1', 'nobody@example.test');
  assert.deepEqual(
    [...new Set(answers.splice(0).map((one) => `${one?.code} ${one?.enhanced}`))],
    ['451 4.7.1'],
  );
  await ask('192.0.2.2', 'x@example.test');
  assert.deepEqual(answers.splice(0), [null], 'another address');
  await clock.advance(5_000);
  assert.equal(answers.length, 10);
  assert.equal((await rcpt(from('192.0.2.1'), 'x@example.test')).reply, null);
  await clock.advance(20 * 60_000);
  assert.equal(
    (await rcpt(from('192.0.2.1'), 'nobody@example.test')).ms,
    0,
    'after ten minutes it is forgotten',
  );
});

for (const [name, most, address] of [
  ['a /26', 40, (i: number) => `192.0.2.${i % 64}`],
  ['a /48', 40, (i: number) => `2001:db8:0:${i % 64}::1`],
] as const)
  test(`harvesting: of ${name} ${most} answers wait`, async () => {
    const { clock, guard } = setUp();
    let waiting = 0;
    let refused = 0;
    for (let i = 0; i < 800; i += 1) {
      const verdict = await guard.mail(from(address(i)), MAIL);
      assert.ok(verdict.ok);
      waiting += 1;
      void verdict.value.rcpt({ address: 'nobody@example.test' }).then((one) => {
        waiting -= 1;
        if (!one.ok && one.reply.code === 451) refused += 1;
      });
      await clock.advance(0);
    }
    assert.equal(waiting, most);
    assert.ok(refused > 600, `${refused} were refused`);
  });

test('messages and recipients a minute: by the operator’s setting, strangers alone, none by default', async () => {
  const { rcpt, told, clock } = setUp({
    messagesPerMinute: 3,
    exempt: (address) => address === '127.0.0.1',
  });
  const codes = async (connection: Connection, many: number) => {
    const all: (string | undefined)[] = [];
    for (let i = 0; i < many; i += 1)
      all.push((await rcpt(connection, 'x@example.test')).reply?.enhanced ?? '-');
    return all.join(' ');
  };
  assert.equal(await codes(from('192.0.2.1'), 5), '- - - 4.7.1 4.7.1');
  assert.equal(await codes(from('192.0.2.2'), 1), '-');
  assert.equal(await codes(from('192.0.2.1', { principal: {} }), 5), '- - - - -', 'with AUTH');
  assert.equal(await codes(from('192.0.2.1', { role: 'submission' }), 5), '- - - - -');
  assert.equal(await codes(from('127.0.0.1'), 5), '- - - - -', 'a trusted network');
  assert.deepEqual(told.at(-1), { kind: 'messages-capped', session: 'session of 192.0.2.1' });
  await clock.advance(120_000);
  assert.equal(await codes(from('192.0.2.1'), 1), '-');

  const other = setUp({ recipientsPerMinute: 2 });
  const answers = [];
  for (let i = 0; i < 3; i += 1) answers.push((await other.rcpt(from('192.0.2.1'), 'x@example.test')).reply);
  assert.deepEqual(
    answers.map((one) => one?.code),
    [undefined, undefined, 452],
  );
  const none = setUp();
  for (let i = 0; i < 500; i += 1)
    assert.equal((await none.rcpt(from('192.0.2.1'), 'x@example.test')).reply, null);
});

test('a relay attempt is told of, with the session', async () => {
  const { rcpt, told } = setUp();
  assert.equal((await rcpt(from('192.0.2.1'), 'x@elsewhere.test')).reply?.enhanced, '5.7.1');
  assert.deepEqual(told, [{ kind: 'relay-refused', session: 'session of 192.0.2.1' }]);
});

/** A guard before a receiver that has each message in hand until it is let go. */
function holding() {
  const held: (() => void)[] = [];
  const counts = { aborted: 0 };
  const slow: Receiver = {
    ...receiver,
    async mail(connection, mail) {
      const verdict = await receiver.mail(connection, mail);
      if (!verdict.ok) return verdict;
      const data = () =>
        new Promise<Reply>((resolve) => held.push(() => resolve(reply(250, '2.0.0', 'accepted'))));
      return { ok: true, value: { ...verdict.value, data, abort: () => void counts.aborted++ } };
    },
  };
  const { guard } = setUp({}, slow);
  /** The answer to DATA, which does not come before the message is let go. */
  async function send(address: string, more: Partial<Connection> = {}) {
    const verdict = await guard.mail(from(address, more), MAIL);
    assert.ok(verdict.ok);
    return { reply: verdict.value.data(Buffer.from('x'), () => true, false) };
  }
  return { held, counts, send };
}

test('as many messages of an address are in hand as it has places; the next is 451, others are taken', async () => {
  const { held, counts, send } = holding();
  const taken = [];
  for (let i = 0; i < 50; i++) taken.push(await send('192.0.2.1'));
  assert.equal((await (await send('192.0.2.1')).reply).code, 451);
  assert.equal(counts.aborted, 1, 'what was refused is given back');
  taken.push(await send('192.0.2.2'), await send('192.0.2.1', { principal: {} }));
  assert.equal(held.length, 52);
  held.shift()!();
  await taken[0]!.reply;
  taken.push(await send('192.0.2.1'));
  for (const letGo of held) letGo();
  for (const one of taken) assert.equal((await one.reply).code, 250);
});

test('two hundred addresses with all they can have in hand leave room for the next; let go, all is there again', async () => {
  const { held, send } = holding();
  for (let round = 0; round < 2; round++) {
    const answers: Promise<Reply>[] = [];
    for (let i = 0; i < 50; i++)
      for (let k = 0; k < 200; k++) answers.push((await send(`10.${k}.0.1`)).reply);
    assert.ok(held.length > 500 && held.length < 950, `${held.length} in hand`);
    const before = held.length;
    for (let i = 0; i < 20; i++) answers.push((await send(`11.${i}.0.1`)).reply);
    assert.equal(held.length, before + 20);
    for (const letGo of held.splice(0)) letGo();
    const codes = (await Promise.all(answers)).map(({ code }) => code);
    assert.equal(codes.filter((code) => code === 250).length, before + 20);
  }
});
