/** The client against scripted servers over real loopback TCP: good ones, bad ones, and what is said of each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { systemNetwork } from '../../runtime/network.ts';
import type { ConnectionPermits } from '../../runtime/permits.ts';
import { type Say, type ScriptOptions, scriptedServer } from '../../testing/scripted-server.ts';
import { selfSigned } from '../../testing/self-signed.ts';
import type { OutgoingTransaction } from './dialogue.ts';
import type { Candidate } from './peer.ts';
import { createPool, type PoolOptions, type Target } from './pool.ts';

const HEADER = Buffer.from('Received: from here\r\n');
const mail: OutgoingTransaction = {
  mailFrom: 'a@example.com',
  recipients: ['b@example.net'],
  size: 27,
  content: async () => ({ header: HEADER, raw: Buffer.from('Subject: hi\r\n\r\n.dot\r\nend\r\n') }),
  smtputf8: false,
  eightBit: false,
};
function targetOf(port: number, more: Partial<Candidate> = {}): Target {
  const candidate: Candidate = {
    host: 'server.test',
    address: '127.0.0.1',
    port,
    tls: 'opportunistic',
    verify: false,
    auth: null,
    ...more,
  };
  return { key: `t${port}`, site: `t${port}`, candidates: [candidate] };
}
function pool(more: Partial<PoolOptions> = {}) {
  return createPool({ network: systemNetwork, clock: systemClock, hostname: 'client.test', ...more });
}
async function once(
  options: ScriptOptions,
  sent: Partial<OutgoingTransaction> = {},
  more: Partial<Candidate> = {},
  poolOptions: Partial<PoolOptions> = {},
) {
  await using server = await scriptedServer(options);
  await using client = pool(poolOptions);
  const report = await client.deliver(targetOf(server.port, more), { ...mail, ...sent });
  return { report, heard: server.heard, messages: server.messages, first: report.verdicts[0]! };
}
/** Answers `text` to what begins with `verb`, politely to the rest. */
function when(verb: string, text: ReturnType<Say>): Say {
  return (input, kind) =>
    (verb === 'connect' || verb === 'message' ? kind === verb : input.startsWith(verb))
      ? text
      : (undefined as never);
}
test('pipelined: one write of MAIL, RCPT, DATA; dots are doubled; the header goes in front', async () => {
  const { first, heard, messages } = await once({});
  assert.equal(first.kind, 'delivered');
  assert.deepEqual(heard[0]?.slice(0, 4), [
    'EHLO client.test',
    'MAIL FROM:<a@example.com> SIZE=2075',
    'RCPT TO:<b@example.net>',
    'DATA',
  ]);
  assert.equal(messages[0], 'Received: from here\r\nSubject: hi\r\n\r\n..dot\r\nend\r\n');
});
test('without PIPELINING and without EHLO it still works', async () => {
  const { first, heard } = await once({ say: when('EHLO', '502 what?\r\n') });
  assert.equal(first.kind, 'delivered');
  assert.equal(heard[0]?.[1], 'HELO client.test');
});
test('each recipient has its own verdict, pipelined or not', async () => {
  for (const extensions of [['PIPELINING'], []]) {
    const say: Say = (input) => {
      if (input.includes('gone@')) return '550 5.1.1 no such user\r\n';
      if (input.includes('full@')) return '452 4.2.2 full\r\n';
      return undefined as never;
    };
    const { report } = await once(
      { say, extensions },
      { recipients: ['ok@example.net', 'gone@example.net', 'full@example.net'] },
    );
    assert.deepEqual(
      report.verdicts.map((v) => v.kind),
      ['delivered', 'bounced', 'deferred'],
    );
  }
});
test('all recipients refused: no message is sent, and the next transaction begins with RSET', async () => {
  let refuse = true;
  await using server = await scriptedServer({
    extensions: [],
    say: (input) => (input.startsWith('RCPT') && refuse ? '550 5.1.1 no\r\n' : (undefined as never)),
  });
  await using client = pool();
  assert.equal((await client.deliver(targetOf(server.port), mail)).verdicts[0]?.kind, 'bounced');
  refuse = false;
  assert.equal((await client.deliver(targetOf(server.port), mail)).verdicts[0]?.kind, 'delivered');
  assert.deepEqual(
    server.heard.map((lines) => lines.map((l) => l.slice(0, 4))),
    [['EHLO', 'MAIL', 'RCPT', 'RSET', 'MAIL', 'RCPT', 'DATA']],
  );
});

const bad: readonly (readonly [string, ScriptOptions, string, RegExp])[] = [
  ['421 greeting', { say: when('connect', '421 4.3.2 busy\r\n') }, 'deferred', /greeting/],
  ['554 greeting is not the end', { say: when('connect', '554 go away\r\n') }, 'deferred', /greeting/],
  ['no SMTP at all', { say: when('connect', 'HTTP/1.1 200 OK\r\n\r\n') }, 'deferred', /not an SMTP reply/],
  ['endless multi-line', { say: when('EHLO', '250-x\r\n'.repeat(40_000)) }, 'deferred', /too long/],
  ['endless line', { say: when('EHLO', `250-${'x'.repeat(300_000)}`) }, 'deferred', /too long/],
  ['codes change within a reply', { say: when('MAIL', '250-a\r\n550 b\r\n') }, 'deferred', /changes/],
  ['a 1xx code', { say: when('MAIL', '150 wait\r\n') }, 'deferred', /not an SMTP reply/],
  ['354 to MAIL', { say: when('MAIL', '354 eh\r\n') }, 'deferred', /unexpected/],
  ['dropped after RCPT', { say: when('RCPT', 'drop') }, 'deferred', /lost|ECONNRESET/],
  ['552 to RCPT is "too many"', { say: when('RCPT', '552 too many\r\n') }, 'deferred', /recipient/],
  ['421 after the dot', { say: when('message', '421 4.3.2 closing\r\n') }, 'deferred', /message refused/],
  ['554 after the dot', { say: when('message', '554 5.7.1 spam\r\n') }, 'bounced', /message refused/],
];
for (const [name, script, kind, cause] of bad)
  test(`bad server: ${name}`, async () => {
    const { first } = await once(script);
    assert.equal(first.kind, kind);
    assert.ok(first.kind !== 'delivered' && cause.test(first.cause), JSON.stringify(first));
  });

test('no banner: the deadline ends it', async () => {
  const { first } = await once({ say: when('connect', null) }, {}, {}, { timeouts: { greeting: 30 } });
  assert.ok(first.kind === 'deferred' && /timed out \(greeting\)/.test(first.cause), JSON.stringify(first));
});
test('NULs and escapes in a reply do not get through', async () => {
  const { first } = await once({ say: when('RCPT', '550 5.1.1 no\0such\u001b[31m user\r\n') });
  assert.equal(first.kind === 'bounced' && first.reply?.text, 'no?such?[31m user');
});
test('the link is cut after the dot: ambiguous, and only then', async () => {
  const after = await once({ say: when('message', 'drop') });
  assert.ok(after.first.kind === 'deferred' && after.first.ambiguous);
  const before = await once({ say: when('DATA', 'drop') });
  assert.ok(before.first.kind === 'deferred' && !before.first.ambiguous);
});
test('what the server cannot take bounces before anything is sent', async () => {
  const cases = [
    [{ eightBit: true }, '5.6.3'],
    [{ smtputf8: true }, '5.6.7'],
    [{ recipients: ['x>\r\nRCPT TO:<y@example.net'] }, '5.1.3'],
  ] as const;
  for (const [sent, status] of cases) {
    const { first, heard } = await once({ extensions: [] }, sent);
    assert.equal(first.kind === 'bounced' && first.status, status);
    assert.ok(!heard[0]?.some((l) => l.startsWith('MAIL')));
  }
  const large = await once({ extensions: ['SIZE 10'] });
  assert.equal(large.first.kind === 'bounced' && large.first.status, '5.3.4');
});

test('STARTTLS: upgraded, EHLO again, plaintext behind the 220 is dropped', async () => {
  const tls = await selfSigned('server.test');
  const { report, heard } = await once({
    tls,
    extensions: ['STARTTLS', 'PIPELINING'],
    say: when('RCPT', '250 ok\r\n'),
  });
  assert.equal(report.verdicts[0]?.kind, 'delivered');
  assert.match(report.tls?.version ?? '', /^TLSv1\.[23]$/);
  assert.equal(report.tls?.verified, false);
  assert.deepEqual(heard[0]?.slice(0, 3), ['EHLO client.test', 'STARTTLS', 'EHLO client.test']);
  const injected = await once({
    tls,
    extensions: ['STARTTLS'],
    say: when('STARTTLS', '220 ready\r\n250 injected\r\n'),
  });
  assert.equal(injected.first.kind, 'delivered');
  assert.equal(injected.report.tls?.version, 'TLSv1.3');
});
test('a certificate that is vouched for is verified', async () => {
  const tls = await selfSigned('server.test');
  const options = { tls, extensions: ['STARTTLS', 'AUTH PLAIN'] };
  const auth = { user: 'u', password: 'p' };
  const good = await once(options, {}, { tls: 'starttls', verify: true, auth }, { extraCa: [tls.cert] });
  assert.equal(good.first.kind, 'delivered');
  assert.equal(good.report.tls?.verified, true);
  assert.equal(good.heard[0]?.[3], 'AUTH PLAIN AHUAcA==');
  const strange = await once(options, {}, { tls: 'starttls', verify: true, auth });
  assert.ok(strange.first.kind === 'deferred' && /certificate/.test(strange.first.cause));
  assert.ok(!strange.heard.flat().some((l) => l.startsWith('AUTH')));
});
test('implicit TLS', async () => {
  const tls = await selfSigned('server.test');
  const { report } = await once({ tls, implicit: true }, {}, { tls: 'implicit' });
  assert.equal(report.verdicts[0]?.kind, 'delivered');
  assert.match(report.tls?.version ?? '', /^TLS/);
});
test('a broken handshake: once more in clear, but not where TLS is required', async () => {
  const options = { extensions: ['STARTTLS'] };
  const soft = await once(options);
  assert.equal(soft.first.kind, 'delivered');
  assert.equal(soft.heard.length, 2);
  assert.equal(soft.report.tls, null);
  const hard = await once(options, {}, { tls: 'starttls' });
  assert.equal(hard.first.kind, 'deferred');
  assert.equal(hard.messages.length, 0);
});

test('connections are reused, retired after maxUses, and a dead idle one costs nothing', async () => {
  await using server = await scriptedServer();
  await using client = pool({ maxUses: 3 });
  for (let i = 0; i < 7; i++)
    assert.equal((await client.deliver(targetOf(server.port), mail)).verdicts[0]?.kind, 'delivered');
  assert.equal(server.connections, 3);
  await using sleepy = await scriptedServer({
    say: (input, _kind, nth) =>
      nth === 1 && input.startsWith('MAIL') && seen++ > 0 ? 'drop' : (undefined as never),
  });
  let seen = 0;
  for (let i = 0; i < 2; i++)
    assert.equal((await client.deliver(targetOf(sleepy.port), mail)).verdicts[0]?.kind, 'delivered');
  assert.equal(sleepy.connections, 2);
});
test('never more than the cap per site', async () => {
  await using server = await scriptedServer();
  await using client = pool({ perSite: () => 2 });
  await Promise.all(Array.from({ length: 12 }, () => client.deliver(targetOf(server.port), mail)));
  assert.equal(server.messages.length, 12);
  assert.ok(server.connections <= 2, String(server.connections));
});
test('the next server is tried when the first cannot be reached', async () => {
  await using server = await scriptedServer();
  await using client = pool();
  const good = targetOf(server.port).candidates[0]!;
  const report = await client.deliver(
    { key: 'k', site: 's', candidates: [{ ...good, port: 1, host: 'dead.test' }, good] },
    mail,
  );
  assert.equal(report.verdicts[0]?.kind, 'delivered');
  assert.equal(report.remote?.host, 'server.test');
});
test('a large body is written in blocks and arrives whole', async () => {
  const raw = Buffer.from(`Subject: big\r\n\r\n${'x'.repeat(76).concat('\r\n').repeat(40_000)}`);
  const { first, messages } = await once(
    { extensions: ['PIPELINING'] },
    {
      size: raw.length,
      content: async () => ({ header: HEADER, raw }),
    },
  );
  assert.equal(first.kind, 'delivered');
  assert.equal(messages[0]?.length, raw.length + HEADER.length);
});
test('a message is made only for a server that takes it, and once for all servers of a site', async () => {
  let made = 0;
  const content = async () => {
    made += 1;
    return mail.content();
  };
  for (const say of [
    when('RCPT', '451 4.2.0 not now\r\n'),
    when('MAIL', '550 5.7.1 no\r\n'),
    when('DATA', '451 4.3.0 no\r\n'),
    when('connect', '421 busy\r\n'),
  ])
    await once({ say }, { content });
  assert.equal(made, 0);
  const taken = await once({}, { content });
  assert.equal(taken.first.kind, 'delivered');
  assert.equal(made, 1);
});
test('a message that cannot be made is deferred, the link is given up and nothing of it is sent', async () => {
  const { first, messages } = await once(
    {},
    {
      content: async () => {
        throw new Error('gone');
      },
    },
  );
  assert.deepEqual(first, { kind: 'deferred', reply: null, cause: 'no message: gone', ambiguous: false });
  assert.equal(messages.length, 0);
});

/** One permit in all; who waits does so until it is told that it need not. */
function onePermit() {
  const state = { free: 1, waiting: 0, granted: 0 };
  const waiters = new Set<(granted: boolean) => void>();
  const permits: ConnectionPermits = {
    acquire(_site, enough) {
      if (state.free > 0) {
        state.free -= 1;
        state.granted += 1;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        waiters.add(resolve);
        state.waiting = waiters.size;
        enough?.addEventListener('abort', () => {
          if (!waiters.delete(resolve)) return;
          state.waiting = waiters.size;
          resolve(false);
        });
      });
    },
    release() {
      const [next] = waiters;
      if (next === undefined) state.free += 1;
      else {
        waiters.delete(next);
        state.granted += 1;
        next(true);
      }
    },
    mayKeep: () => true,
  };
  return { permits, state };
}
test('who waits for a permit takes the connection that becomes free, and gives its place in the queue up', async () => {
  await using server = await scriptedServer({});
  const { permits, state } = onePermit();
  // idle connections are kept for longer than the test may take
  await using client = pool({ permits, idleMs: 3_600_000 });
  const reports = await Promise.all(
    Array.from({ length: 8 }, () => client.deliver(targetOf(server.port), mail)),
  );
  assert.deepEqual(new Set(reports.map(({ verdicts }) => verdicts[0]!.kind)), new Set(['delivered']));
  assert.equal(server.heard.length, 1, 'one connection');
  assert.equal(server.messages.length, 8);
  assert.deepEqual([state.granted, state.waiting], [1, 0]);
});
