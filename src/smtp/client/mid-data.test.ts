/** Servers that break off while the message is on its way: what is known of it, and what they said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { type Network, systemNetwork } from '../../runtime/network.ts';
import { type FarEndSession, openFarEnd } from '../../testing/far-end.ts';
import type { Content } from './dialogue.ts';
import { createPool } from './pool.ts';

const contentOf = async (octets: number): Promise<Content> => ({
  header: Buffer.from('Received: x\r\n'),
  raw: Buffer.alloc(octets, 'line\r\n'),
});
/** One mail to a server that is polite up to DATA; `go`: what it does then. */
async function sendTo(
  go: (session: FarEndSession) => void,
  content: () => Promise<Content>,
  network: Network = systemNetwork,
) {
  await using server = await openFarEnd({
    meet(session) {
      session.say('220 server.test\r\n');
      return (input) => (input === 'DATA' ? go(session) : session.say('250 ok\r\n'));
    },
  });
  await using pool = createPool({ network, clock: systemClock, hostname: 'client.test' });
  const candidate = { host: 'server.test', address: '127.0.0.1', verify: false, auth: null } as const;
  const { verdicts } = await pool.deliver(
    { key: 't', site: 't', candidates: [{ ...candidate, port: server.port, tls: 'none' }] },
    {
      mailFrom: 'a@example.com',
      recipients: ['b@example.net'],
      size: 1000,
      content,
      smtputf8: false,
      eightBit: false,
    },
  );
  const [verdict] = verdicts;
  return {
    kind: verdict!.kind,
    code: verdict!.reply?.code,
    text: verdict!.reply?.text,
    ambiguous: verdict!.kind === 'deferred' && verdict!.ambiguous,
  };
}
/** The system does not take the octets with the final dot. */
const failing: Network = {
  ...systemNetwork,
  async dial(options) {
    const socket = await systemNetwork.dial(options);
    const write = socket._write.bind(socket);
    socket._write = (chunk: Buffer, encoding, done) => {
      if (String(chunk).endsWith('\r\n.\r\n'))
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
      else write(chunk, encoding, done);
    };
    return socket;
  },
};

test('a link that breaks before the final dot has left this machine is not ambiguous', async () => {
  for (const octets of [100, 300_000])
    assert.deepEqual(
      await sendTo(
        (session) => {
          session.say('354 go\r\n');
          session.expectMessage();
        },
        () => contentOf(octets),
        failing,
      ),
      { kind: 'deferred', code: undefined, text: undefined, ambiguous: false },
    );
});
test('words behind the 354 are kept while the message is made, however the server leaves', async () => {
  const never = () => new Promise<Content>(() => {});
  for (const [said, code, text] of [
    ['554 5.7.1 too odd\r\n', 554, 'too odd'],
    ['554 5.7.1 too odd', 554, 'too odd'],
    ['421 4.3.2 going down\r\n', 421, 'going down'],
    ['250 2.0.0 taken\r\n', undefined, undefined],
    ['rubbish\r\n', undefined, undefined],
  ] as const)
    assert.deepEqual(
      await sendTo((session) => session.end(`354 go\r\n${said}`), never),
      { kind: 'deferred', code, text, ambiguous: false },
      said,
    );
});
test('a refusal before the message was sent is the reason shown', async () => {
  const said = (reply: string) =>
    sendTo(
      (session) => session.say(`354 go\r\n${reply}`),
      () => contentOf(100),
    );
  assert.deepEqual(await said('554 5.7.1 too odd\r\n'), {
    kind: 'deferred',
    code: 554,
    text: 'too odd',
    ambiguous: false,
  });
  const taken = await said('250 2.0.0 taken\r\n250 2.0.0 taken\r\n');
  assert.deepEqual([taken.kind, taken.code, taken.ambiguous], ['deferred', undefined, false]);
});
test('a refusal in the middle of the message is a verdict', async () => {
  const end = await sendTo(
    (session) => session.say('354 go\r\n'),
    () => contentOf(500_000),
    {
      ...systemNetwork,
      async dial(options) {
        const socket = await systemNetwork.dial(options);
        const write = socket._write.bind(socket);
        let blocks = 0;
        // The server's words come between two blocks; the blocks themselves are not wanted.
        socket._write = (chunk: Buffer, encoding, done) => {
          if (chunk.length < 1000) return write(chunk, encoding, done);
          blocks += 1;
          if (blocks === 3) socket.emit('data', Buffer.from('554 5.7.1 too odd\r\n'));
          setImmediate(done);
        };
        return socket;
      },
    },
  );
  assert.deepEqual([end.kind, end.code, end.text], ['bounced', 554, 'too odd']);
});
