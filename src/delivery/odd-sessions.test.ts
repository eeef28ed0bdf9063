/** Servers that take little over one connection, over the scheduler: only what a fresh connection answers is a verdict. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUseLimits } from '../smtp/client/use-limits.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import type { Say, ScriptOptions } from '../testing/scripted-server.ts';

/** Mails one after the other to one server: how each ended, and what the server saw. */
async function sendAll(count: number, script: ScriptOptions, addresses = ['x@good.test']) {
  await using b = await deliveryRig(script);
  const ends: string[] = [];
  for (let i = 1; i <= count; i++) {
    const { message, rows } = b.accept(...addresses);
    b.scheduler.enqueue(message, rows);
    await b.until(i * rows.length);
    for (const { id } of rows) ends.push(`${b.rows.get(id)!.state} ${b.rows.get(id)!.attempts}`);
  }
  const begun = b.server.heard.map((lines) => lines.filter((line) => line.startsWith('MAIL')).length);
  const results = [...b.rows.values()].map(({ lastResult }) => lastResult as { reply: { text: string } });
  return { ends, begun, results, messages: b.server.messages.length };
}
/** Answers so to `verb` where the connection has seen more than `most` transactions. */
function behind(most: number, verb: string, reply: ReturnType<Say>): Say {
  const begun = new Map<number, number>();
  return (input, _kind, nth) => {
    if (input.startsWith('MAIL')) begun.set(nth, (begun.get(nth) ?? 0) + 1);
    return input.startsWith(verb) && (begun.get(nth) ?? 0) > most ? reply : (undefined as never);
  };
}
const DELIVERED = 'delivered 1';

test('a server that takes one mail per connection: each is delivered at its first attempt, and the rule is learned', async () => {
  for (const said of [
    '503 5.5.1 only one transaction per connection',
    '503 nested MAIL',
    '550 5.5.0 too many messages in this session',
    '554 5.7.1 no',
    '452 4.5.3 Too many messages in this session',
    '421 4.7.0 one per connection',
  ])
    for (const extensions of [['PIPELINING'], []]) {
      const { ends, begun, messages } = await sendAll(4, {
        say: behind(1, 'MAIL', `${said}\r\n`),
        extensions,
      });
      assert.deepEqual([ends, messages], [Array(4).fill(DELIVERED), 4], said);
      assert.deepEqual(begun, [2, 1, 1, 1], said);
    }
});
test('a server that takes three: the third is the last one of each connection', async () => {
  const { ends, begun } = await sendAll(9, { say: behind(3, 'MAIL', '503 5.5.1 no more\r\n') });
  assert.deepEqual([ends, begun], [Array(9).fill(DELIVERED), [4, 3, 3]]);
});
test('refused or cut off at RCPT or DATA of a used connection, with words about the session: delivered', async () => {
  for (const [verb, said] of [
    ['RCPT', '503 5.5.1 need MAIL\r\n'],
    ['RCPT', '550 5.5.0 too many recipients in this session\r\n'],
    ['RCPT', '421 4.3.2 enough\r\n'],
    ['RCPT', 'drop'],
    ['DATA', '503 5.5.1 bad sequence\r\n'],
    ['DATA', '451 4.7.1 one message per connection\r\n'],
    ['DATA', { last: '421 4.3.2 enough\r\n' }],
  ] as const)
    for (const extensions of [['PIPELINING'], []]) {
      const { ends, messages } = await sendAll(2, { say: behind(1, verb, said), extensions });
      assert.deepEqual([ends, messages], [[DELIVERED, DELIVERED], 2], `${verb} ${JSON.stringify(said)}`);
    }
});
test('RSET is refused behind a mail that nobody could have: the next mail is delivered', async () => {
  const say: Say = (input, _kind, nth) => {
    if (input === 'RSET') return '502 5.5.1 not here\r\n';
    return nth === 1 && input.startsWith('RCPT') ? '550 5.1.1 gone\r\n' : (undefined as never);
  };
  const { ends, begun } = await sendAll(2, { say, extensions: [] });
  assert.deepEqual(
    [ends, begun],
    [
      ['bounced 1', DELIVERED],
      [1, 1],
    ],
  );
});
test('what a fresh connection says, too, is a verdict, with its words; the rule is not learned from it', async () => {
  let mails = 0;
  const say: Say = (input, _kind, nth) => {
    if (!input.startsWith('MAIL')) return undefined as never;
    mails += 1;
    return mails === 2 || mails === 3 ? `550 5.7.1 not from you, ${nth}\r\n` : (undefined as never);
  };
  const { ends, begun, results } = await sendAll(4, { say });
  assert.deepEqual(ends, [DELIVERED, 'bounced 1', DELIVERED, DELIVERED]);
  assert.equal(results[1]!.reply.text, 'not from you, 2');
  assert.deepEqual(begun, [2, 3]);
});
test('a refusal of a recipient or a busy server is a verdict on a used connection as well', async () => {
  for (const [verb, said, end] of [
    ['RCPT', '550 5.1.1 no such user\r\n', 'bounced 1'],
    ['RCPT', '452 4.2.2 mailbox full\r\n', 'deferred 1'],
    ['MAIL', '451 4.7.1 slow down\r\n', 'deferred 1'],
    ['DATA', '554 5.7.1 not wanted\r\n', 'bounced 1'],
  ] as const) {
    const { ends, begun } = await sendAll(2, { say: behind(1, verb, said) });
    assert.deepEqual([ends, begun], [[DELIVERED, end], [2]], said);
  }
});
test('of several recipients none is lost where the session is full', async () => {
  const say = behind(1, 'RCPT', '452 4.5.3 too many recipients in this session\r\n');
  const { ends, messages } = await sendAll(2, { say }, ['a@good.test', 'b@good.test']);
  assert.deepEqual([ends, messages], [Array(4).fill(DELIVERED), 2]);
});
test('learned limits are forgotten after six hours, and the oldest of a thousand first', async () => {
  const clock = createFakeClock();
  const limits = createUseLimits(clock, 100);
  for (let n = 0; n <= 1000; n++) limits.learn(`t${n}`, 0);
  assert.deepEqual([limits.of('t0'), limits.of('t1'), limits.of('t1000')], [100, 1, 1]);
  await clock.advance(6 * 3_600_000);
  assert.equal(limits.of('t1000'), 100);
});
