/** What a peer is told when its mail cannot be read in time: to come again, and nothing is taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MtaDomain } from '../domains/types.ts';
import type { ReceiveRule } from '../rules/types.ts';
import { NoPlace } from '../runtime/places.ts';
import { createRandom } from '../runtime/random.ts';
import type { Connection } from '../smtp/server/receiver.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import { Abandoned, type AcceptRequest } from './planned.ts';
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
  const answer = await begun.value.data(Buffer.from('From: <x@remote.test>\r\n\r\nx\r\n'), () => true);
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
    random: createRandom(),
    hostname: 'mail.here.test',
    hasSpace: () => true,
  } as unknown as ReceiverDeps);
  for (const there of [false, true]) {
    const mail = { address: 'x@remote.test', size: null, body: '7BIT', smtputf8: false } as const;
    const begun = await receiver.mail(peer, mail);
    assert.ok(begun.ok);
    assert.ok((await begun.value.rcpt({ address: 'inbox@here.test' })).ok);
    const { code } = await begun.value.data(Buffer.from('From: <x@remote.test>\r\n\r\nx\r\n'), () => there);
    assert.deepEqual([code, accepted], there ? [250, 1] : [451, 0]);
  }
});
