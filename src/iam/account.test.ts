/** What members do to their own account, against a real store: caps under parallel callers, and proofs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOTP } from 'otpauth';
import { createAttemptLog } from '../ledger/attempt-log.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createAccount, MOST_PASSKEYS } from './account.ts';
import { createAttempts } from './attempts.ts';
import { newMember } from './links.ts';
import { createTotp } from './one-time-codes.ts';
import type { Ceremonies } from './passkeys.ts';
import type { Passwords } from './passwords.ts';
import { isConfirmed, newSession } from './sessions.ts';

const origin = { address: '192.0.2.1', agent: 'a test' };
/** The browser's part has its own tests. Each registration gives another credential. */
function anyAuthenticator(): Ceremonies {
  let made = 0;
  const refuse = () => Promise.reject(new Error('not asked here'));
  return {
    host: () => 'localhost',
    registration: refuse,
    assertion: refuse,
    assert: refuse,
    register: async () => ({
      credentialId: `credential ${made++}`,
      publicKey: Buffer.from('key'),
      counter: 0,
      transports: [],
    }),
  };
}
async function setUp() {
  const clock = createFakeClock();
  const random = createRandom();
  const sealer = createSealer(Buffer.alloc(32, 1));
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const passwords: Passwords = {
    hash: async (password) => `hash of ${password}`,
    verify: async (encoded, password) => encoded === `hash of ${password}`,
  };
  const totp = createTotp({ random, sealer }, 'test', 'a@example.com');
  const member = {
    ...newMember({ random, now: clock.now() }, 'a@example.com'),
    password: 'hash of right',
    totp: { sealedSecret: totp.sealed, lastStep: 0 },
  };
  await store.transact(INSTANCE, (tx) => tx.insertMember(member));
  const attempts = createAttempts({
    clock,
    random,
    sealer,
    log: createAttemptLog({ read: store.read, transactor: store }),
  });
  const ceremonies = anyAuthenticator();
  const account = createAccount({
    read: store.read,
    transactor: store,
    attempts,
    passwords,
    ceremonies,
    sealer,
    clock,
    random,
    issuer: 'test',
  });
  const begin = async () => {
    const { session } = newSession({ random, now: clock.now() }, member.id, 'signed_in', origin);
    await store.transact(INSTANCE, (tx) => tx.insertSession({ ...session, challenge: 'challenge' }));
    return { member, session: { ...session, challenge: 'challenge' }, origin };
  };
  return { store, account, begin, member, clock, totp };
}
const answer = { id: 'x', rawId: 'x', type: 'public-key' as const, response: {} };

test('passkeys: 60 sessions at once add exactly as many as a member may have', async () => {
  const { store, account, begin, member } = await setUp();
  await using _ = store;
  const sessions = await Promise.all(Array.from({ length: 60 }, begin));
  const results = await Promise.all(sessions.map((self) => account.addPasskey(self, 'laptop', answer)));
  assert.equal(results.filter(({ kind }) => kind === 'ok').length, MOST_PASSKEYS);
  for (const result of results)
    if (result.kind === 'refused') assert.match(result.detail, /there are 20 passkeys already/);
  assert.equal((await store.read.passkeys(member.id)).length, MOST_PASSKEYS);
  // A refused session goes on.
  const left = results.findIndex(({ kind }) => kind === 'refused');
  assert.notEqual(await store.read.session(sessions[left]!.session.hash), null);
});

test('a proof counts for ten minutes; a new factor does not prolong it, and a wrong proof changes nothing', async () => {
  const { store, account, begin, clock, member, totp } = await setUp();
  await using _ = store;
  const self = await begin();
  const MINUTE = 60_000;
  assert.ok(isConfirmed(self.session, clock.now()));
  await clock.advance(9 * MINUTE);
  const added = await account.addPasskey(self, 'laptop', answer);
  assert.ok(added.kind === 'ok');
  const { session } = added.begun;
  assert.ok(isConfirmed(session, clock.now()));
  await clock.advance(2 * MINUTE);
  assert.ok(!isConfirmed(session, clock.now()));

  const wrong = await account.confirm({ ...self, session }, { password: 'wrong' });
  assert.equal(wrong.kind, 'refused');
  assert.notEqual(await store.read.session(session.hash), null);
  const right = await account.confirm({ ...self, session }, { password: 'right' });
  assert.ok(right.kind === 'ok');
  assert.ok(isConfirmed(right.value.session, clock.now()));
  assert.equal(await store.read.session(session.hash), null, 'the old session is over');
  // The clock of another node may be a little ahead, but a session from far in the future proves nothing.
  assert.ok(isConfirmed(right.value.session, clock.now() - 1000));
  assert.ok(!isConfirmed(right.value.session, clock.now() - 60 * MINUTE));

  await clock.advance(11 * MINUTE);
  const code = new TOTP({ secret: totp.secret }).generate({ timestamp: clock.now() });
  const me = { ...self, member: { ...member, totp: { sealedSecret: totp.sealed, lastStep: 0 } } };
  const byCode = await account.confirm({ ...me, session: right.value.session }, { code });
  assert.ok(byCode.kind === 'ok');
  const twice = await account.confirm({ ...me, session: byCode.value.session }, { code });
  assert.equal(twice.kind, 'refused', 'a code is taken once');
});

test('guessing the password in an open session is slowed down', async () => {
  const { store, account, begin } = await setUp();
  await using _ = store;
  const self = await begin();
  const kinds = [];
  for (let i = 0; i < 11; i += 1) kinds.push((await account.confirm(self, { password: 'wrong' })).kind);
  assert.deepEqual(kinds.slice(0, 10), Array(10).fill('refused'));
  assert.equal(kinds[10], 'throttled');
});
