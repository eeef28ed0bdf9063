/** What a session makes of clients that are ahead of it, that err, and that bring long lists; without sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { reply } from '../reply.ts';
import { createByteBudget } from './byte-budget.ts';
import type { ListenerRole, Receiver, Transaction } from './receiver.ts';
import { createSession, type SessionOptions } from './session.ts';

const EHLO = 'EHLO client.test\r\n';
const HELO = 'HELO client.test\r\n';
const MAIL = 'MAIL FROM:<a@b.test>\r\n';
const RCPT = 'RCPT TO:<x@example.test>\r\n';
const BAD = 'RCPT TO:<nobody@example.test>\r\n';
const TO_DATA = `${MAIL}${RCPT}DATA\r\n`;
const AHEAD = /554 5\.5\.0 you sent more before it was asked for$/;

/** A session that takes everything but `nobody`, and what was said in it. */
async function open(
  options: Partial<SessionOptions> = {},
  rcpt?: Transaction['rcpt'],
  role: ListenerRole = 'mx',
) {
  const messages: string[] = [];
  const state = { said: '', closed: false };
  const take: Transaction['rcpt'] = async ({ address }) =>
    address.startsWith('nobody')
      ? { ok: false, reply: reply(550, '5.1.1', 'no such recipient here') }
      : { ok: true, value: null };
  const receiver: Receiver = {
    connect: async () => ({ ok: true, value: null }),
    authenticate: async () => ({ ok: true, value: {} }),
    mail: async () => ({
      ok: true,
      value: {
        sizeLimit: 1_000_000,
        rcpt: rcpt ?? take,
        async data(message, _committing, long) {
          messages.push(long ? `long: ${message}` : message.toString());
          return reply(250, '2.0.0', 'accepted');
        },
        abort() {},
      },
    }),
  };
  const session = createSession(
    { id: 'session', role, remoteAddress: '192.0.2.1', remotePort: 1, tls: null },
    {
      hostname: 'mx.example.test',
      receiver,
      budget: createByteBudget(systemClock),
      logger: silentLogger,
      announcedSize: () => 1_000_000,
      tlsAvailable: true,
      authNeeds: () => null,
      ...options,
    },
    {
      write: (text) => {
        state.said += text;
      },
      startTls() {},
      close() {
        state.closed = true;
        session.closed();
      },
      phase() {},
    },
  );
  await session.begin();
  return {
    session,
    messages,
    state,
    /** What is said to it, in lines. */
    async ask(text: string): Promise<string[]> {
      const from = state.said.length;
      session.feed(Buffer.from(text));
      await session.settled();
      return state.said.slice(from).trimEnd().split('\r\n');
    },
  };
}

// Ahead of the session

for (const [name, sent] of [
  ['behind EHLO, before its answer', `${EHLO}${MAIL}`],
  ['behind HELO', `${HELO}${MAIL}`],
  ['half a command behind EHLO', `${EHLO}M`],
  ['before EHLO', `NOOP\r\n${EHLO}`],
  ['QUIT behind HELO', `${HELO}QUIT\r\n`],
] as const) {
  test(`pipelined ${name}: 554 and closed, and nothing of it is done`, async () => {
    const { ask, state } = await open();
    assert.match((await ask(sent)).join('\n'), /^554 5\.5\.0 [^\n]*$/);
    assert.equal(state.closed, true);
  });
}

test('where HELO offered nothing, each command waits for the answer before it', async () => {
  const { ask, state } = await open();
  await ask(HELO);
  assert.equal(state.closed, false);
  assert.match((await ask(`${MAIL}${RCPT}`)).join('\n'), AHEAD);
  assert.equal(state.closed, true);
});

test('what comes while a command without PIPELINING is answered is as early as what came with it', async () => {
  const gate = Promise.withResolvers<void>();
  const { session, state, ask } = await open({}, async () => {
    await gate.promise;
    return { ok: true, value: null };
  });
  await ask(HELO);
  await ask(MAIL);
  session.feed(Buffer.from(RCPT));
  session.feed(Buffer.from('DATA\r\n'));
  gate.resolve();
  await session.settled();
  assert.match(state.said, /250 2\.1\.5 recipient ok\r\n554 5\.5\.0 [^\r]*\r\n$/);
  assert.equal(state.closed, true);
});

for (const [name, hello] of [
  ['EHLO', EHLO],
  ['HELO', HELO],
] as const) {
  test(`anything behind DATA before 354, after ${name}: 554 and closed, and no message`, async () => {
    const { ask, messages, state } = await open();
    await ask(hello);
    await ask(MAIL);
    await ask(RCPT);
    assert.match((await ask('DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n')).join('\n'), AHEAD);
    assert.equal(state.closed, true);
    assert.deepEqual(messages, []);
  });
}

test('a body behind a DATA that is refused is not read as commands', async () => {
  const { ask, state } = await open();
  await ask(EHLO);
  await ask(`${MAIL}${BAD}`);
  assert.match((await ask(`DATA\r\n${MAIL}${RCPT}`)).join('\n'), AHEAD);
  assert.equal(state.closed, true);
});

test('behind STARTTLS it is dropped, and the session goes on', async () => {
  const { ask, session, state } = await open();
  await ask(EHLO);
  assert.deepEqual(await ask(`STARTTLS\r\n${MAIL}`), ['220 2.0.0 ready to start TLS']);
  session.secured({ version: 'TLSv1.3', cipher: 'x' });
  assert.deepEqual(await ask(RCPT), ['503 5.5.1 bad sequence of commands']);
  assert.equal(state.closed, false);
  assert.match((await ask(`${EHLO}${MAIL}`)).join('\n'), AHEAD, 'it was not offered again yet');
});

test('what EHLO offered is used: a whole transaction in one piece, QUIT behind its end', async () => {
  const { ask, messages } = await open();
  await ask(EHLO);
  assert.match((await ask(TO_DATA)).at(-1)!, /^354 /);
  const said = await ask(`x\r\n.\r\n${MAIL}${RCPT}RSET\r\nQUIT\r\n`);
  assert.deepEqual(
    said.map((line) => line.slice(0, 3)),
    ['250', '250', '250', '250', '221'],
  );
  assert.deepEqual(messages, ['x\r\n']);
});

// Errors and lists

test('a transaction with a taken recipient comes to its DATA, however many others are bad; then 421', async () => {
  const { ask, messages, state } = await open();
  await ask(EHLO);
  await ask(`${MAIL}${RCPT}`);
  const said = await ask(BAD.repeat(900));
  assert.ok(said.every((line) => line === '550 5.1.1 no such recipient here'));
  assert.match((await ask('DATA\r\n'))[0]!, /^354 /);
  assert.deepEqual(await ask('x\r\n.\r\n'), ['250 2.0.0 accepted', '421 4.7.0 too many errors']);
  assert.deepEqual([messages.length, state.closed], [1, true]);
});

test('without a taken recipient twenty errors are the end', async () => {
  const { ask, state } = await open();
  await ask(EHLO);
  const said = await ask(`${MAIL}${BAD.repeat(40)}`);
  assert.deepEqual([said.length, said.at(-1), state.closed], [22, '421 4.7.0 too many errors', true]);
});

test('RSET does not wash errors away', async () => {
  const { ask, state } = await open();
  await ask(EHLO);
  const said = await ask(`${MAIL}${RCPT}${BAD.repeat(20)}RSET\r\n`);
  assert.deepEqual([said.at(-1), state.closed], ['421 4.7.0 too many errors', true]);
});

test('behind the recipient cap: 452 a thousand times, and only then an error each; DATA is still taken', async () => {
  const { ask, messages, state } = await open();
  await ask(EHLO);
  await ask(MAIL);
  for (let i = 0; i < 10; i += 1)
    assert.ok((await ask(RCPT.repeat(100))).every((line) => line.startsWith('250 ')));
  for (let i = 0; i < 10; i += 1)
    assert.ok((await ask(RCPT.repeat(100))).every((line) => line === '452 4.5.3 too many recipients'));
  assert.match((await ask('DATA\r\n'))[0]!, /^354 /);
  assert.deepEqual(await ask('x\r\n.\r\n'), ['250 2.0.0 accepted'], 'a thousand more are no error');
  await ask(MAIL);
  for (let i = 0; i < 20; i += 1) await ask(RCPT.repeat(100));
  await ask(RCPT.repeat(20));
  assert.match((await ask('DATA\r\n'))[0]!, /^354 /);
  assert.deepEqual(await ask('x\r\n.\r\n'), ['250 2.0.0 accepted', '421 4.7.0 too many errors']);
  assert.deepEqual([messages.length, state.closed], [2, true]);
});

test('a flood behind the cap does end', async () => {
  const { ask, state } = await open({ maxRecipients: 2, maxErrors: 3 });
  await ask(EHLO);
  const said = await ask(`${MAIL}${RCPT.repeat(100)}`);
  assert.deepEqual([said.length, said.at(-1), state.closed], [13, '421 4.7.0 too many errors', true]);
});

test('452 for a limit is no error, however often', async () => {
  const limit = { ok: false, reply: reply(452, '4.7.1', 'sending limit per minute reached') } as const;
  const { ask, state } = await open({}, async () => limit);
  await ask(EHLO);
  await ask(MAIL);
  for (let i = 0; i < 30; i += 1)
    assert.ok((await ask(RCPT.repeat(100))).every((line) => /^452 /.test(line)));
  assert.equal(state.closed, false);
});

test('behind EHLO, a session says and takes the same however its octets come', async () => {
  const piece = fc.constantFrom(
    MAIL,
    RCPT,
    BAD,
    'DATA\r\n',
    'a\r\n',
    '..b\r\n',
    '.\r\n',
    'RSET\r\n',
    'NOOP\r\n',
    'x\n',
    'y',
    '\0',
  );
  const run = async (octets: Buffer, step: number) => {
    const { session, messages, state, ask } = await open();
    await ask(EHLO);
    // DATA is answered before more comes.
    for (const part of octets.toString().split(/(?<=DATA\r\n)/)) {
      const rest = Buffer.from(part);
      for (let at = 0; at < rest.length && !state.closed; at += step) {
        session.feed(rest.subarray(at, at + step));
        await session.settled();
      }
    }
    return { messages, said: state.said, waiting: session.waiting() };
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 30 }),
      fc.integer({ min: 1, max: 20 }),
      async (parts, step) => {
        const octets = Buffer.from(parts.join(''));
        assert.deepEqual(await run(octets, step), await run(octets, octets.length + 1));
      },
    ),
  );
});

test('a line without end, octet by octet, keeps no more than a line may have', async () => {
  const { session, ask } = await open();
  for (let i = 0; i < 20_000; i++) {
    session.feed(Buffer.from('x'));
    await session.settled();
    assert.ok(session.waiting() <= 2048);
  }
  assert.match((await ask('\r\n')).join(), /^500 /);
});

test('AUTH inside TLS that is too old for it says which version is wanted', async () => {
  for (const [needed, version, text] of [
    ['TLSv1.2', 'TLSv1', 'needs TLS 1.2 or above, this connection has TLS 1.0'],
    ['TLSv1.3', 'TLSv1.2', 'needs TLS 1.3 or above, this connection has TLS 1.2'],
  ] as const) {
    const { session, ask } = await open({ authNeeds: (has) => (has === version ? needed : null) });
    await ask('STARTTLS\r\n');
    session.secured({ version, cipher: 'x' });
    assert.ok(!(await ask(EHLO)).some((line) => line.includes('AUTH')));
    assert.deepEqual(await ask('AUTH PLAIN AGEAYg==\r\n'), [`538 5.7.11 authentication ${text}`]);
  }
  const { ask } = await open();
  await ask(EHLO);
  assert.deepEqual(await ask('AUTH PLAIN AGEAYg==\r\n'), [
    '538 5.7.11 encryption required for authentication',
  ]);
});

test('ORCPT may hold any text, and is not empty', async () => {
  const { ask } = await open({}, undefined, 'submission');
  await ask(EHLO);
  await ask(MAIL);
  for (const [orcpt, code] of [
    ['rfc822;root', '250'],
    ['rfc822;a+3Db', '250'],
    ['unknown;x', '250'],
    ['', '501'],
    ['rfc822;', '501'],
  ] as const)
    assert.match((await ask(`RCPT TO:<u@ok2.test> ORCPT=${orcpt}\r\n`))[0]!, new RegExp(`^${code} `), orcpt);
});

test('a long line of mail to be sent is the receiver’s to judge; one from outside has a limit, which is said', async () => {
  const line = (octets: number) => `a\r\n${'x'.repeat(octets)}\r\n`;
  for (const [role, octets, answer, taken] of [
    ['submission', 998, '250 2.0.0 accepted', line(998)],
    ['submission', 999, '250 2.0.0 accepted', `long: ${line(999)}`],
    ['mx', 65_536, '250 2.0.0 accepted', line(65_536)],
    ['mx', 65_537, '554 5.6.0 line 2 of the message has 65537 octets; the limit is 65536', undefined],
  ] as const) {
    const { ask, messages } = await open({}, undefined, role);
    await ask(HELO);
    for (const command of [MAIL, RCPT, 'DATA\r\n']) await ask(command);
    assert.deepEqual(await ask(`${line(octets)}.\r\n`), [answer]);
    assert.deepEqual(messages, taken === undefined ? [] : [taken]);
  }
});
