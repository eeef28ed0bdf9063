/** The zone's server on real sockets, asked with packets made by hand and by the resolver the service itself uses. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { type DecodedPacket, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import { createFakeClock } from '../testing/fake-clock.ts';
import { systemClock } from './clock.ts';
import { createResolver } from './dns-resolver.ts';
import { createDnsServer, PER_SECOND, type ZoneServer } from './dns-server.ts';
import { silentLogger } from './logger.ts';

const LONG = `v=DKIM1; k=rsa; p=${'A'.repeat(700)}`;
const TEXTS: Readonly<Record<string, string>> = {
  'hk1r.example.jp': 'v=DKIM1; k=rsa; p=AAAA',
  'long.example.jp': LONG,
};
const ZONE = {
  name: 'dkim.mail.example.net',
  servers: ['mx1.example.net', 'mx2.example.net'],
  async txt(relative: string) {
    if (relative === 'broken') throw new Error('the store is away');
    return relative in TEXTS ? [TEXTS[relative]!] : [];
  },
};
async function serve(clock = systemClock): Promise<ZoneServer> {
  const server = createDnsServer({
    zone: ZONE,
    listen: { host: '127.0.0.1', port: 0 },
    clock,
    logger: silentLogger,
  });
  await server.start(new AbortController().signal);
  return server;
}
type Reply = DecodedPacket & { rcode: string };
function question(
  name: string,
  type: 'TXT' | 'NS' | 'SOA' | 'A' | 'AXFR' = 'TXT',
  more: Partial<Packet> = {},
) {
  return encode({ type: 'query', id: 7, flags: RECURSION_DESIRED, questions: [{ name, type }], ...more });
}
const EDNS = (udpPayloadSize: number, ednsVersion = 0): Partial<Packet> => ({
  additionals: [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize,
      extendedRcode: 0,
      ednsVersion,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ],
});
/** All that comes back for the packets, sent in turn, until as many answers are there as are wanted. */
async function overUdp(port: number, packets: readonly Buffer[], wanted = packets.length): Promise<Buffer[]> {
  const socket = createSocket('udp4');
  const got: Buffer[] = [];
  const all = new Promise<void>((resolve) => {
    socket.on('message', (message) => {
      got.push(message);
      if (got.length === wanted) resolve();
    });
  });
  for (const packet of packets) await new Promise((done) => socket.send(packet, port, '127.0.0.1', done));
  await all;
  socket.close();
  return got;
}
async function ask(port: number, packet: Buffer): Promise<Reply> {
  const [reply] = await overUdp(port, [packet]);
  return decode(reply!) as Reply;
}
async function overTcp(port: number, octets: Buffer): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.end(octets);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}
const framed = (packet: Buffer) =>
  Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]);

test('a record is answered with authority, in the letters it was asked with, and never recursively', async () => {
  await using server = await serve();
  const reply = await ask(server.port, question('hK1r.ExAmple.jp.dkim.mail.example.NET', 'TXT', EDNS(1232)));
  assert.equal(reply.rcode, 'NOERROR');
  assert.equal(reply.id, 7);
  assert.deepEqual([reply.flag_aa, reply.flag_rd, reply.flag_ra, reply.flag_tc], [true, true, false, false]);
  const [answer] = reply.answers!;
  assert.ok(answer?.type === 'TXT');
  assert.equal(answer.name, 'hK1r.ExAmple.jp.dkim.mail.example.NET');
  assert.equal(Buffer.concat(answer.data as Buffer[]).toString(), TEXTS['hk1r.example.jp']);
  assert.equal(reply.additionals?.[0]?.type, 'OPT');
});

test('the resolver of the service reads long records: cut over UDP, whole over TCP', async () => {
  await using server = await serve();
  await using resolver = createResolver({
    servers: [`127.0.0.1:${server.port}`],
    clock: systemClock,
    timeoutMs: 3000,
  });
  const answer = await resolver.txt(`long.example.jp.${ZONE.name}`);
  assert.deepEqual(answer.kind === 'found' ? answer.records : answer, [LONG]);
  const plain = await ask(server.port, question(`long.example.jp.${ZONE.name}`));
  assert.deepEqual([plain.flag_tc, plain.answers], [true, []]);
});

test('what there is not is an empty answer with SOA, at the apex stand SOA and NS', async () => {
  await using server = await serve();
  const none = await ask(server.port, question(`hk2r.example.jp.${ZONE.name}`));
  assert.deepEqual([none.rcode, none.answers, none.authorities?.[0]?.type], ['NOERROR', [], 'SOA']);
  const other = await ask(server.port, question(`hk1r.example.jp.${ZONE.name}`, 'A'));
  assert.deepEqual([other.rcode, other.answers, other.authorities?.[0]?.name], ['NOERROR', [], ZONE.name]);
  const servers = await ask(server.port, question(ZONE.name, 'NS'));
  assert.deepEqual(
    servers.answers!.map((one) => (one.type === 'NS' ? one.data : one.type)),
    ['mx1.example.net', 'mx2.example.net'],
  );
  assert.equal((await ask(server.port, question(ZONE.name, 'SOA'))).answers?.[0]?.type, 'SOA');
});

test('other zones, transfers, other opcodes, broken and later EDNS are refused by name', async () => {
  await using server = await serve();
  const rcode = async (packet: Buffer) => (await ask(server.port, packet)).rcode;
  assert.equal(await rcode(question('example.com')), 'REFUSED');
  assert.equal(await rcode(question(`evil${ZONE.name}`)), 'REFUSED');
  assert.equal(await rcode(question(ZONE.name, 'AXFR')), 'REFUSED');
  assert.equal(await rcode(question(ZONE.name, 'SOA', { flags: 5 << 11 })), 'NOTIMP');
  assert.equal(await rcode(Buffer.from([0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 1])), 'FORMERR');
  assert.equal(await rcode(encode({ type: 'query', id: 7, questions: [] })), 'FORMERR');
  const badvers = await ask(server.port, question(ZONE.name, 'SOA', EDNS(1232, 1)));
  const opt = badvers.additionals![0]!;
  assert.equal(opt.type === 'OPT' ? opt.extendedRcode : null, 1);
});

test('a zone that cannot answer is SERVFAIL', async () => {
  await using server = await serve();
  assert.equal((await ask(server.port, question(`broken.${ZONE.name}`))).rcode, 'SERVFAIL');
});

test('answers, scraps and noise get nothing, and the next question its answer', async () => {
  await using server = await serve();
  const response = encode({ type: 'response', id: 7, questions: [{ name: ZONE.name, type: 'SOA' }] });
  const noise = [response, Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(11)];
  const got = await overUdp(server.port, [...noise, question(ZONE.name, 'SOA')], 1);
  assert.equal((decode(got[0]!) as Reply).answers?.[0]?.type, 'SOA');
  // Anything at all after a header: an error or nothing, and the server lives.
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed & 255;
  };
  for (let round = 0; round < 40; round += 1) {
    const scrap = Buffer.concat(
      Array.from({ length: 50 }, () => {
        const packet = question(`hk1r.example.jp.${ZONE.name}`);
        for (let i = 0; i < 5; i += 1) packet[3 + (random() % (packet.length - 3))] = random();
        packet[2] = 0;
        return framed(packet.subarray(0, 12 + (random() % packet.length)));
      }),
    );
    await overTcp(server.port, scrap);
  }
  const [alive] = await overUdp(server.port, [question(ZONE.name, 'SOA')]);
  assert.ok(alive);
});

test('one network gets so many answers a second, then "over TCP" no longer than its question, then again', async () => {
  const clock = createFakeClock();
  await using server = await serve(clock);
  const packet = question(`hk1r.example.jp.${ZONE.name}`);
  const replies = (await overUdp(server.port, Array<Buffer>(PER_SECOND + 5).fill(packet))).map((reply) => ({
    tc: (decode(reply) as Reply).flag_tc,
    length: reply.length,
  }));
  assert.equal(replies.filter(({ tc }) => !tc).length, PER_SECOND);
  assert.ok(replies.filter(({ tc }) => tc).every(({ length }) => length <= packet.length));
  const tcp = await overTcp(server.port, Buffer.concat([framed(packet), framed(packet)]));
  const first = tcp.readUInt16BE(0);
  assert.equal((decode(tcp.subarray(2, 2 + first)) as Reply).answers?.length, 1);
  assert.equal(tcp.length, 2 * (2 + first));
  await clock.advance(1000);
  assert.equal((await ask(server.port, packet)).flag_tc, false);
});

test('connections of one network are few, an overlong question ends one, and a stop ends all', async () => {
  const server = await serve();
  const open = await Promise.all(
    Array.from({ length: 11 }, async () => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }),
  );
  const closed = (socket: (typeof open)[number]) => once(socket.resume(), 'close');
  await Promise.race(open.map(closed));
  const left = open.filter((socket) => !socket.destroyed);
  assert.equal(left.length, 10);
  left[0]!.write(Buffer.from([0xff, 0xff]));
  await closed(left[0]!);
  await server[Symbol.asyncDispose]();
  await Promise.all(left.slice(1).map((socket) => (socket.destroyed ? null : closed(socket))));
});

test('a port of which one half is taken is an error, and the other half is given back', async () => {
  // An address of its own: on 127.0.0.1, a connection of another test may come to have the port.
  const host = '127.53.53.53';
  const taken = createSocket('udp4');
  taken.bind(0, host);
  await once(taken, 'listening');
  const { port } = taken.address();
  const listen = { host, port };
  const server = createDnsServer({ zone: ZONE, listen, clock: systemClock, logger: silentLogger });
  await assert.rejects(server.start(new AbortController().signal), { code: 'EADDRINUSE', port });
  await server[Symbol.asyncDispose]();
  taken.close();
  const tcp = createServer().listen(listen);
  await once(tcp, 'listening');
  tcp.close();
});
