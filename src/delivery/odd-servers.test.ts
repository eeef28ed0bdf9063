/** Servers that refuse, break off or know little, over the scheduler: what becomes of each recipient. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { Say, ScriptOptions } from '../testing/scripted-server.ts';
import { selfSigned } from '../testing/self-signed.ts';
import type { SchedulerDeps } from './scheduler.ts';

type Result = {
  readonly kind: string;
  readonly cause?: string;
  readonly reply: { readonly code: number; readonly text: string } | null;
  readonly ambiguous?: boolean;
};
async function sendTo(script: ScriptOptions, addresses = ['x@good.test'], more: Partial<SchedulerDeps> = {}) {
  await using b = await deliveryRig(script, more);
  const { message, rows } = b.accept(...addresses);
  b.scheduler.enqueue(message, rows);
  await b.until(rows.length);
  return {
    states: rows.map(b.stateOf),
    results: rows.map(({ id }) => b.rows.get(id)!.lastResult as Result),
    heard: b.server.heard,
    messages: b.server.messages.filter((text) => text.includes('Subject')).length,
  };
}
const only =
  (wanted: (input: string, kind: string) => boolean, reply: ReturnType<Say>): Say =>
  (input, kind) =>
    wanted(input, kind) ? reply : (undefined as never);

test('421 at any stage: deferred with its text; broken behind the dot: deferred and marked', async () => {
  for (const stage of ['connect', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'message']) {
    const say = only((input, kind) => kind === stage || input.startsWith(stage), '421 4.3.2 going down\r\n');
    const { states, results } = await sendTo({ say });
    assert.deepEqual(
      [states[0], results[0]!.reply?.text, results[0]!.ambiguous],
      ['deferred', 'going down', false],
      stage,
    );
  }
  const broken = await sendTo({ say: only((_, kind) => kind === 'message', 'drop') });
  assert.deepEqual([broken.states[0], broken.results[0]!.ambiguous], ['deferred', true]);
});
test('broken behind the 250, and broken at QUIT: delivered', async () => {
  const left = await sendTo({ say: only((_, kind) => kind === 'message', { last: '250 2.0.0 taken\r\n' }) });
  assert.deepEqual([left.states, left.messages], [['delivered'], 1]);
  await using b = await deliveryRig(
    { say: only((input) => input === 'QUIT', 'drop') },
    { client: { maxUses: 1 } },
  );
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  while (b.server.open > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([b.stateOf(rows[0]!), b.server.heard.flat().at(-1)], ['delivered', 'QUIT']);
});
test('each recipient has its own end and its own reply', async () => {
  const say: Say = (input) => {
    if (input.includes('gone@')) return '550 5.1.1 no such user\r\n';
    if (input.includes('full@')) return '452 4.2.2 mailbox full\r\n';
    return undefined as never;
  };
  const { states, results, messages } = await sendTo({ say }, [
    'ok@good.test',
    'gone@good.test',
    'full@good.test',
  ]);
  assert.deepEqual(states, ['delivered', 'bounced', 'deferred']);
  assert.deepEqual(
    results.map(({ reply }) => reply?.text),
    ['taken', 'no such user', 'mailbox full'],
  );
  assert.equal(messages, 1);
});
test('354 although every recipient was refused: an empty message, and no delivery', async () => {
  const say = only((input) => input.startsWith('RCPT'), '550 5.1.1 no\r\n');
  const { states, messages, heard } = await sendTo({ say }, ['a@good.test', 'b@good.test']);
  assert.deepEqual([states, messages], [['bounced', 'bounced'], 0]);
  assert.equal(heard[0]!.filter((line) => line === 'DATA').length, 1);
});
test('too many recipients: the rest goes in another transaction, whatever the code', async () => {
  for (const said of [
    '550 5.5.3 Too many recipients',
    '452 4.5.3 too many',
    '452 come again',
    '552 too many',
    '554 5.7.1 Too many recipients in one message',
    '451 4.5.3 no more',
  ])
    for (const extensions of [['PIPELINING'], []]) {
      let recipients = 0;
      const say: Say = (input) => {
        if (input.startsWith('MAIL')) recipients = 0;
        if (input.startsWith('RCPT') && ++recipients > 2) return `${said}\r\n`;
        return undefined as never;
      };
      const all = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@good.test`);
      const { states, messages } = await sendTo({ say, extensions }, all);
      assert.deepEqual([states, messages], [all.map(() => 'delivered'), 3], said);
    }
});
test('too many recipients, and not one was taken: of several each is deferred, of one it is a refusal', async () => {
  const say = only((input) => input.startsWith('RCPT'), '550 5.5.3 too many recipients\r\n');
  assert.deepEqual((await sendTo({ say }, ['a@good.test', 'b@good.test'])).states, ['deferred', 'deferred']);
  assert.deepEqual((await sendTo({ say })).states, ['bounced']);
  const whole = only((_, kind) => kind === 'message', '554 5.5.3 too many recipients\r\n');
  assert.deepEqual((await sendTo({ say: whole }, ['a@good.test', 'b@good.test'])).states, [
    'deferred',
    'deferred',
  ]);
  const full = only((input) => input.includes('b@'), '452 4.2.2 full\r\n');
  const { states, heard } = await sendTo({ say: full }, ['a@good.test', 'b@good.test']);
  assert.deepEqual(states, ['delivered', 'deferred']);
  assert.equal(
    heard.flat().filter((line) => line.startsWith('MAIL')).length,
    1,
    'a full mailbox is not tried again at once',
  );
});
test('HELO after 500, a greeting of many lines, bare LF, AUTH= and empty lines: delivered', async () => {
  for (const say of [
    only((input) => input.startsWith('EHLO'), '500 5.5.1 what?\r\n'),
    only((_, kind) => kind === 'connect', '220-one\r\n220-\r\n220 two\r\n'),
    only((input, kind) => kind === 'connect' || !/^(DATA|EHLO)/.test(input), '250 ok\n'),
    only((input) => input.startsWith('EHLO'), '250-server.test\r\n250-AUTH=LOGIN PLAIN\r\n250-\r\n250 \r\n'),
  ]) {
    const { states, messages } = await sendTo({ say });
    assert.deepEqual([states, messages], [['delivered'], 1]);
  }
});

/** A smart host on this machine, as an operator's route names it. */
async function throughSmartHost(script: ScriptOptions) {
  const tls = await selfSigned('smart.test');
  await using b = await deliveryRig({ tls, ...script }, { routes: [] });
  const target = {
    scheme: 'smtp+starttls',
    host: '127.0.0.1',
    port: b.server.port,
    user: 'us',
    password: 'pw',
  } as const;
  const routes = [{ pattern: '*', target }];
  await using c = await deliveryRig({}, { routes });
  const { message, rows } = c.accept('x@good.test');
  c.scheduler.enqueue(message, rows);
  await c.until(1);
  const result = c.rows.get(rows[0]!.id)!.lastResult as Result;
  return { state: c.stateOf(rows[0]!), result, heard: b.server.heard[0]!.slice(3) };
}
test('a smart host: PLAIN, LOGIN where that alone is offered; 535 defers', async () => {
  const login: Say = (input) => {
    if (input === 'AUTH LOGIN') return '334 VXNlcm5hbWU6\r\n';
    if (input === 'dXM=') return '334 UGFzc3dvcmQ6\r\n';
    if (input === 'cHc=') return '235 2.7.0 welcome\r\n';
    if (input.startsWith('AUTH PLAIN')) return '504 5.5.4 unknown mechanism\r\n';
    return undefined as never;
  };
  const both = await throughSmartHost({ extensions: ['STARTTLS', 'AUTH LOGIN PLAIN'] });
  assert.deepEqual([both.state, both.heard[0]], ['delivered', 'AUTH PLAIN AHVzAHB3']);
  const alone = await throughSmartHost({ extensions: ['STARTTLS', 'AUTH LOGIN XOAUTH2'], say: login });
  assert.deepEqual([alone.state, alone.heard.slice(0, 3)], ['delivered', ['AUTH LOGIN', 'dXM=', 'cHc=']]);
  const unknown = await throughSmartHost({ extensions: ['STARTTLS', 'AUTH PLAIN LOGIN'], say: login });
  assert.deepEqual(
    [unknown.state, unknown.heard.slice(0, 2)],
    ['delivered', ['AUTH PLAIN AHVzAHB3', 'AUTH LOGIN']],
  );
  for (const offer of ['AUTH PLAIN', 'AUTH LOGIN'])
    for (const step of offer === 'AUTH PLAIN' ? [/^AUTH/] : [/^AUTH/, /^dXM=$/, /^cHc=$/]) {
      const say: Say = (input) =>
        step.test(input) ? '535 5.7.8 bad credentials\r\n' : login(input, 'command', 1);
      const { state, result } = await throughSmartHost({ extensions: ['STARTTLS', offer], say });
      assert.deepEqual(
        [state, result.reply?.code, result.cause],
        ['deferred', 535, 'AUTH refused'],
        `${offer} ${step}`,
      );
    }
  const none = await throughSmartHost({ extensions: ['STARTTLS', 'AUTH XOAUTH2'] });
  assert.deepEqual(
    [none.state, none.result.cause],
    ['deferred', 'neither AUTH PLAIN nor AUTH LOGIN is offered'],
  );
});
