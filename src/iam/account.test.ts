/** What members do to their own account, against a real store: caps under parallel callers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
import type { Ceremonies } from './passkeys.ts';
import type { Passwords } from './passwords.ts';
import { newSession } from './sessions.ts';

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
  const member = {
    ...newMember({ random, now: clock.now() }, 'a@example.com'),
    password: 'hash of right',
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
  return { store, account, begin, member, clock };
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
