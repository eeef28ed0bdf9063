/** A wrong key is found before it does anything; what a lost key has sealed is replaced, and nothing else is. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { openDkimKeys, sealedKey } from '../domains/dkim-keys.ts';
import { sealSettings } from '../domains/dns-providers/accounts.ts';
import { dnsProviderOf } from '../domains/dns-providers/kinds.ts';
import type { DkimKeyState } from '../domains/mta-domains.ts';
import { http } from '../edj/kinds/http.ts';
import { openSealed, sealNew } from '../edj/kinds/sealed.ts';
import { createTotp } from '../iam/one-time-codes.ts';
import { createStaticKey, recoverKeyedHash, verifySecret } from '../iam/static-keys.ts';
import { createProjectEvents } from '../intake/project-events.ts';
import { systemClock } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer, type Sealer } from '../runtime/sealing.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { acceptLoss } from './accept-loss.ts';
import { judgeKey, settleKey } from './judge-key.ts';
import { tryAll } from './try-all.ts';

const RIGHT = createSealer(Buffer.alloc(32, 1));
const WRONG = createSealer(Buffer.alloc(32, 2));
const random = createRandom();
const ED25519 = generateKeyPairSync('ed25519').privateKey;
const open = () =>
  openSqliteStore({ directory: ':memory:', clock: systemClock, random, logger: silentLogger });

/** A project that uses everything that is sealed, with this key. */
async function inhabit(store: Store, sealer: Sealer, name: string, dkimStates: DkimKeyState[] = ['active']) {
  const p = await make.withProject(store, { name });
  const t = make.topic(p);
  const o = make.owned(p, `${name}.test`, { verifiedAt: make.NOW });
  const d = make.domain(o, t, { dkimEnabled: true });
  const keys = dkimStates.map((state, i) =>
    sealedKey(
      { random, sealer, clock: systemClock },
      { projectId: p.id, domainId: d.id },
      `s${i}`,
      ED25519,
      state,
    ),
  );
  const id = random.id<'subscriber'>();
  const { told, ...sealed } = sealNew({ sealer, random }, { id }, http, {
    url: 'https://hook.test/',
    inline: false,
  });
  const subscriber = { ...make.subscriber(t), id, ...sealed };
  const place = { projectId: p.id, id: random.id<'dns-account'>() };
  const provider = dnsProviderOf('cloudflare')!;
  const account = {
    ...place,
    provider: 'cloudflare' as const,
    name: 'dns',
    ...sealSettings(sealer, place, provider, { api_token: 'token' }),
    createdAt: make.NOW,
  };
  const codes = (email: string) => ({
    ...make.member({ email, password: 'p' }),
    totp: { sealedSecret: createTotp({ random, sealer }, 'x', email).sealed, lastStep: 1 },
  });
  const [alone, withPasskey] = [codes(`alone@${name}.test`), codes(`passkey@${name}.test`)];
  const client = make.client(p);
  const { key, secret } = await createStaticKey(
    { random, sealer, now: make.NOW },
    { projectId: p.id, apiClientId: client.id, expiresAt: null },
  );
  await store.transact(p.id, (tx) => {
    tx.insertTopic(t);
    tx.insertOwnedDomain(o);
    tx.insertDomain(d);
    for (const one of keys) tx.insertDkimKey(one);
    tx.insertSubscriber(subscriber);
    tx.insertDnsAccount(account);
    tx.insertApiClient(client);
    tx.insertStaticKey(key);
    for (const m of [alone, withPasskey]) {
      tx.insertMember(m);
      tx.setRecoveryCodes(m.id, [Buffer.from(`code of ${m.email}`)]);
    }
    tx.insertPasskey(make.passkey(withPasskey, { credentialId: name }));
  });
  return { p, d, keys, t, subscriber, told, account, alone, withPasskey, key, secret };
}
function deps(store: Store, sealer: Sealer) {
  const { read } = store;
  const projectEvents = createProjectEvents({ read, clock: systemClock, random, published: () => {} });
  return { read, transactor: store, sealer, clock: systemClock, random, dkimZone: null, projectEvents };
}

test('an empty store takes any key, and then no other', async () => {
  await using store = await open();
  assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'right' });
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
  const { lost } = await tryAll(store.read, WRONG);
  await acceptLoss(deps(store, WRONG), lost);
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
  const { lost, opened, unreadable } = await tryAll(store.read, WRONG);
  assert.deepEqual([opened, unreadable], [0, 5]);
  const replaced = await acceptLoss(deps(store, WRONG), lost);

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
  await acceptLoss(deps(store, WRONG), (await tryAll(store.read, WRONG)).lost);
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
