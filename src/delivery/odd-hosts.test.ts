/** Hosts of one domain that differ in what they offer: the mail goes where it is taken, and bounces where none takes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toSevenBit } from '../mail/seven-bit.ts';
import { type Network, systemNetwork } from '../runtime/network.ts';
import type { ConnectionPermits } from '../runtime/permits.ts';
import { createRandom } from '../runtime/random.ts';
import type { StoredMessage } from '../spool/messages.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import { politely, type Say, type ScriptedServer, scriptedServer } from '../testing/scripted-server.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import type { SchedulerDeps } from './scheduler.ts';

/** What a host offers; a script of its own; or an error of the network. */
type Host = readonly string[] | Say | 'ECONNREFUSED';
const FULL = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'SIZE 1000000'];
const SIGNED: Partial<StoredMessage> = {
  raw: Buffer.from('DKIM-Signature: d=z.test\r\nSubject: s\r\n\r\né\r\n'),
  eightBit: true,
};
const LETTER: Partial<StoredMessage> = {
  raw: Buffer.from('Subject: s\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\né\r\n'),
  eightBit: true,
};
const LARGE: Partial<StoredMessage> = { raw: Buffer.from(`Subject: s\r\n\r\n${'x'.repeat(100)}\r\n`) };
const FOREIGN: Partial<StoredMessage> = { mailFrom: 'é@example.com', smtputf8: true };

/** A domain with a host for each of these names, at the preferences given; each has its own server. */
async function domainOf(
  hosts: Readonly<Record<string, readonly [preference: number, ...at: Host[]]>>,
  more: Partial<SchedulerDeps> = {},
  /** ms that dialling takes */
  pace = 0,
) {
  const zone: Zone = {
    'good.test': { mx: Object.entries(hosts).map(([name, [at]]) => [at, name] as const) },
  };
  const servers = new Map<string, ScriptedServer>();
  const dials: string[] = [];
  const dead = new Set<string>();
  for (const [name, [, ...at]] of Object.entries(hosts)) {
    const a: string[] = [];
    for (const host of at) {
      const address = `127.0.0.${servers.size + dead.size + 1}`;
      a.push(address);
      if (host === 'ECONNREFUSED') dead.add(address);
      else
        servers.set(
          address,
          await scriptedServer(typeof host === 'function' ? { say: host } : { extensions: host }),
        );
    }
    zone[name] = { a };
  }
  const network: Network = {
    ...systemNetwork,
    async dial(options) {
      if (pace > 0) await rig.clock.advance(pace);
      dials.push(options.address);
      const server = servers.get(options.address);
      if (server === undefined) throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
      return systemNetwork.dial({ ...options, address: '127.0.0.1', port: server.port });
    },
  };
  // Equals come in the order of their names.
  const random = { ...createRandom(), fraction: () => 0 };
  const rig = await deliveryRig({}, { resolver: createZoneResolver(zone), network, random, ...more });
  let count = 0;
  return {
    rig,
    dials,
    zone,
    commands: () => [...servers.values()].flatMap(({ heard }) => heard.flat()),
    async send(mail: Partial<StoredMessage>, ...to: string[]) {
      const { message, rows } = rig.accept(...(to.length === 0 ? ['x@good.test'] : to));
      rig.scheduler.enqueue({ ...message, ...mail }, rows);
      count += rows.length;
      await rig.until(count);
      const ends = rows.map(({ id }) => {
        const { state, attempts, lastResult } = rig.rows.get(id)!;
        const { remote, cause, status, reply } = lastResult as {
          remote: { host: string } | null;
          cause?: string;
          status?: string;
          reply: { code: number } | null;
        };
        return { state, attempts, host: remote?.host, cause: cause ?? '', status, code: reply?.code };
      });
      return { ...ends[0]!, ends };
    },
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      for (const server of servers.values()) await server[Symbol.asyncDispose]();
    },
  };
}
const saying =
  (verb: string, text: ReturnType<Say>): Say =>
  (input, kind) =>
    (verb === 'connect' ? kind === verb : input.startsWith(verb)) ? text : politely(input, kind, FULL);

const NEEDS = [
  ['8BITMIME', SIGNED, ['SMTPUTF8']],
  ['SMTPUTF8', FOREIGN, ['8BITMIME']],
  ['SIZE', LARGE, ['SIZE 10']],
] as const;
for (const [what, mail, offers] of NEEDS) {
  test(`a host without ${what}: another one takes the mail at the first attempt, of equal or worse preference`, async () => {
    for (const preference of [10, 20]) {
      await using d = await domainOf({ a: [10, offers], b: [preference, FULL] });
      const { state, attempts, host } = await d.send(mail);
      assert.deepEqual([state, attempts, host], ['delivered', 1, 'b']);
    }
  });
  test(`another address of a host without ${what} is asked, too`, async () => {
    await using d = await domainOf({ a: [10, offers, offers, FULL, offers] });
    const { state, attempts } = await d.send(mail);
    assert.deepEqual([state, attempts], ['delivered', 1]);
  });
  test(`a kept connection to a host without ${what} binds no mail, and kept ones to the others are used`, async () => {
    await using d = await domainOf({ a: [10, offers], b: [20, FULL] });
    assert.equal((await d.send({ raw: Buffer.from('A: b\r\n') })).host, 'a');
    for (let i = 0; i < 3; i++) {
      const { state, host } = await d.send(mail);
      assert.deepEqual([state, host], ['delivered', 'b']);
    }
    assert.deepEqual(d.dials, ['127.0.0.1', '127.0.0.2']);
  });
  test(`no host with ${what}: bounced once each was asked, with the names of the hosts`, async () => {
    await using d = await domainOf({ a: [10, offers], b: [10, offers, 'ECONNREFUSED'], c: [20, offers] });
    for (let i = 0; i < 2; i++) {
      const { state, attempts, cause } = await d.send(mail);
      assert.deepEqual([state, attempts], ['bounced', 1]);
      assert.match(cause, /^a, b, c: the (server|message) /);
    }
    // An address without an answer, of a host that answers: it is asked behind the others.
    assert.deepEqual(d.dials.slice(0, 4), ['127.0.0.1', '127.0.0.2', '127.0.0.4', '127.0.0.3']);
    assert.ok(!d.commands().some((line) => line.startsWith('MAIL')));
  });
  test(`a host without ${what} and one that cannot be asked: deferred, with what is wrong with each`, async () => {
    for (const [other, why] of [
      ['ECONNREFUSED', /b: connect: ECONNREFUSED/],
      [saying('connect', '421 4.3.2 busy\r\n'), /b: greeting refused: 421 busy/],
      [saying('connect', '554 5.3.2 no\r\n'), /b: greeting refused: 554 no/],
      [saying('MAIL', { last: '421 4.3.2 busy\r\n' }), /b: the server is closing: 421 busy/],
    ] as const)
      for (const preference of [5, 20]) {
        await using d = await domainOf({ a: [10, offers], b: [preference, other] });
        const { state, cause, host, code } = await d.send(mail);
        assert.deepEqual([state, host, code], ['deferred', 'a', undefined]);
        assert.match(cause, /a: the (server|message) /);
        assert.match(cause, why);
      }
  });
}
test('what a server says itself is its verdict, and no other one is asked', async () => {
  for (const verb of ['MAIL', 'RCPT', 'DATA']) {
    await using d = await domainOf({ a: [10, []], b: [20, saying(verb, '550 5.7.1 no\r\n')], c: [30, FULL] });
    const { state, host, code } = await d.send(SIGNED);
    assert.deepEqual([state, host, code, d.dials.length], ['bounced', 'b', 550, 2]);
  }
});
test('mail that can be converted goes to the first host, converted; if that was kept, to the one that takes it as it is', async () => {
  await using d = await domainOf({ a: [10, []], b: [20, FULL] });
  assert.equal((await d.send(LETTER)).host, 'a');
  assert.equal((await d.send(SIGNED)).host, 'b');
  assert.equal((await d.send(LETTER)).host, 'b');
});
test('recipients whose own address needs SMTPUTF8 go to the host that offers it, the others to the first', async () => {
  await using d = await domainOf({ a: [10, ['PIPELINING']], b: [20, FULL] });
  const mail = { smtputf8: true };
  const { ends } = await d.send(mail, 'é@good.test', 'x@good.test', 'ü@good.test');
  assert.deepEqual(
    ends.map(({ state, attempts, host }) => [state, attempts, host]),
    [
      ['delivered', 1, 'b'],
      ['delivered', 1, 'a'],
      ['delivered', 1, 'b'],
    ],
  );
  assert.equal(d.dials.length, 2);
});
const hostsOf = (count: number, host: Host) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`h${String(i).padStart(2, '0')}`, [10, host] as const]),
  );
test('many hosts that lack it are all asked, also if that takes long; the form of the mail is looked for once', async () => {
  for (const pace of [0, 4000]) {
    let converted = 0;
    const convert: SchedulerDeps['convert'] = async (raw, options) => {
      converted += 1;
      return toSevenBit(raw, options);
    };
    await using d = await domainOf(hostsOf(12, []), { convert }, pace);
    const { state, cause } = await d.send(SIGNED);
    assert.deepEqual([state, d.dials.length, converted], ['bounced', 12, 1]);
    assert.match(cause, /^h00, h01, h02, h03, h04 and 7 more: the server does not offer 8BITMIME/);
    await using e = await domainOf({ ...hostsOf(12, []), z: [20, FULL] }, {}, pace);
    assert.equal((await e.send(SIGNED)).host, 'z');
  }
});
test('one attempt asks for about a minute: the mail is deferred while some were not asked', async () => {
  for (const [count, pace, asked] of [
    [30, 7000, 9],
    [30, 0, 30],
  ] as const) {
    await using d = await domainOf(hostsOf(count, []), {}, pace);
    const { state, cause } = await d.send(SIGNED);
    assert.deepEqual([state, d.dials.length], [asked === count ? 'bounced' : 'deferred', asked]);
    assert.equal(/h09, h10, h11, h12, h13 and 16 more: not asked$/.test(cause), asked < count);
  }
});
test('a host whose addresses are not known now has not been asked', async () => {
  await using d = await domainOf({ a: [10, []], b: [20, FULL] });
  d.zone['b'] = { fail: true };
  const { state, cause } = await d.send(SIGNED);
  assert.equal(state, 'deferred');
  assert.match(cause, /^a: the server .*; b: DNS: its addresses could not be found out$/);
  await using e = await domainOf(hostsOf(31, []));
  const many = await e.send(SIGNED);
  assert.equal(many.state, 'deferred');
  assert.match(many.cause, /; h30: not asked$/);
});
test('names of one server are one server', async () => {
  await using d = await domainOf({ a: [10, []], b: [20, []] });
  d.zone['b'] = d.zone['a']!;
  const { state, cause } = await d.send(SIGNED);
  assert.deepEqual([state, d.dials], ['bounced', ['127.0.0.1']]);
  assert.match(cause, /^the server does not offer 8BITMIME/);
});
test('no more connections than the site may have, while its hosts are asked one after the other', async () => {
  const held = { now: 0, most: 0 };
  const waiting: (() => void)[] = [];
  const permits: ConnectionPermits = {
    async acquire() {
      while (held.now > 0) await new Promise<void>((resolve) => waiting.push(resolve));
      held.now += 1;
      held.most = Math.max(held.most, held.now);
      return true;
    },
    release() {
      held.now -= 1;
      waiting.shift()?.();
    },
    mayKeep: () => true,
  };
  await using d = await domainOf({ a: [10, []], b: [20, []], c: [30, FULL] }, { permits });
  for (let i = 0; i < 2; i++) assert.equal((await d.send(SIGNED)).host, 'c');
  assert.equal(held.most, 1);
});
