/** The stub resolver against a real UDP and TCP server on 127.0.0.1, friendly and hostile. */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type Answer, type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type Clock, systemClock } from './clock.ts';
import { createDnsCache } from './dns-cache.ts';
import { createResolver } from './dns-resolver.ts';
import type { DnsAnswer } from './resolver.ts';

type Respond = (query: DecodedPacket, via: 'udp' | 'tcp') => Packet | Buffer | null | (Packet | Buffer)[];
const RA = 0x0080;

function reply(query: DecodedPacket, rest: Packet & { rcode?: number }): Packet {
  const { rcode = 0, flags = RA, ...more } = rest;
  return { type: 'response', id: query.id, questions: query.questions, flags: flags | rcode, ...more };
}
function soa(minimum: number): Answer {
  return { type: 'SOA', name: 'test', ttl: 900, data: { mname: 'ns.test', rname: 'root.test', minimum } };
}
async function server(t: TestContext, respond: Respond): Promise<{ address: string; asked: string[] }> {
  const asked: string[] = [];
  const answers = (packet: Buffer, via: 'udp' | 'tcp'): Buffer[] => {
    const query = decode(packet);
    asked.push(`${via} ${query.questions?.[0]?.type} ${query.questions?.[0]?.name}`);
    const all = respond(query, via);
    return (Array.isArray(all) ? all : all === null ? [] : [all]).map((one) =>
      Buffer.isBuffer(one) ? one : encode(one),
    );
  };
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const answer of answers(data.subarray(2), 'tcp')) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  t.after(() => {
    udp.close();
    tcp.close();
  });
  udp.on('message', (packet: Buffer, from: RemoteInfo) => {
    for (const answer of answers(packet, 'udp')) udp.send(answer, from.port, from.address);
  });
  try {
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
  } catch (error) {
    // Somebody's question has just taken the port for itself.
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return server(t, respond);
    throw error;
  }
  return { address: `127.0.0.1:${port}`, asked };
}
function resolverOf(
  t: TestContext,
  servers: string[],
  options: { clock?: Clock; timeoutMs?: number; tries?: number } = {},
) {
  const resolver = createResolver({ servers, clock: systemClock, timeoutMs: 400, ...options });
  t.after(() => resolver[Symbol.asyncDispose]());
  return resolver;
}

/** Without the time of the observation. */
function untimed<T>(answer: DnsAnswer<T>): DnsAnswer<T> {
  if (answer.kind === 'failed') return answer;
  const { observedAt, ...rest } = answer;
  assert.ok(observedAt !== undefined && observedAt <= systemClock.now());
  return rest as DnsAnswer<T>;
}

test('records, TTL, AD bit, null MX, joined TXT and PTR names', async (t) => {
  const dns = await server(t, (query) => {
    const { type, name } = query.questions![0]!;
    if (name === '1.2.0.192.in-addr.arpa')
      return reply(query, { answers: [{ type: 'PTR', name, ttl: 60, data: 'Host.Example.Test' }] });
    if (type === 'TXT')
      return reply(query, { answers: [{ type: 'TXT', name, ttl: 60, data: ['v=spf1 ', '-all\0x'] }] });
    if (name === 'null.test')
      return reply(query, {
        answers: [{ type: 'MX', name, ttl: 60, data: { preference: 0, exchange: '.' } }],
      });
    return reply(query, {
      flags: RA | 0x0020,
      answers: [
        {
          type: 'MX',
          name: name.toUpperCase(),
          ttl: 120,
          data: { preference: 10, exchange: 'MX.Example.Test' },
        },
        { type: 'MX', name, ttl: 60, data: { preference: 20, exchange: 'mx2.example.test' } },
      ],
    });
  });
  const resolver = resolverOf(t, [dns.address]);
  assert.deepEqual(untimed(await resolver.mx('Example.Test.')), {
    kind: 'found',
    records: [
      { preference: 10, exchange: 'mx.example.test' },
      { preference: 20, exchange: 'mx2.example.test' },
    ],
    ttl: 60,
    authenticated: true,
  });
  const nullMx = await resolver.mx('null.test');
  assert.deepEqual(nullMx.kind === 'found' && nullMx.records, [{ preference: 0, exchange: '' }]);
  const txt = await resolver.txt('example.test');
  assert.deepEqual(untimed(txt), {
    kind: 'found',
    records: ['v=spf1 -all\0x'],
    ttl: 60,
    authenticated: false,
  });
  const ptr = await resolver.ptr('::ffff:192.0.2.1');
  assert.deepEqual(ptr.kind === 'found' && ptr.records, ['host.example.test']);
});

test('NXDOMAIN and NODATA with the SOA minimum; a referral and error codes are failures', async (t) => {
  const dns = await server(t, (query) => {
    const { name } = query.questions![0]!;
    if (name === 'gone.test') return reply(query, { rcode: 3, authorities: [soa(30)] });
    if (name === 'empty.test') return reply(query, { authorities: [soa(1800)] });
    if (name === 'referral.test')
      return reply(query, { authorities: [{ type: 'NS', name: 'test', data: 'ns.test' }] });
    return reply(query, { rcode: name === 'refused.test' ? 5 : 2 });
  });
  const resolver = resolverOf(t, [dns.address]);
  assert.deepEqual(untimed(await resolver.a('gone.test')), { kind: 'nxdomain', ttl: 30 });
  assert.deepEqual(untimed(await resolver.a('empty.test')), { kind: 'nodata', ttl: 900 });
  assert.deepEqual(await resolver.a('referral.test'), { kind: 'failed', cause: 'referral' });
  assert.deepEqual(await resolver.a('refused.test'), { kind: 'failed', cause: 'REFUSED' });
  assert.deepEqual(await resolver.a('servfail.test'), { kind: 'failed', cause: 'SERVFAIL' });
});

test('a wrong id, a wrong question and a query in place of an answer are passed over', async (t) => {
  const dns = await server(t, (query) => {
    const { name } = query.questions![0]!;
    const forged: Answer[] = [{ type: 'A', name, ttl: 60, data: '192.0.2.66' }];
    return [
      { ...reply(query, { answers: forged }), id: (query.id! + 1) & 0xffff },
      reply({ ...query, questions: [{ type: 'A', name: 'other.test' }] } as DecodedPacket, {
        answers: forged,
      }),
      { ...reply(query, { answers: forged }), type: 'query' as const },
      Buffer.from('short'),
      reply(query, {
        answers: [
          { type: 'A', name: 'other.test', ttl: 60, data: '192.0.2.67' },
          { type: 'A', name, ttl: 60, data: '192.0.2.1' },
        ],
      }),
    ];
  });
  const answer = await resolverOf(t, [dns.address]).a('example.test');
  assert.deepEqual(answer.kind === 'found' && answer.records, ['192.0.2.1']);
});

test('a truncated answer is asked again over TCP', async (t) => {
  const dns = await server(t, (query, via) => {
    const { name } = query.questions![0]!;
    if (via === 'udp') return reply(query, { flags: RA | 0x0200 });
    return reply(query, {
      answers: Array.from(
        { length: 900 },
        (_, i): Answer => ({ type: 'A', name, ttl: 60, data: `10.0.${i >> 8}.${i & 255}` }),
      ),
    });
  });
  const answer = await resolverOf(t, [dns.address]).a('a.test');
  assert.equal(answer.kind === 'found' && answer.records.length, 900);
  assert.deepEqual(dns.asked, ['udp A a.test', 'tcp A a.test']);
});

test('too many records and malformed packets are failures', async (t) => {
  const dns = await server(t, (query, via) => {
    const { name } = query.questions![0]!;
    if (name === 'b.test')
      return Buffer.concat([
        encode(reply(query, { answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.1' }] })).subarray(0, -3),
      ]);
    if (via === 'udp') return reply(query, { flags: RA | 0x0200 });
    return reply(query, {
      answers: Array.from({ length: 1001 }, (): Answer => ({ type: 'A', name, ttl: 60, data: '10.0.0.1' })),
    });
  });
  const resolver = resolverOf(t, [dns.address]);
  assert.deepEqual(await resolver.a('a.test'), { kind: 'failed', cause: 'too many records' });
  assert.deepEqual(await resolver.a('b.test'), { kind: 'failed', cause: 'malformed answer' });
});

test('CNAMEs: inside the answer, by asking again, and loops both ways', async (t) => {
  const dns = await server(t, (query) => {
    const { name } = query.questions![0]!;
    const alias = (from: string, to: string): Answer => ({ type: 'CNAME', name: from, ttl: 30, data: to });
    if (name === 'inside.test')
      return reply(query, {
        answers: [alias(name, 'x.test'), { type: 'A', name: 'x.test', ttl: 600, data: '192.0.2.1' }],
      });
    if (name === 'outside.test') return reply(query, { answers: [alias(name, 'x.test')] });
    if (name === 'x.test')
      return reply(query, { answers: [{ type: 'A', name, ttl: 600, data: '192.0.2.2' }] });
    if (name === 'loop.test')
      return reply(query, { answers: [alias(name, 'pool.test'), alias('pool.test', name)] });
    if (name === 'dead.test')
      return reply(query, { rcode: 3, answers: [alias(name, 'y.test')], authorities: [soa(60)] });
    const step = Number(/^s(\d+)\.test$/.exec(name)?.[1]);
    return reply(query, { answers: [alias(name, `s${step + 1}.test`)] });
  });
  const resolver = resolverOf(t, [dns.address], { timeoutMs: 4000 });
  assert.deepEqual(untimed(await resolver.a('inside.test')), {
    kind: 'found',
    records: ['192.0.2.1'],
    ttl: 30,
    authenticated: false,
  });
  assert.deepEqual(untimed(await resolver.a('outside.test')), {
    kind: 'found',
    records: ['192.0.2.2'],
    ttl: 30,
    authenticated: false,
  });
  assert.deepEqual(await resolver.a('loop.test'), { kind: 'failed', cause: 'CNAME loop' });
  assert.deepEqual(await resolver.a('s0.test'), { kind: 'failed', cause: 'CNAME loop' });
  assert.deepEqual(untimed(await resolver.a('dead.test')), { kind: 'nxdomain', ttl: 30 });
  const cname = await resolver.cname('outside.test');
  assert.deepEqual(cname.kind === 'found' && cname.records, ['x.test']);
});

test('a silent server costs its share of the time, then the next one is asked', async (t) => {
  const silent = await server(t, () => null);
  const good = await server(t, (query) =>
    reply(query, { answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 1, data: '192.0.2.1' }] }),
  );
  assert.equal((await resolverOf(t, [silent.address, good.address]).a('a.test')).kind, 'found');
  assert.deepEqual(await resolverOf(t, [silent.address], { timeoutMs: 60 }).a('a.test'), {
    kind: 'failed',
    cause: 'timed out',
  });
  assert.equal(silent.asked.length, 3);
});

test('identical questions share one answer, and the answer is kept for its TTL', async (t) => {
  const clock = createFakeClock();
  const dns = await server(t, (query) =>
    reply(query, { answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 10, data: '192.0.2.1' }] }),
  );
  const resolver = resolverOf(t, [dns.address], { clock });
  await Promise.all([resolver.a('a.test'), resolver.a('A.test'), resolver.a('a.test.')]);
  assert.equal(dns.asked.length, 1);
  await clock.advance(4000);
  const kept = await resolver.a('a.test');
  assert.equal(kept.kind === 'found' && kept.ttl, 6);
  await clock.advance(6000);
  await resolver.a('a.test');
  assert.equal(dns.asked.length, 2);
});

test('questions of one project that nobody answers leave sockets for another’s, and poison nothing', async (t) => {
  const clock = createFakeClock();
  const dns = await server(t, (query) => {
    const { name } = query.questions![0]!;
    const answer: Answer = { type: 'A', name, ttl: 10, data: '192.0.2.1' };
    return name.startsWith('silent') ? null : reply(query, { answers: [answer] });
  });
  const resolver = resolverOf(t, [dns.address], { clock });
  const silent = Array.from({ length: 1_200 }, (_, n) => resolver.for('p').a(`silent${n}.test`));
  const popular = resolver.for('p').a('popular.test');
  while (dns.asked.length < 256) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await resolver.for('q').a('popular.test')).kind, 'found', 'it waits for nobody');
  assert.equal((await resolver.a('good.test')).kind, 'found', 'nor does the service itself');
  assert.equal((await resolver.for('p').a('popular.test')).kind, 'found', 'what others have asked is known');
  assert.equal(dns.asked.length, 258, 'p has half of the sockets');
  const late = resolver.for('p').a('late.test');
  const all = Promise.all([...silent, popular, late]);
  for (let n = 0; n < 40; n++) await clock.advance(100);
  await all;
  assert.deepEqual(await late, { kind: 'failed', cause: 'too many questions at once' });
  assert.equal((await resolver.for('q').a('late.test')).kind, 'found', 'that is not kept');
});

test('an old server that dislikes EDNS0 is asked without it', async (t) => {
  const dns = await server(t, (query) =>
    (query.additionals?.length ?? 0) > 0
      ? reply(query, { rcode: 1 })
      : reply(query, {
          answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 1, data: '192.0.2.1' }],
        }),
  );
  assert.equal((await resolverOf(t, [dns.address]).a('a.test')).kind, 'found');
});

test('names that cannot exist are failures, not questions; disposing ends questions under way', async (t) => {
  const silent = await server(t, () => null);
  const resolver = createResolver({ servers: [silent.address], clock: systemClock });
  for (const name of [
    '',
    '.',
    'a..b',
    `${'x'.repeat(64)}.test`,
    'ü.test',
    'a b.test',
    `${'abc.'.repeat(70)}test`,
  ])
    assert.equal((await resolver.a(name)).kind, 'failed', name);
  assert.equal((await resolver.ptr('nonsense')).kind, 'failed');
  assert.equal(silent.asked.length, 0);
  const pending = resolver.a('a.test');
  await resolver[Symbol.asyncDispose]();
  assert.deepEqual(await pending, { kind: 'failed', cause: 'closed' });
  assert.throws(() => createResolver({ servers: ['dns.example.test'], clock: systemClock }), RangeError);
});

test('the cache is bounded and clamps', () => {
  const clock = createFakeClock();
  const cache = createDnsCache(clock);
  const found = (ttl: number) => ({
    kind: 'found' as const,
    records: ['192.0.2.1'],
    ttl,
    authenticated: false,
  });
  cache.set('first', found(60));
  for (let i = 0; i < 10_000; i += 1) cache.set(`n${i}`, found(60));
  assert.equal(cache.size, 10_000);
  assert.equal(cache.get('first'), null);
  cache.set('long', found(2 ** 31 - 1));
  const long = cache.get('long');
  assert.equal(long?.kind === 'found' && long.ttl, 86_400);
  cache.set('zero', found(0));
  assert.equal(cache.get('zero'), null);
});

test('past the cache: each press asks, without a word that would make a server remember an absence', async (t) => {
  const dns = await server(t, (query) => {
    const { type, name } = query.questions![0]!;
    if (type === 'NS') return reply(query, { rcode: 2 });
    return reply(query, { answers: [{ type: 'TXT', name, ttl: 600, data: ['v'] }] });
  });
  const resolver = resolverOf(t, [dns.address]);
  const name = '_hikyaku-challenge.a.test';
  await resolver.txt(name);
  await resolver.txt(name);
  assert.equal(dns.asked.length, 1);
  await resolver.fresh('p').txt(name);
  await resolver.fresh('p').txt(name);
  const plain = dns.asked.filter((one) => one === `udp TXT ${name}`);
  assert.equal(plain.length, 3);
  assert.deepEqual([...new Set(dns.asked.filter((one) => / NS /.test(one)))], ['udp NS a.test']);
});

test('a project that asks too much gets kept answers; others still ask, and time gives it more', async (t) => {
  const clock = createFakeClock();
  const dns = await server(t, (query) => {
    const { type, name } = query.questions![0]!;
    if (type === 'NS') return reply(query, { rcode: 2 });
    return reply(query, { answers: [{ type: 'TXT', name, ttl: 600, data: ['v'] }] });
  });
  const resolver = resolverOf(t, [dns.address], { clock });
  const asked = () => dns.asked.filter((one) => one === 'udp TXT a.test').length;
  for (let i = 0; i < 700; i += 1) await resolver.fresh('p').txt('a.test');
  assert.equal(asked(), 600);
  const kept = await resolver.fresh('p').txt('a.test');
  assert.equal(kept.kind, 'found');
  await resolver.fresh('q').txt('a.test');
  assert.equal(asked(), 601);
  await clock.advance(120_000);
  await resolver.fresh('p').txt('a.test');
  assert.equal(asked(), 602);
});

test('past the cache: one time for the question, its zone, its name servers and its aliases', async (t) => {
  const name = 'a.b.c.d.e.f.g.h.slow.test';
  for (const mode of ['silent', 'slow'] as const) {
    const clock = createFakeClock();
    let endedAt: number | null = null;
    const dns = createSocket('udp4');
    t.after(() => dns.close());
    dns.on('message', async (packet: Buffer, from: RemoteInfo) => {
      if (mode === 'silent') return;
      const query = decode(packet);
      const { type, name: asked } = query.questions![0]!;
      await clock.advance(2_300);
      if (endedAt !== null) return;
      const alias: Answer = { type: 'CNAME', name: asked, ttl: 60, data: `x.${asked}` };
      dns.send(encode(reply(query, type === 'NS' ? {} : { answers: [alias] })), from.port, from.address);
    });
    dns.bind(0, '127.0.0.1');
    await once(dns, 'listening');
    const resolver = resolverOf(t, [`127.0.0.1:${dns.address().port}`], { clock, timeoutMs: 5_000 });
    const answer = resolver
      .fresh('p')
      .txt(name)
      .finally(() => {
        endedAt = clock.monotonic();
      });
    for (let i = 0; i < 1_000 && endedAt === null; i += 1)
      await (mode === 'silent' ? clock.advance(100) : new Promise((resolve) => setImmediate(resolve)));
    assert.equal((await answer).kind, 'failed', mode);
    assert.ok(endedAt !== null && endedAt <= 5_000, `${mode}: ${endedAt}`);
  }
});

test('past the cache: a slow zone leaves half of the time to the usual servers', async (t) => {
  const clock = createFakeClock();
  const dns = await server(t, (query) => {
    const { type, name } = query.questions![0]!;
    if (type === 'NS') {
      void clock.advance(2_500);
      return null;
    }
    return reply(query, { answers: [{ type: 'TXT', name, ttl: 600, data: ['v'] }] });
  });
  const resolver = resolverOf(t, [dns.address], { clock, timeoutMs: 5_000 });
  const answer = await resolver.fresh('p').txt('a.b.test');
  assert.equal(answer.kind, 'found');
  assert.equal(answer.authoritative, undefined);
  assert.equal(clock.monotonic(), 2_500);
});
