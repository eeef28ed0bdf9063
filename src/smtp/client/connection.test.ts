import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { systemClock } from '../../runtime/clock.ts';
import { openConnection } from './connection.ts';
import { RFC_TIMEOUTS } from './peer.ts';

const OPEN = ['250-server.test\r\n250 PIPELINING\r\n', '250 ok\r\n250 ok\r\n354 go on\r\n'];

/** A far end that answers right behind the call that writes: sooner than any network does. */
function immediately(onMessage: (soFar: number, ended: boolean) => string | null): Duplex {
  let commands = 0;
  let soFar = 0;
  const link = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      done();
      if (commands < OPEN.length) return say(OPEN[commands++]!);
      soFar += chunk.length;
      const answer = onMessage(soFar, chunk.toString('latin1').endsWith('\r\n.\r\n'));
      if (answer !== null) say(answer);
    },
  });
  const say = (text: string) => queueMicrotask(() => link.push(text));
  say('220 server.test\r\n');
  return link;
}
async function sent(link: Duplex, octets: number) {
  const context = createSecureContext();
  const opened = await openConnection(
    { host: 'server.test', address: '127.0.0.1', port: 25, tls: 'none', verify: false, auth: null },
    {
      network: { dial: async () => link as Socket },
      clock: systemClock,
      hostname: 'client.test',
      timeouts: RFC_TIMEOUTS,
      contexts: { opportunistic: context, required: context },
      signal: new AbortController().signal,
    },
  );
  assert.ok(opened.kind === 'open');
  const { connection } = opened;
  const written = { times: 0 };
  const result = await connection.send({
    mailFrom: 'a@client.test',
    recipients: ['b@server.test'],
    size: octets,
    smtputf8: false,
    eightBit: false,
    content: async () => ({
      header: Buffer.from('Subject: x\r\n\r\n'),
      raw: Buffer.alloc(octets, `${'x'.repeat(78)}\r\n`),
      written: () => {
        written.times += 1;
      },
    }),
  });
  connection.destroy();
  return { verdict: result.verdicts[0]!, usable: connection.usable(), written: written.times };
}

test('a 250 within the same turn as the last octets is an acceptance, whatever the size', async () => {
  for (const octets of [800, 64_000, 320_000, 1_200_000]) {
    const link = immediately((_, ended) => (ended ? '250 2.0.0 taken\r\n' : null));
    const { verdict, written } = await sent(link, octets);
    assert.equal(verdict.kind, 'delivered', `${octets} octets`);
    assert.equal(written, 1);
  }
});
test('a 250 before the last octets is none; a refusal is, and what is left is not sent as commands', async () => {
  const early = await sent(
    immediately((soFar) => (soFar > 100_000 ? '250 2.0.0 taken\r\n' : null)),
    1_200_000,
  );
  assert.deepEqual([early.verdict.kind, early.usable], ['deferred', false]);
  const heard = { octets: 0 };
  const refusing = immediately((soFar) => {
    heard.octets = soFar;
    return soFar > 100_000 && soFar < 200_000 ? '552 5.3.4 too large\r\n' : null;
  });
  const refused = await sent(refusing, 1_200_000);
  assert.equal(refused.verdict.kind, 'bounced');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(heard.octets < 400_000, `${heard.octets} octets`);
});
