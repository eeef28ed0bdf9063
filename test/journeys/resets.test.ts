/**
 * Peers that reset connections: a mail server in each phase, the receiver of a hook, a client of our DNS
 * zone.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { bootstrap, eventually, portOf, startService } from './harness.ts';
import { authorization } from './journey.ts';

/** Resets each connection after it has sent the answers. */
async function resetting(...answers: readonly string[]) {
  const state = { connections: 0 };
  const server = createServer((socket: Socket) => {
    state.connections += 1;
    let said = 0;
    socket.on('error', () => {});
    const say = () => {
      const answer = answers[said++];
      if (answer === undefined) socket.resetAndDestroy();
      else socket.write(answer);
    };
    say();
    socket.on('data', say);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { state, port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => server.close() };
}

test('a reset by who we speak to is no error of ours: SMTP in every phase, hooks, DNS over TCP', async () => {
  using stack = new DisposableStack();
  const dialogue = ['220 far.test\r\n', '250 far.test\r\n', '250 ok\r\n', '250 ok\r\n', '354 go\r\n'];
  const sites = await Promise.all(
    [0, 1, 2, 3, 4, 5].map(async (many) => stack.use(await resetting(...dialogue.slice(0, many)))),
  );
  using hook = await resetting();
  await using service = await startService({
    HIKYAKU_ROUTES: sites.map(({ port }, i) => `n${i}.reset.test=smtp://127.0.0.1:${port}`).join(','),
    HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
    HIKYAKU_DKIM_ZONE: 'dkim.sender.test',
    HIKYAKU_DNS_LISTEN: '127.0.0.1:0',
  });
  const who = await bootstrap(service.env, 'sender.test');
  const post = async (path: string, body: object) => {
    const answer = await fetch(`http://${service.ready.http}${path}`, {
      method: 'POST',
      headers: { authorization: authorization(who), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
  };
  await post(`/edj/v1/topics/${who.topic_id}/subscribers`, {
    type: 'http',
    url: `http://127.0.0.1:${hook.port}/`,
  });
  await post('/edj/v1/tasks', {
    procedure: 'publish',
    arguments: { self: `http://127.0.0.1:8025/edj/v1/topics/${who.topic_id}`, message: 'x' },
  });
  for (let i = 0; i < sites.length; i += 1)
    await post('/mta/v1/tasks', {
      procedure: 'send_message',
      arguments: {
        self: who.domain_url,
        from: ['a@sender.test'],
        to: [`x@n${i}.reset.test`],
        subject: 'x',
        content_type: 'text/plain',
        body: 'x',
      },
    });
  for (let i = 0; i < 5; i += 1) {
    const asker = connect(portOf(service.ready.dns!), '127.0.0.1');
    asker.on('error', () => {});
    await once(asker, 'connect');
    await new Promise((resolve) => asker.write(Buffer.from([0, 40, 1]), resolve));
    asker.resetAndDestroy();
  }
  await eventually('the attempts', async () => [hook, ...sites].every(({ state }) => state.connections > 0));
  await service[Symbol.asyncDispose]();
  const errors = service.log
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { level: number })
    .filter(({ level }) => level >= 50);
  assert.deepEqual(errors, []);
});
