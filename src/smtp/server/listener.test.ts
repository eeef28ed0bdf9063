/**
 * The SMTP listener over real sockets and a clock moved by hand: PROXY headers, deadlines, caps, early talkers,
 * clients that do not read, stopping. Proxies are told from others by their loopback address: 127.0.0.9 is trusted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createRate, perWidth } from '../../runtime/rates.ts';
import { createSlots } from '../../runtime/slots.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { endsAt, openRig, PROXY, type Rig } from '../../testing/smtp-rig.ts';
import {
  condition,
  openWire,
  openWireTls,
  quiet,
  upgrade,
  type WireClient,
} from '../../testing/wire-client.ts';
import { type Reply, reply } from '../reply.ts';
import { peerBehind } from './proxy-peer.ts';

const V1 = 'PROXY TCP4 198.51.100.7 203.0.113.25 56319 25\r\n';
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const LOCAL = Buffer.from(`${SIGNATURE}20000000`, 'hex');
const UNSPEC = Buffer.from(`${SIGNATURE}21000000`, 'hex');
const V2_IPV6 = Buffer.from(
  `${SIGNATURE}2121002b20010db8${'00'.repeat(11)}0120010db8${'00'.repeat(11)}020400001904000401020304`,
  'hex',
);
const HELLO = 'EHLO client.test\r\n';
const TOO_MANY = '421 4.7.0 too many connections, try again later\r\n';
const TO_DATA = 'MAIL FROM:<a@b.test>\r\nRCPT TO:<x@example.test>\r\nDATA\r\n';
// PROXY protocol

for (const [name, header, peer] of [
  ['version 1', Buffer.from(V1), '198.51.100.7 56319'],
  ['version 2 with TLVs', V2_IPV6, '2001:db8::1 1024'],
] as const) {
  test(`${name} from a trusted proxy, octet by octet: nothing is said before its end, then it names the peer`, async () => {
    await using it = await openRig();
    const client = openWire(it.port, { from: PROXY });
    for (const octet of header.subarray(0, -1)) await client.send(Buffer.of(octet));
    await quiet(() => client.text.length);
    assert.deepEqual([client.text, it.connected], ['', []]);
    await client.ask(header.subarray(-1), /^220 .*\r\n/);
    await client.ask(HELLO, /250 HELP\r\n/);
    await client.ask(TO_DATA, /354 /);
    assert.match(await client.ask('Subject: x\r\n\r\nx\r\n.\r\n', /\r\n/), /^250 2.0.0 accepted/);
    assert.deepEqual(it.connected, [peer]);
    assert.equal(`${it.mailed[0]!.remoteAddress} ${it.mailed[0]!.remotePort}`, peer);
    await client.ask('QUIT\r\n', /221/);
    await client.closed;
  });
}

test('STARTTLS behind PROXY: the peer stays who it is', async () => {
  await using it = await openRig();
  const plain = openWire(it.port, { from: PROXY, first: V1 });
  await plain.until(/^220 /);
  await plain.ask(HELLO, /STARTTLS/);
  await plain.ask('STARTTLS\r\n', /^220 2.0.0/);
  const client = await upgrade(plain);
  await client.ask(HELLO, /AUTH PLAIN/);
  await client.ask(TO_DATA, /354 /);
  assert.equal(it.mailed[0]!.remoteAddress, '198.51.100.7');
  assert.match(it.mailed[0]!.tls!.version, /^TLSv1/);
  client.socket.destroy();
});

for (const [name, header, peer] of [
  ['version 1', V1, '198.51.100.7 56319'],
  ['version 2', V2_IPV6, '2001:db8::1 1024'],
] as const) {
  test(`implicit TLS behind PROXY ${name}: in one piece with the ClientHello, and before it`, async () => {
    await using it = await openRig({ role: 'submissions' });
    const together = await openWireTls(it.port, PROXY, header);
    await together.until(/^220 /);
    await together.ask(HELLO, /AUTH PLAIN/);
    const before = openWire(it.port, { from: PROXY, first: header });
    await before.send('');
    await quiet(() => it.listener.connections);
    const later = await upgrade(before);
    await later.until(/^220 /);
    assert.deepEqual(it.connected, [peer, peer]);
    together.socket.destroy();
    later.socket.destroy();
  });
}

test('implicit TLS: without its header a proxy is closed, with one a stranger is', async () => {
  await using it = await openRig({ role: 'submissions' });
  await assert.rejects(openWireTls(it.port, PROXY, ''));
  await assert.rejects(openWireTls(it.port, '127.0.0.1', V1));
  assert.deepEqual(it.connected, []);
  const honest = await openWireTls(it.port, '127.0.0.1', '');
  await honest.until(/^220 /);
  honest.socket.destroy();
});

for (const [name, header] of [
  ['version 1', Buffer.from(V1)],
  ['version 2', V2_IPV6],
  ['version 2 LOCAL', LOCAL],
] as const) {
  test(`${name} from a stranger: 554 with the connection and after the greeting, and it is not believed`, async () => {
    await using it = await openRig();
    const early = openWire(it.port, { first: header });
    assert.match(await early.closed, /^554 5\.5\.1 you spoke before the greeting\r\n$/);
    const late = openWire(it.port);
    await late.until(/^220 /);
    await late.send(header);
    assert.match(await late.closed, /554 5\.5\.1 this is an SMTP server\r\n$/);
    for (const one of it.connected) assert.match(one, /^127\.0\.0\.1 /);
    assert.deepEqual(it.mailed, []);
  });
}

for (const [name, octets] of [
  ['SMTP', HELLO],
  ['a ClientHello', Buffer.from('160301020001000001fc0303', 'hex')],
  ['a header with a wrong address', 'PROXY TCP4 198.51.100.777 203.0.113.25 56319 25\r\n'],
  ['a header of version 3', Buffer.from(`${SIGNATURE}31110000`, 'hex')],
  ['a line without an end', `PROXY ${'x'.repeat(4096)}`],
] as const) {
  test(`${name} instead of a header from a trusted proxy: closed without a word or a question`, async () => {
    await using it = await openRig();
    const client = openWire(it.port, { from: PROXY, first: octets });
    assert.equal(await client.closed, '');
    assert.deepEqual(it.connected, []);
  });
}

test('half a header, then silence: closed after 10 s; then the end: closed at once', async () => {
  await using it = await openRig();
  const silent = openWire(it.port, { from: PROXY, first: V1.slice(0, 20) });
  assert.equal(await endsAt(10_000, it, silent), '');
  const ending = openWire(it.port, { from: PROXY, first: V2_IPV6.subarray(0, 20) });
  ending.socket.end();
  assert.equal(await ending.closed, '');
  assert.deepEqual(it.connected, []);
});

test('what the client behind the proxy says before the greeting is early talk', async () => {
  await using it = await openRig();
  const client = openWire(it.port, { from: PROXY, first: V1 + HELLO });
  assert.match(await client.closed, /^554 5\.5\.1 you spoke before the greeting\r\n$/);
  assert.deepEqual(it.connected, ['198.51.100.7 56319']);
});

test('LOCAL: greeted as the proxy itself, and no cap of addresses counts', async () => {
  await using it = await openRig({ maxPerAddress: 1 });
  const checks = [1, 2, 3].map(() => openWire(it.port, { from: PROXY, first: LOCAL }));
  for (const one of checks) await one.until(/^220 /);
  for (const one of it.connected) assert.match(one, /^127\.0\.0\.9 /);
  for (const one of checks) {
    await one.ask('QUIT\r\n', /221/);
    await one.closed;
  }
});

for (const [name, header] of [
  ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
  ['AF_UNSPEC', UNSPEC],
] as const) {
  test(`${name}: served under the proxy's address, but no principal comes from that address`, async () => {
    await using it = await openRig({ role: 'submission' }, { connect: async () => ({ name: 'trusted' }) });
    const client = openWire(it.port, { from: PROXY, first: header });
    await client.until(/^220 /);
    await client.ask(HELLO, /250 HELP\r\n/);
    await client.ask(TO_DATA, /354 /);
    assert.deepEqual([it.mailed[0]!.remoteAddress, it.mailed[0]!.principal], [PROXY, null]);
    assert.deepEqual(it.connected, []);
    client.socket.destroy();
  });
}

test('a loopback source named by a proxy elsewhere is not this machine', () => {
  const source = { address: '127.0.0.1', port: 1 };
  const header = { kind: 'proxied', source, length: 1 } as const;
  const far = { address: '192.0.2.9', port: 2, kind: 'direct' } as const;
  assert.deepEqual(peerBehind(far, header), { ...far, kind: 'unknown' });
  assert.deepEqual(peerBehind({ ...far, address: PROXY }, header), { ...source, kind: 'proxied' });
});

test('caps count the addresses behind the proxy, each for itself; trusted networks stay exempt', async () => {
  await using it = await openRig({ maxPerAddress: 2, exempt: (address) => address === '192.0.2.200' });
  const from = (address: string) =>
    openWire(it.port, { from: PROXY, first: `PROXY TCP4 ${address} 203.0.113.25 1 25\r\n` });
  const first = from('192.0.2.1');
  const held = [first, from('192.0.2.1'), from('192.0.2.2')];
  for (const one of held) await one.until(/^220 /);
  assert.match(await from('192.0.2.1').closed, /^421 4\.7\.0 too many connections/);
  held.push(from('192.0.2.200'), from('192.0.2.200'), from('192.0.2.200'), openWire(it.port));
  for (const one of held) await one.until(/^220 /);
  first.socket.destroy();
  await condition(() => it.listener.connections === held.length - 1);
  held.push(from('192.0.2.1'));
  await held.at(-1)!.until(/^220 /);
  for (const one of held) one.socket.destroy();
});

// Deadlines

test('greeting: a receiver that does not answer, 421 after 5 minutes', async () => {
  const never = new Promise(() => {});
  await using it = await openRig({}, { connect: () => never });
  const client = openWire(it.port);
  await condition(() => it.connected.length === 1);
  assert.match(await endsAt(300_000, it, client), /^421 4\.4\.2 timeout\r\n$/);
});

test('command: whole commands are waited for 5 minutes each, octets that are none do not count', async () => {
  await using it = await openRig();
  const client = openWire(it.port);
  await client.until(/^220 /);
  for (let i = 0; i < 3; i++) {
    await it.clock.advance(200_000);
    await client.ask('NOOP\r\n', /^250 /);
  }
  for (let i = 0; i < 5; i++) {
    await client.send('N');
    await it.clock.advance(59_000);
  }
  assert.equal(client.socket.destroyed, false);
  await it.clock.advance(7_000);
  assert.match(await client.closed, /421 4\.4\.2 timeout\r\n$/);
});

test('AUTH: the exchange is part of its command', async () => {
  await using it = await openRig({ role: 'submissions' });
  const client = await openWireTls(it.port, '127.0.0.1', '');
  await client.until(/^220 /);
  await client.ask(HELLO, /250 HELP\r\n/);
  await client.ask('AUTH LOGIN\r\n', /334 /);
  await it.clock.advance(200_000);
  await client.ask('a2V5\r\n', /334 /);
  assert.match(await endsAt(100_000, it, client), /421 4\.4\.2 timeout\r\n$/);
});

test('DATA: under 500 octets a second is cut after a minute; above, after 10 minutes; the transaction is let go', async () => {
  await using it = await openRig();
  const slow = openWire(it.port);
  const steady = openWire(it.port);
  for (const one of [slow, steady]) {
    await one.until(/^220 /);
    await one.ask(HELLO, /250 HELP\r\n/);
    await one.ask(TO_DATA, /354 /);
  }
  for (let second = 0; second < 600; second += 10) {
    if (second < 60) await slow.send(Buffer.alloc(4_900, 'x'));
    await steady.send(`${'x'.repeat(78)}\r\n`.repeat(75));
    if (second === 60) assert.equal(it.listener.connections, 2);
    await it.clock.advance(10_000);
    if (second === 60) assert.match(await slow.closed, /421 4\.4\.2 timeout\r\n$/);
  }
  assert.deepEqual([it.listener.connections, it.aborted()], [1, 1]);
  await it.clock.advance(2_000);
  assert.match(await steady.closed, /421 4\.4\.2 timeout\r\n$/);
  assert.equal(it.aborted(), 2);
});

test('after DATA: an answer that does not come is waited for 10 minutes, and the message stays whose it is', async () => {
  let taken = false;
  const data = () => {
    taken = true;
    return new Promise<never>(() => {});
  };
  await using it = await openRig({}, { data });
  const client = openWire(it.port);
  await client.until(/^220 /);
  await client.ask(HELLO, /250 HELP\r\n/);
  await client.ask(TO_DATA, /354 /);
  await client.send('x\r\n.\r\n');
  await condition(() => taken);
  assert.match(await endsAt(600_000, it, client), /421 4\.4\.2 timeout\r\n$/);
  assert.equal(it.aborted(), 0);
});

test('TLS handshake: silence on 465 and after STARTTLS is cut after a minute, without a word', async () => {
  await using implicit = await openRig({ role: 'submissions' });
  assert.equal(await endsAt(60_000, implicit, openWire(implicit.port, { first: '\x16\x03' })), '');
  await using upgrading = await openRig();
  const client = openWire(upgrading.port);
  await client.until(/^220 /);
  await client.ask(HELLO, /250 HELP\r\n/);
  await client.ask('STARTTLS\r\n', /220 2\.0\.0/);
  const said = client.text;
  assert.equal(await endsAt(60_000, upgrading, client), said);
});

test('TLS is not negotiated again, neither on 465 nor behind STARTTLS', async () => {
  await using it = await openRig();
  await using implicit = await openRig({ role: 'submissions' });
  const plain = openWire(it.port);
  await plain.until(/^220 /);
  await plain.ask(HELLO, /250 HELP/);
  await plain.ask('STARTTLS\r\n', /220 2\.0\.0/);
  const old = { maxVersion: 'TLSv1.2' } as const;
  for (const client of [await upgrade(plain, old), await openWireTls(implicit.port, '127.0.0.1', '', old)]) {
    await client.ask(HELLO, /250 HELP/);
    const socket = client.socket as TLSSocket;
    const before = socket.getFinished();
    const seen = { again: false };
    socket.renegotiate({ rejectUnauthorized: false }, (error) => {
      seen.again = error === null;
    });
    await quiet(() => socket.bytesRead + Number(seen.again));
    assert.deepEqual([seen.again, socket.getFinished()], [false, before]);
    socket.destroy();
  }
});

// Clients that do not read

/** Each answer is long, and a temporary refusal counts neither as an error nor as junk. */
function refusing() {
  const counts = { asked: 0 };
  const refusal = { ok: false, reply: reply(450, '4.2.1', 'x'.repeat(440)) } as const;
  const rcpt = async () => {
    counts.asked++;
    return refusal;
  };
  return { counts, rcpt };
}
const COMMANDS = 60_000;
const MANY = Buffer.from(`MAIL FROM:<>\r\n${'RCPT TO:<x@a>\r\n'.repeat(COMMANDS)}`);
/** A client that reads nothing sends them, with what it was offered. */
async function sendMany(it: Rig, { socket }: WireClient): Promise<void> {
  await condition(() => it.connected.length === 1);
  for (const octets of [HELLO, MANY]) {
    await quiet(() => socket.bytesWritten);
    socket.write(octets);
  }
}

test('a client that never reads may not send on for ever, and is gone when its deadlines are over', async () => {
  const { counts, rcpt } = refusing();
  await using it = await openRig({}, { rcpt });
  const client = openWire(it.port, { reads: false });
  await sendMany(it, client);
  await quiet(() => counts.asked);
  const stalled = counts.asked;
  assert.ok(stalled > 0 && stalled < COMMANDS, `${stalled} of ${COMMANDS} were answered`);
  await it.clock.advance(299_000);
  assert.deepEqual([counts.asked, it.listener.connections], [stalled, 1]);
  await it.clock.advance(2_000 + 11_000);
  await condition(() => it.listener.connections === 0);
  client.socket.destroy();
});

test('a client that reads late gets every answer', async () => {
  const { counts, rcpt } = refusing();
  await using it = await openRig({}, { rcpt });
  const client = openWire(it.port, { reads: false });
  await sendMany(it, client);
  client.socket.end('QUIT\r\n');
  await quiet(() => counts.asked);
  assert.ok(counts.asked < COMMANDS);
  let octets = 0;
  client.socket.on('data', (chunk: Buffer) => {
    octets += chunk.length;
  });
  await client.closed;
  assert.equal(counts.asked, COMMANDS);
  assert.ok(octets > COMMANDS * 450);
});

test('a flood before the greeting is not taken in', async () => {
  const gate = Promise.withResolvers<void>();
  await using it = await openRig({}, { connect: () => gate.promise });
  const client = openWire(it.port);
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let i = 0; i < 512; i++) client.socket.write(chunk);
  await condition(() => it.connected.length === 1);
  await quiet(() => client.socket.writableLength);
  assert.ok(client.socket.writableLength > chunk.length, 'all of it was read');
  gate.resolve();
  await client.closed;
});

// Floods and early talkers

test('connections: so many of an address, told with 421; on 465 without a word', async () => {
  await using it = await openRig({ maxPerAddress: 2 });
  const held = ['127.0.0.1', '127.0.0.1', '127.0.0.2'].map((from) => openWire(it.port, { from }));
  for (const one of held) await one.until(/^220 /);
  assert.equal(await openWire(it.port).closed, TOO_MANY);
  held.shift()!.socket.destroy();
  await condition(() => it.listener.connections === 2);
  held.push(openWire(it.port));
  await held.at(-1)!.until(/^220 /);
  for (const one of held) one.socket.destroy();
  await using implicit = await openRig({ role: 'submissions', maxPerAddress: 0 });
  assert.equal(await openWire(implicit.port).closed, '');
});

const proxied = (address: string) => ({ from: PROXY, first: `PROXY TCP6 ${address} 2001:db8::25 1 25\r\n` });

test('connections: all addresses of a /64 have one part; a /48 has one for its /64s', async () => {
  await using it = await openRig({ maxPerAddress: 2 });
  const held = ['2001:db8::1', '2001:db8::2', '2001:db8:1::1'].map((from) =>
    openWire(it.port, proxied(from)),
  );
  for (const one of held) await one.until(/^220 /);
  assert.equal(await openWire(it.port, proxied('2001:db8::3')).closed, TOO_MANY);
  for (let i = 1; i <= 20; i += 1) {
    held.push(openWire(it.port, proxied(`2001:db8:1:${i}::1`)));
    await held.at(-1)!.until(/^220 /);
  }
  assert.equal(it.slots.taken, 2 + 8, 'those of the /48 that were idlest made room for its others');
  for (const one of held) one.socket.destroy();
});

test('all places taken: the idlest connection of the greediest is told 421, and an honest peer gets in', async () => {
  await using it = await openRig({ maxPerAddress: 3, maxConnections: 8 });
  const greedy = [1, 2, 3].map(() => openWire(it.port, { from: '127.1.0.1' }));
  for (const one of greedy) await one.until(/^220 /);
  const modest = [1, 2, 3, 4, 5].map((i) => openWire(it.port, { from: `127.2.${i * 8}.1` }));
  for (const one of modest) await one.until(/^220 /);
  await it.clock.advance(1_000);
  for (const one of [greedy[0]!, greedy[2]!]) await one.ask(HELLO, /250 HELP/);
  const honest = openWire(it.port, { from: '127.3.0.1' });
  await honest.until(/^220 /);
  assert.match(await greedy[1]!.closed, /421 4\.7\.0 too many connections, the idlest is closed[^\r]*\r\n$/);
  await honest.ask(HELLO, /250 HELP/);
  await honest.ask(TO_DATA, /354 /);
  assert.match(await honest.ask('x\r\n.\r\n', /\r\n/), /^250 /);
  assert.equal(await openWire(it.port, { from: '127.1.0.1' }).closed, TOO_MANY, 'not for the greedy');
  assert.deepEqual(
    it.notices.map(({ kind, session }) => [kind, /^mx-\d+-\d+$/.test(session)]),
    [
      ['connection-dropped', true],
      ['connections-capped', true],
    ],
  );
  for (const one of [...greedy, ...modest, honest]) one.socket.destroy();
});

test('one budget of places for the listeners of a role', async () => {
  const slots = createSlots({ most: 10, parts: perWidth(1) });
  await using one = await openRig({ slots });
  await using other = await openRig({ slots });
  const first = openWire(one.port);
  await first.until(/^220 /);
  assert.equal(await openWire(other.port).closed, TOO_MANY);
  first.socket.destroy();
});

test('above 70 % of the places a command has 10 s, a message that trickles 10 s; below, as ever', async () => {
  await using it = await openRig({ maxConnections: 10 });
  const held = Array.from({ length: 7 }, () => openWire(it.port));
  for (const one of held) await one.until(/^220 /);
  await it.clock.advance(20_000);
  assert.equal(it.listener.connections, 7);
  const eighth = openWire(it.port);
  await eighth.until(/^220 /);
  await eighth.ask(HELLO, /250 HELP/);
  await eighth.ask(TO_DATA, /354 /);
  await it.clock.advance(1_000);
  for (const one of held) assert.match(await one.closed, /421 4\.4\.2 timeout\r\n$/);
  await condition(() => it.listener.connections === 1);
  await it.clock.advance(20_000);
  assert.equal(it.listener.connections, 1, 'no pressure is left');
  eighth.socket.destroy();
});

test('TLS handshakes are counted: 421 to STARTTLS, the end without a word on 465, others are served', async () => {
  await using it = await openRig({ handshakes: createRate(createFakeClock(), 60_000, perWidth(2)) });
  for (let i = 0; i < 3; i += 1) {
    const client = openWire(it.port);
    await client.until(/^220 /);
    await client.ask(HELLO, /250 HELP/);
    const answer = await client.ask('STARTTLS\r\n', /\r\n/);
    assert.match(answer, i < 2 ? /^220 / : /^421 4\.7\.0 too many TLS handshakes/);
    if (i < 2) (await upgrade(client)).socket.destroy();
    else await client.closed;
  }
  assert.equal(it.notices.at(-1)!.kind, 'handshakes-capped');
  await using implicit = await openRig({
    role: 'submissions',
    handshakes: createRate(createFakeClock(), 60_000, perWidth(1)),
  });
  const first = await openWireTls(implicit.port, '127.0.0.1', '');
  assert.equal(await openWire(implicit.port).closed, '');
  const other = await openWireTls(implicit.port, '127.9.0.1', '');
  for (const one of [first, other]) one.socket.destroy();
});

test('a greeting that is held back: who speaks meanwhile is turned away at once, who waits is served', async () => {
  await using it = await openRig({ greetingDelayMs: 2_000, exempt: (address) => address === '127.0.0.7' });
  const early = openWire(it.port);
  const patient = openWire(it.port);
  const gone = openWire(it.port);
  await condition(() => it.listener.connections === 3);
  await it.clock.advance(1_000);
  await early.send(HELLO);
  assert.equal(await early.closed, '554 5.5.1 you spoke before the greeting\r\n');
  gone.socket.destroy();
  await condition(() => it.listener.connections === 1);
  assert.equal(patient.text, '');
  const trusted = openWire(it.port, { from: '127.0.0.7' });
  await trusted.until(/^220 /);
  await it.clock.advance(1_000);
  await patient.until(/^220 /);
  await patient.ask(HELLO, /250 HELP/);
  for (const one of [patient, trusted]) one.socket.destroy();
});

for (const [name, command, options, answers] of [
  ['errors', 'RUBBISH\r\n', { maxErrors: 3 }, 3],
  ['commands that move no mail', 'NOOP\r\n', { maxJunk: 4 }, 3],
  ['errors by default', 'RUBBISH\r\n', {}, 20],
  ['commands that move no mail by default', 'NOOP\r\n', {}, 99],
] as const) {
  test(`${name}: behind EHLO ${answers} are answered, then 421 and the end`, async () => {
    await using it = await openRig(options);
    const client = openWire(it.port);
    await client.until(/^220 /);
    await client.ask(HELLO, /250 HELP\r\n/);
    const { length } = client.text;
    await client.send(command.repeat(answers + 1));
    const lines = (await client.closed).slice(length).trimEnd().split('\r\n');
    assert.equal(lines.length, answers + 1);
    assert.equal(lines.at(-1), '421 4.7.0 too many errors');
  });
}

test('early talkers are told so, a client that waits is not, however long the receiver thinks', async () => {
  const gate = Promise.withResolvers<void>();
  await using it = await openRig({}, { connect: () => gate.promise });
  const early = openWire(it.port, { first: HELLO });
  const patient = openWire(it.port);
  await condition(() => it.connected.length === 2);
  gate.resolve();
  assert.equal(await early.closed, '554 5.5.1 you spoke before the greeting\r\n');
  await patient.until(/^220 /);
  await patient.ask(HELLO, /250 HELP/);
  patient.socket.destroy();
});

// Stopping

test('stopping with sessions in every phase: a message under way is answered, the rest is told or cut', async () => {
  const gate = Promise.withResolvers<Reply>();
  const data = () => gate.promise;
  const { counts, rcpt } = refusing();
  const mute = await openRig({}, { rcpt });
  const it = await openRig({}, { data });
  const tls = await openRig({ role: 'submissions' });
  const idle = openWire(it.port);
  const busy = openWire(it.port);
  const writing = openWire(it.port);
  const upgrading = openWire(it.port);
  const half = openWire(it.port, { from: PROXY, first: 'PROXY ' });
  const shaking = openWire(tls.port, { first: '\x16' });
  const deaf = openWire(mute.port, { reads: false });
  for (const one of [idle, busy, writing, upgrading]) await one.until(/^220 /);
  await busy.ask(HELLO, /250 HELP\r\n/);
  await busy.ask(TO_DATA, /354 /);
  await busy.send('x\r\n.\r\n');
  await writing.ask(HELLO, /250 HELP\r\n/);
  await writing.ask(TO_DATA, /354 /);
  await upgrading.ask(HELLO, /250 HELP\r\n/);
  await upgrading.ask('STARTTLS\r\n', /220 2\.0\.0/);
  await condition(() => it.listener.connections === 5 && tls.listener.connections === 1);
  await sendMany(mute, deaf);
  await quiet(() => counts.asked);
  for (const one of [it, tls, mute]) one.stop.abort();
  assert.match(await idle.closed, /\r\n421 4\.3\.2 service shutting down[^\r]*\r\n$/);
  for (const one of [upgrading, half, shaking]) assert.doesNotMatch(await one.closed, /421/);
  const disposed = Promise.all([it, tls, mute].map((one) => one.listener[Symbol.asyncDispose]()));
  gate.resolve(reply(250, '2.0.0', 'accepted'));
  assert.match(await busy.closed, /250 2\.0\.0 accepted\r\n421 4\.3\.2 [^\r]*\r\n$/);
  assert.match(await writing.ask('x\r\n.\r\n', /421 /), /^250 2\.0\.0 accepted\r\n421 4\.3\.2 /);
  await writing.closed;
  // who does not take the last reply is waited for two seconds
  assert.equal(mute.listener.connections, 1);
  await mute.clock.advance(4_000);
  await disposed;
  for (const { listener, clock } of [it, tls, mute])
    assert.deepEqual([listener.connections, clock.pending], [0, 0]);
  deaf.socket.destroy();
  await assert.rejects(openWire(it.port).until(/./), /closed before/);
});
test('stopping: an idle session is told 421 and closed at once, wherever its transaction stands', async () => {
  const it = await openRig();
  const clients = [];
  for (const lines of [[], ['MAIL FROM:<a@b.test>'], ['MAIL FROM:<a@b.test>', 'RCPT TO:<x@example.test>']]) {
    const client = openWire(it.port);
    await client.until(/^220 /);
    await client.ask(HELLO, /250 HELP\r\n/);
    for (const line of lines) await client.ask(`${line}\r\n`, /250 2\.1\.[05] /);
    clients.push(client);
  }
  it.stop.abort();
  for (const client of clients) assert.match(await client.closed, /\r\n421 4\.3\.2 [^\r]*\r\n$/);
  await it.listener[Symbol.asyncDispose]();
  assert.deepEqual([it.aborted(), it.clock.pending], [2, 0]);
});
test('stopping: a message that is being sent has 15 s from the signal, however late the disposal comes', async () => {
  const it = await openRig();
  const slow = openWire(it.port);
  await slow.until(/^220 /);
  await slow.ask(HELLO, /250 HELP\r\n/);
  await slow.ask(TO_DATA, /354 /);
  it.stop.abort();
  await it.clock.advance(10_000);
  const disposed = it.listener[Symbol.asyncDispose]();
  await it.clock.advance(4_999);
  assert.equal(it.listener.connections, 1);
  await it.clock.advance(1);
  await disposed;
  assert.deepEqual([it.listener.connections, it.aborted(), it.clock.pending], [0, 1, 0]);
  await slow.closed;
});
