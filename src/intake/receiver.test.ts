/** What a peer is told when its mail cannot be taken now: to come again, and nothing is taken. And whose turn it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MtaDomain } from '../domains/mta-domains.ts';
import { SEND_OPERATIONS } from '../iam/policy.ts';
import type { ReceiveRule } from '../rules/rules.ts';
import { MOST_IN_FLIGHT } from '../runtime/in-flight.ts';
import { NoPlace } from '../runtime/places.ts';
import { createRandom } from '../runtime/random.ts';
import type { Connection } from '../smtp/server/receiver.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { turnsFor } from '../testing/turns.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import { Abandoned, type AcceptRequest, type PlannedMessage } from './planned.ts';
import { createReceiver, type ReceiverDeps } from './receiver.ts';

const domain = { id: 'd', projectId: 'p', name: 'here.test', receiving: true, defaultTopicId: 't' };
const rule = { id: 'r', type: 'catch_all', localPart: null, topicId: 't', domainId: 'd', projectId: 'p' };
const peer: Connection = {
  id: 'mx-1',
  role: 'mx',
  remoteAddress: '192.0.2.1',
  remotePort: 25_000,
  helo: 'remote.test',
  esmtp: true,
  tls: null,
  principal: null,
};

test('mail that no place to read it comes free for is answered 451, without an error in the log', async () => {
  const errors: unknown[] = [];
  const receiver = createReceiver({
    read: {
      findDomain: async () => domain as unknown as MtaDomain,
      rules: async () => [rule as unknown as ReceiveRule],
    } as unknown as ReceiverDeps['read'],
    intake: {
      accept: () => Promise.reject(new NoPlace('no place came free in time')),
      send: () => Promise.reject(new Error('nobody sends')),
    },
    resolver: createZoneResolver({}),
    hashBody: () => Promise.reject(new Error('nothing is signed')),
    clock: createFakeClock(),
    ...turnsFor(createFakeClock()),
    random: createRandom(),
    logger: { error: (...said: unknown[]) => errors.push(said) } as unknown as ReceiverDeps['logger'],
    hostname: 'mail.here.test',
    trusted: async () => null,
    hasSpace: () => true,
  } as unknown as ReceiverDeps);
  const begun = await receiver.mail(peer, {
    address: 'x@remote.test',
    size: null,
    body: '7BIT',
    smtputf8: false,
  });
  assert.ok(begun.ok);
  assert.ok((await begun.value.rcpt({ address: 'inbox@here.test' })).ok);
  const answer = await begun.value.data(Buffer.from('From: <x@remote.test>\r\n\r\nx\r\n'), () => true, false);
  assert.deepEqual([answer.code, answer.enhanced], [451, '4.3.2']);
  assert.deepEqual(errors, []);
});

test('mail whose connection has gone before its commit is not taken', async () => {
  let accepted = 0;
  const receiver = createReceiver({
    read: {
      findDomain: async () => domain as unknown as MtaDomain,
      rules: async () => [rule as unknown as ReceiveRule],
    } as unknown as ReceiverDeps['read'],
    intake: {
      async accept({ committing }: AcceptRequest) {
        if (committing?.() === false) throw new Abandoned('gone');
        accepted++;
      },
    },
    resolver: createZoneResolver({}),
    hashBody: () => Promise.reject(new Error('nothing is signed')),
    clock: createFakeClock(),
    ...turnsFor(createFakeClock()),
    random: createRandom(),
    hostname: 'mail.here.test',
    hasSpace: () => true,
  } as unknown as ReceiverDeps);
  for (const there of [false, true]) {
    const mail = { address: 'x@remote.test', size: null, body: '7BIT', smtputf8: false } as const;
    const begun = await receiver.mail(peer, mail);
    assert.ok(begun.ok);
    assert.ok((await begun.value.rcpt({ address: 'inbox@here.test' })).ok);
    const { code } = await begun.value.data(
      Buffer.from('From: <x@remote.test>\r\n\r\nx\r\n'),
      () => there,
      false,
    );
    assert.deepEqual([code, accepted], there ? [250, 1] : [451, 0]);
  }
});

/** A submission that is answered as `intake.send` ends. */
async function submission(deps: Partial<ReceiverDeps>, projectId: string) {
  const name = `${projectId}.test`;
  const own = { ...domain, projectId, name } as unknown as MtaDomain;
  const receiver = createReceiver({
    read: {
      findDomain: async () => own,
      sendingSettings: async () => null,
      rules: async () => [],
    } as unknown as ReceiverDeps['read'],
    limiter: { reserve: async () => ({ kind: 'ok', record() {}, release() {} }) },
    leaves: async () => true,
    clock: createFakeClock(),
    random: createRandom(),
    hostname: 'mail.here.test',
    hasSpace: () => true,
    logger: { error: (fields: unknown) => assert.fail(JSON.stringify(fields)) },
    ...deps,
  } as unknown as ReceiverDeps);
  const principal = { projectId, actor: { kind: 'key', keyId: null }, operations: new Set(SEND_OPERATIONS) };
  const mail = { address: `x@${name}`, size: null, body: '7BIT', smtputf8: false } as const;
  const begun = await receiver.mail({ ...peer, role: 'submissions', principal }, mail);
  assert.ok(begun.ok);
  assert.ok((await begun.value.rcpt({ address: 'someone@out.test' })).ok);
  return () => begun.value.data(Buffer.from(`From: <x@${name}>\r\n\r\nx\r\n`), () => true, false);
}

test('of forty sessions that flood, two under pressure are on the way, and another project is answered before the rest', async () => {
  const turns = turnsFor(createFakeClock(), true);
  const answered: string[] = [];
  const writing: (() => void)[] = [];
  const intake = {
    send: ({ message }: PlannedMessage) =>
      message.projectId === 'many'
        ? new Promise<void>((resolve) => writing.push(resolve))
        : Promise.resolve(),
  };
  // Several are at work.
  for (const share of ['one', 'many']) (await turns.turnstile.start(share))[Symbol.dispose]();
  const sends = [];
  for (let i = 0; i < 40; i++) sends.push(await submission({ ...turns, intake } as object, 'many'));
  const one = await submission({ ...turns, intake } as object, 'one');
  const all = [...sends, one].map(async (send, i) => {
    assert.equal((await send()).code, 250);
    answered.push(i === 40 ? 'one' : 'many');
  });
  await all[40];
  assert.ok(writing.length <= 2);
  assert.deepEqual(answered, ['one']);
  while (answered.length < 41) {
    writing.shift()?.();
    assert.ok(writing.length <= 2);
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('beyond its most in flight a project is told to come again, late, and what was reserved is let go', async () => {
  const clock = createFakeClock();
  const turns = turnsFor(clock);
  for (let i = 0; i < MOST_IN_FLIGHT; i++) await turns.inFlight.enter('many', 'smtp');
  let released = 0;
  const limiter = {
    reserve: async () => ({ kind: 'ok', record() {}, release: () => released++ }),
  };
  const send = await submission({ ...turns, limiter } as object, 'many');
  const answer = send();
  await clock.advance(1_000);
  const { code, enhanced } = await answer;
  assert.deepEqual([code, enhanced, released], [451, '4.3.2', 1]);
});
