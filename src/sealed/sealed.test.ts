/** A wrong key is found before it does anything; what a lost key has sealed is replaced, and nothing else is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDkimKeys } from '../domains/dkim-keys.ts';
import { openSealed } from '../edj/kinds/sealed.ts';
import { recoverKeyedHash, verifySecret } from '../iam/static-keys.ts';
import { systemClock } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { inhabit, RIGHT, replaceAll, WRONG } from '../testing/sealed-store.ts';
import { judgeKey, settleKey } from './judge-key.ts';
import { tryAll } from './try-all.ts';

const open = () =>
  openSqliteStore({
    directory: ':memory:',
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
  });

test('an empty store takes any key, and then no other', async () => {
  await using store = await open();
  assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'new' });
  assert.equal(await store.read.keyCheck(), null);
  assert.deepEqual(await settleKey(store.read, store, RIGHT), { kind: 'right' });
  assert.deepEqual(await settleKey(store.read, store, WRONG), { kind: 'wrong' });
  assert.deepEqual(await settleKey(store.read, store, RIGHT), { kind: 'right' });
});

test('a store without a check value is tried: a wrong key writes nothing, the right key writes the value', async () => {
  await using store = await open();
  await inhabit(store, RIGHT, 'one');
  assert.deepEqual(await settleKey(store.read, store, WRONG), { kind: 'wrong' });
  assert.equal(await store.read.keyCheck(), null);
  assert.deepEqual(await settleKey(store.read, store, RIGHT), { kind: 'right' });
  assert.notEqual(await store.read.keyCheck(), null);
  assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'wrong' });
});

test('a store that an earlier version used with two keys is told apart, and its loss is repaired', async () => {
  await using store = await open();
  const before = await inhabit(store, RIGHT, 'before');
  const since = await inhabit(store, WRONG, 'since');
  assert.deepEqual(await settleKey(store.read, store, WRONG), { kind: 'partly', unreadable: 5 });
  assert.equal(await store.read.keyCheck(), null);
  await replaceAll(store, WRONG);
  assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'right' });
  // What the key opened is as it was.
  assert.deepEqual(await store.read.dkimKeys(since.p.id, since.d.id), since.keys);
  assert.deepEqual(await store.read.subscriber(since.p.id, since.subscriber.id), since.subscriber);
  assert.deepEqual(await store.read.member(since.alone.id), since.alone);
  assert.notEqual(
    (await store.read.dkimKeys(before.p.id, before.d.id)).find(({ state }) => state === 'active')?.id,
    before.keys[0]!.id,
  );
});

test('the loss of everything: new keys and secrets, static keys that go on, members with a way back', async () => {
  await using store = await open();
  const one = await inhabit(store, RIGHT, 'one');
  await settleKey(store.read, store, RIGHT);
  const { opened, unreadable } = await tryAll(store.read, WRONG);
  assert.deepEqual([opened, unreadable], [0, 5]);
  const replaced = await replaceAll(store, WRONG);

  assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'right' });
  assert.deepEqual(await judgeKey(store.read, RIGHT), { kind: 'wrong' });
  assert.equal((await tryAll(store.read, WRONG)).unreadable, 0);
  const keys = await store.read.dkimKeys(one.p.id, one.d.id);
  // The old record stays until the mail that it signed has arrived.
  assert.deepEqual(keys.map(({ state, selector }) => [state, selector === 's0']).sort(), [
    ['active', false],
    ['retiring', true],
  ]);
  assert.deepEqual(
    openDkimKeys(keys, WRONG).map(({ selector }) => selector),
    replaced.keys[0]!.fresh.map(({ selector }) => selector),
  );
  const subscriber = (await store.read.subscriber(one.p.id, one.subscriber.id))!;
  assert.deepEqual(openSealed(WRONG, subscriber), { secret: replaced.subscribers[0]!.secret });
  assert.notEqual(replaced.subscribers[0]!.secret, one.told['secret']);
  assert.deepEqual(subscriber.settings, one.subscriber.settings);
  assert.equal((await store.read.dnsAccount(one.p.id, one.account.id))!.sealedSettings.length, 0);
  const { verifier } = (await store.read.findKey(one.key.id))!.key;
  assert.equal(verifySecret(WRONG, verifier, one.secret), false);
  assert.equal(await recoverKeyedHash(WRONG, verifier, `${one.secret}0`), null);
  const keyedHash = await recoverKeyedHash(WRONG, verifier, one.secret);
  assert.ok(verifySecret(WRONG, { keyedHash: keyedHash! }, one.secret));
  // Only a hash that was emptied is recovered.
  assert.equal(await recoverKeyedHash(WRONG, { ...verifier, keyedHash: Buffer.alloc(32) }, one.secret), null);

  const alone = (await store.read.member(one.alone.id))!;
  assert.deepEqual([alone.password, alone.totp], [null, null]);
  assert.deepEqual(
    replaced.members.map(({ member }) => member.email),
    ['alone@one.test'],
  );
  const withPasskey = (await store.read.member(one.withPasskey.id))!;
  assert.deepEqual([withPasskey.password, withPasskey.totp], ['p', null]);
  assert.equal((await store.read.passkeys(withPasskey.id)).length, 1);
  assert.equal(await store.read.recoveryCodesLeft(withPasskey.id), 0);
  const audit = await store.read.auditEvents(INSTANCE, {}, { limit: 10, cursor: null });
  assert.ok(audit.items.every(({ operation }) => operation === 'command.secret_key.replace'));
  const { items } = await store.read.events(one.p.id, one.t.id, { limit: 10, cursor: null });
  assert.deepEqual(
    items.map(({ name }) => name),
    ['dkim.rotated'],
  );
});

test('a lost key of each state: one new key for an algorithm, and none where another key signs', async () => {
  await using store = await open();
  const one = await inhabit(store, RIGHT, 'one', ['active', 'pending', 'retiring']);
  await replaceAll(store, WRONG);
  const states = async ({ p, d }: typeof one) =>
    (await store.read.dkimKeys(p.id, d.id)).map(({ state, sealedPrivateKey }) => [
      state,
      sealedPrivateKey.length > 0,
    ]);
  assert.deepEqual((await states(one)).sort(), [
    ['active', true],
    ['retiring', false],
    ['retiring', false],
  ]);
});
