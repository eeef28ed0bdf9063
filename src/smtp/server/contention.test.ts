/** Over real sockets: who makes room for others while its mail comes, while it is judged, and when no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRig, type Rig } from '../../testing/smtp-rig.ts';
import { condition, openWire, type WireClient } from '../../testing/wire-client.ts';
import { reply } from '../reply.ts';

const SIZE = 10_000_000;
const ANNOUNCED = `MAIL FROM:<a@b.test> SIZE=${SIZE}\r\n`;
const RCPT = 'RCPT TO:<x@example.test>\r\n';
const ACCEPTED = reply(250, '2.0.0', 'accepted');
const line = `${'x'.repeat(78)}\r\n`;

async function hello(it: Rig, from: string) {
  const client = openWire(it.port, { from });
  await client.until(/^220 /);
  await client.ask('EHLO client.test\r\n', /250 HELP\r\n/);
  return client;
}
async function toData(it: Rig, from: string, mail: string) {
  const client = await hello(it, from);
  await client.ask(mail, /250 2\.1\.0/);
  await client.ask(RCPT, /250 2\.1\.5/);
  await client.ask('DATA\r\n', /354 /);
  return client;
}

test('SIZE= at MAIL holds nothing; at DATA the slowest of an address that has all is closed for another', async () => {
  await using it = await openRig();
  const idle = [];
  for (let i = 0; i < 4; i++) {
    const client = await hello(it, '127.1.0.1');
    await client.ask(ANNOUNCED, /250 2\.1\.0/);
    idle.push(client);
  }
  const holding: WireClient[] = [];
  for (let i = 0; i < 3; i++) holding.push(await toData(it, '127.1.0.1', ANNOUNCED));
  const more = await hello(it, '127.1.0.1');
  await more.ask(ANNOUNCED, /452 4\.3\.1/);
  await holding[0]!.send(line.repeat(100));
  await holding[2]!.send(line.repeat(100));
  const other = await toData(it, '127.2.0.1', ANNOUNCED);
  await other.ask(`${line.repeat(4_000)}.\r\n`, /250 2\.0\.0 accepted/);
  await condition(() => it.aborted() === 1);
  assert.equal(it.notices[0]?.kind, 'connection-dropped');
  const closed = await Promise.race(holding.map((one) => one.closed));
  assert.match(closed, /421 4\.3\.1 too much mail at once/);
  for (const one of [...idle, ...holding, more, other]) one.socket.destroy();
});

test('a body that grows beyond what it announced has room for all of it, or is refused and not kept', async () => {
  await using it = await openRig();
  const growing = await toData(it, '127.1.0.1', 'MAIL FROM:<a@b.test> SIZE=300000\r\n');
  const holding = [];
  for (let i = 0; i < 3; i++) holding.push(await toData(it, '127.1.0.1', ANNOUNCED));
  await growing.ask(`${line.repeat(4_000)}.\r\n`, /452 4\.3\.1/);
  for (const one of [growing, ...holding]) one.socket.destroy();
});

test('who waits while its mail is judged makes room for a newcomer, and that mail is not taken', async () => {
  const judged = Promise.withResolvers<void>();
  let begun = 0;
  const may: boolean[] = [];
  const data = async (_message: Buffer, committing: () => boolean) => {
    begun += 1;
    await judged.promise;
    may.push(committing());
    return ACCEPTED;
  };
  await using it = await openRig({ maxConnections: 2 }, { data });
  const waiting = [];
  for (let i = 0; i < 2; i++) {
    const client = await toData(it, '127.1.0.1', 'MAIL FROM:<a@b.test>\r\n');
    await client.send('x\r\n.\r\n');
    waiting.push(client);
  }
  await condition(() => begun === 2);
  const newcomer = openWire(it.port, { from: '127.2.0.1' });
  await newcomer.until(/^220 /);
  const closed = await Promise.race(waiting.map((one) => one.closed));
  assert.match(closed, /421 4\.7\.0 too many connections/);
  assert.doesNotMatch(closed, /accepted/);
  judged.resolve();
  await condition(() => may.length === 2);
  assert.deepEqual(may.sort(), [false, true]);
  await Promise.any(waiting.map((one) => one.until(/250 2\.0\.0 accepted/)));
  for (const one of [...waiting, newcomer]) one.socket.destroy();
});

test('from the commit on nobody is dropped: the newcomer is refused, the answer comes', async () => {
  const committed = Promise.withResolvers<void>();
  let begun = 0;
  const data = async (_message: Buffer, committing: () => boolean) => {
    assert.ok(committing());
    begun += 1;
    await committed.promise;
    return ACCEPTED;
  };
  await using it = await openRig({ maxConnections: 2 }, { data });
  const waiting = [];
  for (let i = 0; i < 2; i++) {
    const client = await toData(it, '127.1.0.1', 'MAIL FROM:<a@b.test>\r\n');
    await client.send('x\r\n.\r\n');
    waiting.push(client);
  }
  await condition(() => begun === 2);
  assert.match(await openWire(it.port, { from: '127.2.0.1' }).closed, /^421 4\.7\.0/);
  committed.resolve();
  for (const one of waiting) await one.until(/250 2\.0\.0 accepted/);
  for (const one of waiting) one.socket.destroy();
});
