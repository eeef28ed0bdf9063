/** Odd replies of servers, over the scheduler: what is taken is sent once, and what is refused says why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { Say, ScriptOptions } from '../testing/scripted-server.ts';

/** Numbers from 0 to `below`, the same ones in each run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  const state = { at: seed };
  return (below) => {
    state.at = (state.at + 0x6d2b79f5) | 0;
    let t = Math.imul(state.at ^ (state.at >>> 15), 1 | state.at);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
/** A reply to the message with a 250 in it, odd in several ways at once. */
function oddReply(next: (below: number) => number): ReturnType<Say> {
  const one = <T>(...of: readonly T[]): T => of[next(of.length)]!;
  const end = () => one('\r\n', '\r\n', '\n', '\r\r\n');
  const text = () =>
    one(
      'ok',
      '',
      '2.0.0 taken',
      '\u0000\u0001',
      'x'.repeat(next(5000)),
      '\xe6\x97\xa5',
      '5.7.1 no',
      '550',
      '\u001b[31m',
    );
  const before = one(
    '',
    '',
    '\r\n',
    '\n\n\r\n',
    'Warning: slow scan\r\n',
    '150 wait\r\n',
    '\ufeff',
    '\u0000',
    ' ',
  );
  let lines = '';
  for (let i = one(0, 0, 1, 3, next(400)); i > 0; i--)
    lines += `${one('250', '250', '250', '451', '251')}-${text()}${end()}`;
  const last = `${before}${lines}${one('250', '250', '250', '200', '252')}${one(` ${text()}`, ` ${text()}`, `\t${text()}`, 'ok', '')}`;
  // What else is said, and how the server leaves.
  const behind = one('', '', '', '250 second recipient\r\n', '421 4.3.2 closing\r\n', 'rubbish\r\n', '\r\n');
  return one<() => ReturnType<Say>>(
    () => Buffer.from(`${last}${end()}${behind}`, 'latin1'),
    () => Buffer.from(`${last}${end()}${behind}`, 'utf8'),
    () => ({ last: `${last}${end()}${behind}` }),
    () => ({ last }),
  )();
}

test('200 odd final replies with a 250: each mail is sent once', async () => {
  const next = numbers(20261127);
  const said: ReturnType<Say>[] = [];
  await using b = await deliveryRig({
    say(_input, kind) {
      if (kind !== 'message') return undefined as never;
      const reply = oddReply(next);
      said.push(reply);
      return reply;
    },
  });
  for (let i = 1; i <= 200; i++) {
    const { message, rows } = b.accept('x@good.test');
    b.scheduler.enqueue(message, rows);
    await b.until(i);
    const { lastResult } = b.rows.get(rows[0]!.id)!;
    assert.equal(
      b.stateOf(rows[0]!),
      'delivered',
      `${JSON.stringify(lastResult)}: ${JSON.stringify(said.at(-1))?.slice(0, 300)}`,
    );
  }
  await b.clock.advance(6 * 86_400_000);
  assert.equal(b.server.messages.length, 200);
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
/** The end of one mail to a server that says so; how often the message came, and what the trace shows. */
async function ending(script: ScriptOptions) {
  await using b = await deliveryRig(script);
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  const { state, lastResult } = b.rows.get(rows[0]!.id)!;
  const { cause, reply, ambiguous } = lastResult as {
    cause?: string;
    reply: { code: number; text: string } | null;
    ambiguous?: boolean;
  };
  return { state, cause, reply, ambiguous, messages: b.server.messages.length };
}
const at = (where: string, what: ReturnType<Say>): ScriptOptions => ({
  say: (input, kind) => (kind === where || input.startsWith(where) ? what : (undefined as never)),
});

test('a final reply that says both: a 5xx at its end bounces, anything else was an acceptance', async () => {
  for (const [said, state, code] of [
    ['250-ok\r\n554 5.7.1 spam\r\n', 'bounced', 554],
    ['250-ok\r\n451 later\r\n', 'delivered', 250],
    ['451-later\r\n250 ok\r\n', 'delivered', 250],
    ['354-go\r\n250 ok\r\n', 'delivered', 250],
    ['451-a\r\n554 b\r\n', 'bounced', 554],
  ] as const) {
    const end = await ending(at('message', said));
    assert.deepEqual([end.state, end.reply?.code], [state, code], said);
  }
});
test('a final refusal keeps its words, however long it is and however the server leaves', async () => {
  const long = await ending(at('message', `554-5.7.1 spam\r\n554 5.7.1 ${'x'.repeat(5000)}\r\n`));
  assert.deepEqual([long.state, long.reply?.code, long.reply?.text.length], ['bounced', 554, 1000]);
  const cut = await ending(at('message', { last: '421 4.3.2 going down' }));
  assert.deepEqual([cut.state, cut.reply?.text, cut.messages], ['deferred', 'going down', 1]);
  const none = await ending(at('message', { last: 'rubbish' }));
  assert.deepEqual([none.state, none.reply, none.ambiguous], ['deferred', null, true]);
});
const CUT: readonly (readonly [said: string, state: string, code: number | undefined, text?: string])[] = [
  ['550 5.7.1 spam', 'bounced', 550, 'spam'],
  ['550 5.7.1 spam\r', 'bounced', 550, 'spam'],
  ['550-5.7.1 spam\r\n', 'bounced', 550, 'spam'],
  ['550-5.7.1 spam\r\n550-and', 'bounced', 550, 'spam and'],
  ['550-5.7.1 spam\r\n55', 'bounced', 550, 'spam'],
  ['550 ', 'bounced', 550, ''],
  ['550', 'bounced', 550, ''],
  ['451-a\r\n554-b', 'bounced', 554, 'b'],
  ['250-a\r\n554-b', 'bounced', 554, 'b'],
  ['450-4.2.0 full\r\n', 'deferred', 450, 'full'],
  ['450 4.2.0 full', 'deferred', 450, 'full'],
  ['421-4.3.2 closing', 'deferred', 421, 'closing'],
  ['250-a\r\n451-b', 'delivered', 250],
  ['250-a\r\n', 'delivered', 250],
];
test('a final reply that is cut off is decided by its code, and is never ambiguous', async () => {
  for (const [said, state, code, text] of CUT) {
    const end = await ending(at('message', { last: said }));
    assert.deepEqual(
      [end.state, end.reply?.code, !end.ambiguous, end.messages],
      [state, code, true, 1],
      said,
    );
    if (text !== undefined) assert.equal(end.reply?.text, text, said);
  }
  for (const said of ['55', '', '55\r\n', '5501 x', 'rubbish']) {
    const end = await ending(at('message', { last: said }));
    assert.deepEqual([end.state, end.reply, end.ambiguous], ['deferred', null, true], said);
  }
});
test('a final reply without its last line is decided by its code when the time is up', async () => {
  for (const [said, state, code] of [
    ['550-5.7.1 spam\r\n', 'bounced', 550],
    ['450-4.2.0 full\r\n', 'deferred', 450],
    ['250-2.0.0 taken\r\n', 'delivered', 250],
  ] as const) {
    await using b = await deliveryRig(at('message', said));
    const { message, rows } = b.accept('x@good.test');
    b.scheduler.enqueue(message, rows);
    while (b.server.messages.length === 0) await turn();
    for (let minute = 0; b.settled.length === 0; minute += 1) {
      assert.ok(minute < 20, said);
      b.server.speak(said);
      await b.clock.advance(60_000);
      await turn();
    }
    const { state: now, lastResult } = b.rows.get(rows[0]!.id)!;
    const { reply, ambiguous = false } = lastResult as { reply: { code: number }; ambiguous?: boolean };
    assert.deepEqual([now, reply.code, ambiguous], [state, code, false]);
  }
});
test('a refusal before the message that is cut off defers, with its words', async () => {
  for (const where of ['MAIL', 'RCPT', 'DATA'])
    for (const said of ['550 5.7.1 no', '550-5.7.1 no\r\n']) {
      const end = await ending({ ...at(where, { last: said }), extensions: [] });
      assert.deepEqual(
        [end.state, end.reply?.code, end.reply?.text, end.ambiguous, end.messages],
        ['deferred', 550, 'no', false, 0],
        where,
      );
    }
});
test('a refusal of 3,000 characters or 300 lines is no other verdict than a short one', async () => {
  for (const said of [
    `550 5.1.1 ${'x'.repeat(3000)}\r\n`,
    `${'550-5.1.1 no\r\n'.repeat(300)}550 5.1.1 no\r\n`,
  ]) {
    const end = await ending(at('RCPT', said));
    assert.deepEqual([end.state, end.reply?.code], ['bounced', 550]);
  }
  const hello = await ending(at('EHLO', `${'250-X\r\n'.repeat(300)}250 ${'Y'.repeat(3000)}\r\n`));
  assert.equal(hello.state, 'delivered');
});
test('codes that change within a reply before the message: deferred with the words of the server', async () => {
  const blocked = 'Service unavailable; client blocked';
  for (const [where, said, text] of [
    ['connect', { last: `220-one\r\n521 5.7.1 ${blocked}\r\n` }, blocked],
    ['EHLO', '250-server.test\r\n550 go away\r\n', 'go away'],
    ['MAIL', '250-ok\r\n451 no\r\n', 'no'],
    ['RCPT', '250-ok\r\n550 5.1.1 gone\r\n', 'gone'],
    ['DATA', '250-ok\r\n354 go\r\n', 'go'],
  ] as const) {
    const { state, reply, cause, messages } = await ending(at(where, said));
    assert.deepEqual(
      [state, reply?.text, cause, messages],
      ['deferred', text, 'reply code changes between lines', 0],
      where,
    );
  }
});
test('a reply that comes before its command ends the connection; a 421 is the reason', async () => {
  const script = (where: string, said: string): ScriptOptions => ({ ...at(where, said), extensions: [] });
  for (const [where, polite] of [
    ['connect', '220 server.test'],
    ['EHLO', '250 server.test'],
    ['MAIL', '250 ok'],
    ['RCPT', '250 ok'],
    ['DATA', '354 go'],
  ] as const) {
    const injected = await ending(script(where, `${polite}\r\n250 2.0.0 taken\r\n`));
    assert.deepEqual([injected.state, injected.ambiguous, injected.messages], ['deferred', false, 0], where);
    assert.match(
      injected.cause ?? '',
      /the server answered (before it was asked|the message before it was sent)/,
    );
    const closing = await ending(script(where, `${polite}\r\n421 4.3.2 going down\r\n`));
    assert.deepEqual(
      [closing.state, closing.cause, closing.reply?.text, closing.messages],
      ['deferred', 'the server is closing', 'going down', 0],
      where,
    );
  }
});
test('421 while a connection idles: the next mail goes by a new one, and no attempt is lost', async () => {
  for (const [pipelining, behind] of [
    [['PIPELINING'], true],
    [[], true],
    [['PIPELINING'], false],
    [[], false],
  ] as const) {
    // Either it comes together with the reply to the message, or it is the answer to the next MAIL.
    let mails = 0;
    await using b = await deliveryRig({
      extensions: pipelining,
      say(input, kind, nth) {
        if (behind && kind === 'message' && nth === 1) return '250 ok\r\n421 4.4.2 idle too long\r\n';
        if (!behind && nth === 1 && input.startsWith('MAIL') && ++mails === 2)
          return { last: '421 4.4.2 idle too long\r\n' };
        return undefined as never;
      },
    });
    for (let i = 1; i <= 2; i++) {
      const { message, rows } = b.accept('x@good.test');
      b.scheduler.enqueue(message, rows);
      await b.until(i);
      assert.deepEqual([b.stateOf(rows[0]!), b.rows.get(rows[0]!.id)!.attempts], ['delivered', 1]);
    }
    assert.deepEqual([b.server.connections, b.server.messages.length], [2, 2]);
  }
});
