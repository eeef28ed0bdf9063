/** The client where the server lacks what the message needs: when it asks for another form, and what becomes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { systemNetwork } from '../../runtime/network.ts';
import { type ScriptOptions, scriptedServer } from '../../testing/scripted-server.ts';
import type { Adapted, Lacks, OutgoingTransaction } from './dialogue.ts';
import { createPool, type Target } from './pool.ts';
import { APART } from './verdicts.ts';

const FORM = { header: Buffer.from('Received: x\r\n'), raw: Buffer.from('Subject: y\r\n\r\n7-bit\r\n') };
const ADAPTED: Adapted = {
  kind: 'adapted',
  converted: true,
  size: FORM.raw.length,
  content: async () => FORM,
};
const targetOf = (port: number): Target => ({
  key: 'k',
  site: 's',
  candidates: [
    { host: 'server.test', address: '127.0.0.1', port, tls: 'none', verify: false, auth: null },
    { host: 'other.test', address: '127.0.0.1', port, tls: 'none', verify: false, auth: null },
  ],
});
function mailOf(adapt: (lacks: Lacks) => Promise<Adapted>, more: Partial<OutgoingTransaction> = {}) {
  const asked: Lacks[] = [];
  const mail: OutgoingTransaction = {
    mailFrom: 'a@example.com',
    recipients: ['b@example.net'],
    size: 10,
    content: async () => ({ ...FORM, raw: Buffer.from('Subject: é\r\n\r\né\r\n') }),
    smtputf8: true,
    eightBit: true,
    adapt(lacks) {
      asked.push(lacks);
      return adapt(lacks);
    },
    ...more,
  };
  return { mail, asked };
}
async function between(options: ScriptOptions) {
  const server = await scriptedServer(options);
  const client = createPool({ network: systemNetwork, clock: systemClock, hostname: 'client.test' });
  return {
    server,
    client,
    deliver: async (mail: OutgoingTransaction) =>
      (await client.deliver(targetOf(server.port), mail)).verdicts,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
const mails = (heard: readonly string[][]) => heard.flat().filter((line) => line.startsWith('MAIL'));

test('the message is asked for in the form that the server takes, and only where it lacks something', async () => {
  const cases = [
    [[], { eightBit: true, smtputf8: true }, 'MAIL FROM:<a@example.com>'],
    [['8BITMIME'], { eightBit: false, smtputf8: true }, 'MAIL FROM:<a@example.com> BODY=8BITMIME'],
    [['SMTPUTF8'], { eightBit: true, smtputf8: false }, 'MAIL FROM:<a@example.com> SMTPUTF8'],
    [['8BITMIME', 'SMTPUTF8'], null, 'MAIL FROM:<a@example.com> BODY=8BITMIME SMTPUTF8'],
  ] as const;
  for (const [extensions, lacks, command] of cases) {
    await using b = await between({ extensions });
    const { mail, asked } = mailOf(async () => ADAPTED);
    const [verdict] = await b.deliver(mail);
    assert.equal(verdict!.kind, 'delivered');
    assert.deepEqual(asked, lacks === null ? [] : [lacks]);
    assert.deepEqual(mails(b.server.heard), [command]);
    assert.equal(b.server.messages[0]!.includes('7-bit'), lacks !== null);
  }
});
test('a server that knows no EHLO lacks both', async () => {
  await using b = await between({
    say: (input) => (input.startsWith('EHLO') ? '502 5.5.1 what?\r\n' : (undefined as never)),
  });
  const { mail, asked } = mailOf(async () => ADAPTED);
  assert.equal((await b.deliver(mail))[0]!.kind, 'delivered');
  assert.deepEqual(asked, [{ eightBit: true, smtputf8: true }]);
});
test('a message without such a form bounces, and the connection serves the next one', async () => {
  await using b = await between({ extensions: [] });
  const { mail } = mailOf(async () => ({ kind: 'refused', status: '5.6.3', cause: 'it is signed' }));
  assert.deepEqual(await b.deliver(mail), [
    { kind: 'bounced', reply: null, status: '5.6.3', cause: 'it is signed' },
  ]);
  await b.deliver(mailOf(async () => ADAPTED).mail);
  assert.equal(b.server.connections, 1);
  assert.equal(mails(b.server.heard).length, 1);
});
test('what fails on this side defers, and is not tried with every server', async () => {
  await using b = await between({ extensions: [] });
  const { mail, asked } = mailOf(async () => {
    throw new Error('no thread');
  });
  const [verdict] = await b.deliver(mail);
  assert.ok(verdict!.kind === 'deferred' && !verdict!.ambiguous);
  assert.match(verdict!.cause, /no thread/);
  assert.equal(asked.length, 1);
  assert.deepEqual(mails(b.server.heard), []);
});
test('an envelope that needs SMTPUTF8 asks for no other form', async () => {
  for (const more of [{ mailFrom: 'é@example.com' }, { recipients: ['é@example.net'] }]) {
    await using b = await between({ extensions: ['8BITMIME'] });
    const { mail, asked } = mailOf(async () => ADAPTED, more);
    const [verdict] = await b.deliver(mail);
    assert.equal(verdict!.kind === 'bounced' && verdict!.status, '5.6.7');
    assert.deepEqual(asked, []);
  }
});
test('each recipient keeps its own verdict and its own DSN parameters; one that needs SMTPUTF8 goes apart', async () => {
  await using b = await between({
    extensions: ['DSN', 'PIPELINING'],
    say: (input) => (input.startsWith('RCPT TO:<no@') ? '550 5.1.1 no\r\n' : (undefined as never)),
  });
  const { mail } = mailOf(async () => ADAPTED, {
    recipients: ['é@example.net', 'no@example.net', 'b@example.net'],
    dsn: { recipients: [{ notify: ['NEVER'] }, { notify: ['FAILURE'] }, { notify: ['SUCCESS'] }] },
  });
  const verdicts = await b.deliver(mail);
  assert.deepEqual(
    verdicts.map((verdict) => (verdict.kind === 'delivered' ? verdict.kind : verdict.cause)),
    [APART, 'recipient refused', 'delivered'],
  );
  assert.deepEqual(
    b.server.heard.flat().filter((line) => line.startsWith('RCPT')),
    ['RCPT TO:<no@example.net> NOTIFY=FAILURE', 'RCPT TO:<b@example.net> NOTIFY=SUCCESS'],
  );
});
test('links that end meanwhile say nothing of any recipient', async () => {
  await using b = await between({ extensions: [] });
  const { mail } = mailOf(
    async () => {
      b.client.breakOff();
      return new Promise(() => {});
    },
    { recipients: ['é@example.net', 'b@example.net'] },
  );
  assert.deepEqual(
    (await b.deliver(mail)).map(({ kind }) => kind),
    ['deferred', 'deferred'],
  );
});
test('a link that ends meanwhile costs nothing: the form is asked for again on the next one', async () => {
  await using b = await between({ extensions: [] });
  const { mail, asked } = mailOf(async () => {
    if (asked.length > 1) return ADAPTED;
    b.client.breakOff();
    return new Promise(() => {});
  });
  assert.equal((await b.deliver(mail))[0]!.kind, 'delivered');
  assert.equal(asked.length, 2);
  assert.equal(b.server.connections, 2);
});
