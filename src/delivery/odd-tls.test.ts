/** Servers whose TLS is odd, old or broken, over the scheduler: what is taken arrives, and a fault of TLS never bounces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { Say, ScriptOptions } from '../testing/scripted-server.ts';
import { selfSigned } from '../testing/self-signed.ts';

const EXTENSIONS = ['STARTTLS', 'PIPELINING', '8BITMIME'];
/** One mail to such a server; `wait`: fake ms that pass meanwhile. */
async function sendTo(script: ScriptOptions, wait = 0) {
  await using b = await deliveryRig({ extensions: EXTENSIONS, ...script });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  if (wait > 0)
    while (b.server.heard.flat().at(-1) !== 'STARTTLS') await new Promise((resolve) => setImmediate(resolve));
  for (let waited = 0; waited < wait && b.settled.length === 0; waited += 10_000)
    await b.clock.advance(10_000);
  await b.until(1);
  const { state, lastResult } = b.rows.get(rows[0]!.id)!;
  const {
    cause = '',
    reply,
    tls,
  } = lastResult as {
    cause?: string;
    reply: { code: number; text: string } | null;
    tls: { version: string; cipher: string; verified: boolean } | null;
  };
  return { state, cause, reply, tls, heard: b.server.heard };
}
const answering =
  (verb: string, reply: ReturnType<Say>): Say =>
  (input) =>
    input.startsWith(verb) ? reply : (undefined as never);

test('an expired certificate, TLS 1.0 and RSA key exchange still beat clear text', async () => {
  const rsa = await selfSigned('mx.good.test', { rsa: true });
  const expired = await sendTo({ tls: await selfSigned('mx.good.test', { expired: true }) });
  assert.deepEqual([expired.state, expired.tls?.verified], ['delivered', false]);
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const first = await sendTo({ tls: { ...rsa, ...old } });
  assert.deepEqual([first.state, first.tls?.version], ['delivered', 'TLSv1']);
  const exchange = await sendTo({ tls: { ...rsa, maxVersion: 'TLSv1.2', ciphers: 'AES256-SHA' } });
  assert.deepEqual([exchange.state, exchange.tls?.cipher], ['delivered', 'AES256-SHA']);
});
test('TLS that is cut, is none, is refused or never ends: the mail goes in clear', async () => {
  for (const [script, wait, connections] of [
    [{ tls: 'drop' }, 0, 2],
    [{}, 0, 2],
    [{ say: answering('STARTTLS', '454 4.7.0 TLS not available\r\n') }, 0, 1],
    [{ tls: 'silence' }, 90_000, 2],
  ] as const) {
    const end = await sendTo(script, wait);
    assert.deepEqual([end.state, end.tls, end.heard.length], ['delivered', null, connections]);
  }
});
test('a server that breaks or falls silent right behind the handshake has failed at TLS', async () => {
  const tls = await selfSigned('mx.good.test');
  for (const [said, wait] of [
    ['drop', 0],
    [null, 330_000],
  ] as const) {
    let hellos = 0;
    const say: Say = (input) => (input.startsWith('EHLO') && ++hellos === 2 ? said : (undefined as never));
    await using b = await deliveryRig({ extensions: EXTENSIONS, tls, say });
    const { message, rows } = b.accept('x@good.test');
    b.scheduler.enqueue(message, rows);
    while (hellos < 2) await new Promise((resolve) => setImmediate(resolve));
    for (let waited = 0; waited < wait && b.settled.length === 0; waited += 10_000)
      await b.clock.advance(10_000);
    await b.until(1);
    assert.deepEqual([b.stateOf(rows[0]!), b.server.connections], ['delivered', 2]);
  }
});
test('TLS fails, and without it the server takes no mail: deferred, and the reason names both', async () => {
  const must = '530 5.7.0 Must issue a STARTTLS command first\r\n';
  for (const [script, wait] of [
    [{ tls: 'drop' }, 0],
    [{}, 0],
    [{ tls: 'silence' }, 90_000],
  ] as const)
    for (const verb of ['MAIL', 'RCPT', 'DATA']) {
      const end = await sendTo({ ...script, say: answering(verb, must) }, wait);
      assert.deepEqual([end.state, end.reply?.code], ['deferred', 530], verb);
      assert.match(end.cause, /^TLS failed \(.+\); without TLS: (MAIL|recipient|DATA) refused$/);
    }
  const refused = await sendTo({
    say: (input) =>
      input === 'STARTTLS'
        ? '454 4.7.0 no TLS now\r\n'
        : input.startsWith('MAIL')
          ? must
          : (undefined as never),
  });
  assert.deepEqual([refused.state, refused.reply?.code], ['deferred', 530]);
  assert.match(refused.cause, /^TLS failed \(STARTTLS refused: 454 no TLS now\); without TLS: MAIL refused$/);
  const hello = await sendTo({
    tls: 'drop',
    say: (input, _kind, nth) => (nth === 2 && /^(EHLO|HELO)/.test(input) ? must : (undefined as never)),
  });
  assert.equal(hello.state, 'deferred');
  assert.match(hello.cause, /^TLS failed \(.+\); without TLS: HELO refused$/);
});
test('without TLS a refusal of another kind is a refusal; one that names TLS is deferred', async () => {
  const gone = await sendTo({ tls: 'drop', say: answering('RCPT', '550 5.1.1 no such user\r\n') });
  assert.deepEqual([gone.state, gone.reply?.code], ['bounced', 550]);
  for (const said of [
    '550 5.7.10 encryption needed\r\n',
    '554 5.7.1 TLS is required here\r\n',
    '523 no\r\n',
  ]) {
    const end = await sendTo({ extensions: ['PIPELINING'], say: answering('MAIL', said) });
    assert.deepEqual(
      [end.state, end.cause],
      ['deferred', 'the server wants TLS and does not offer it; without TLS: MAIL refused'],
    );
  }
  const auth = await sendTo({
    extensions: [],
    say: answering('MAIL', '530 5.7.0 Authentication required\r\n'),
  });
  assert.equal(auth.state, 'bounced');
  const tls = await selfSigned('mx.good.test');
  const inside = await sendTo({
    tls,
    say: answering('MAIL', '530 5.7.0 Must issue a STARTTLS command first\r\n'),
  });
  assert.equal(inside.state, 'bounced', 'TLS was there');
});
test('STARTTLS is not asked for again inside TLS, and an EHLO that is refused there is borne', async () => {
  const tls = await selfSigned('mx.good.test');
  const offered = await sendTo({ tls });
  assert.equal(offered.state, 'delivered');
  assert.equal(offered.heard.flat().filter((line) => line === 'STARTTLS').length, 1);
  let hellos = 0;
  const refused = await sendTo({
    tls,
    say: (input) => (input.startsWith('EHLO') && ++hellos === 2 ? '500 what?\r\n' : (undefined as never)),
  });
  assert.deepEqual([refused.state, refused.heard.length], ['delivered', 1]);
  assert.match(refused.tls?.version ?? '', /^TLS/);
});
test('the STARTTLS command itself fails: the mail goes in clear in the same attempt', async () => {
  for (const [said, wait, connections] of [
    ['drop', 0, 2],
    ['foo\r\n', 0, 2],
    [null, 130_000, 2],
    ['220-a\r\n454 b\r\n', 0, 2],
    ['421 4.3.2 not now\r\n', 0, 2],
    [{ last: '421 4.3.2 not now\r\n' }, 0, 2],
    [{ last: '454 4.7.0 no TLS\r\n' }, 0, 2],
    ['502 5.5.1 what?\r\n', 0, 1],
  ] as const) {
    const end = await sendTo({ say: answering('STARTTLS', said) }, wait);
    assert.deepEqual(
      [end.state, end.tls, end.heard.length],
      ['delivered', null, connections],
      JSON.stringify(said),
    );
  }
});
test('EHLO and HELO are refused under TLS: the mail goes in clear', async () => {
  const tls = await selfSigned('mx.good.test');
  let hellos = 0;
  const say: Say = (input, _kind, nth) =>
    nth === 1 && /^(EHLO|HELO)/.test(input) && ++hellos > 1 ? '554 5.7.0 not so\r\n' : (undefined as never);
  const end = await sendTo({ tls, say });
  assert.deepEqual([end.state, end.tls, end.heard.length], ['delivered', null, 2]);
});
test('STARTTLS fails, and without it no mail is taken: deferred, and the reason names what was said to STARTTLS', async () => {
  const must = '530 5.7.0 Must issue a STARTTLS command first\r\n';
  for (const [said, why] of [
    ['drop', /connection lost \(starttls\)|ECONNRESET/],
    ['foo\r\n', /not an SMTP reply: foo/],
    ['220-a\r\n454 b\r\n', /reply code changes between lines: 454 b/],
    [{ last: '421 4.3.2 not now\r\n' }, /STARTTLS refused: 421 not now/],
    [{ last: '454 4.7.0 no TLS\r\n' }, /STARTTLS refused: 454 no TLS/],
  ] as const) {
    const say: Say = (input) =>
      input === 'STARTTLS' ? said : input.startsWith('MAIL') ? must : (undefined as never);
    const end = await sendTo({ say });
    assert.deepEqual([end.state, end.reply?.code], ['deferred', 530], JSON.stringify(said));
    assert.match(end.cause, why);
    assert.match(end.cause, /^TLS failed \(.+\); without TLS: MAIL refused$/);
  }
});
test('without TLS only a demand for TLS is put off: neither names nor other subjects are one', async () => {
  for (const [stage, said, state] of [
    ['RCPT', '550 5.1.1 <tls@good.test>: User unknown', 'bounced'],
    ['RCPT', '550 5.1.1 mx.tls.example: no such user', 'bounced'],
    ['RCPT', '550 5.1.1 TLS required: no such user', 'bounced'],
    ['RCPT', '550 <must-use-tls@good.test>: User unknown', 'bounced'],
    ['RCPT', '550 only.tls.example has no such user', 'bounced'],
    ['RCPT', '530 5.1.1 no such user', 'bounced'],
    ['DATA', '554 5.7.1 encrypted attachments are not allowed', 'bounced'],
    ['MAIL', '550 5.7.1 rejected by tls-policy list', 'bounced'],
    ['message', '554 5.7.1 encryption is required by our policy for such content', 'bounced'],
    ['MAIL', '550 TLS required', 'deferred'],
    ['MAIL', '550 5.7.1 Session encryption is required', 'deferred'],
    ['RCPT', '554 5.7.0 mx.good.test: you must use STARTTLS', 'deferred'],
    ['RCPT', '550 5.7.1 no mail over unencrypted connections', 'deferred'],
    ['message', '550 5.7.10 encryption needed', 'deferred'],
  ] as const)
    for (const script of [{ tls: 'drop' }, { extensions: ['PIPELINING'] }] as const) {
      const say: Say = (input, kind) =>
        kind === stage || (kind === 'command' && input.startsWith(stage))
          ? `${said}\r\n`
          : (undefined as never);
      assert.equal((await sendTo({ ...script, say })).state, state, said);
    }
});
