/** The steps of a sign-in against a real store and a clock moved by hand. */
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
import { createAttempts } from './attempts.ts';
import {
  acceptInvitation,
  newMember,
  offerOwnerLink,
  openLink,
  operatorStanding,
  recordLink,
} from './links.ts';
import { createTotp } from './one-time-codes.ts';
import { createCeremonies } from './passkeys.ts';
import type { Passwords } from './passwords.ts';
import { hashToken, IDLE_MS, isOver, newSession, wantsTouch } from './sessions.ts';
import { createSignIn } from './sign-in.ts';

const HOUR = 3_600_000;
const at = (address: string) => ({ address, agent: 'a test' });

async function setUp() {
  const clock = createFakeClock();
  const random = createRandom();
  const sealer = createSealer(Buffer.alloc(32, 1));
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const { read } = store;
  const asked: (string | null)[] = [];
  /** Hashing has its own tests. */
  const passwords: Passwords = {
    hash: async (password) => `hash of ${password}`,
    async verify(encoded, password) {
      asked.push(encoded);
      return encoded === `hash of ${password}`;
    },
  };
  const totp = createTotp({ random, sealer }, 'test', 'a@example.com');
  const member = {
    ...newMember({ random, now: clock.now() }, 'a@example.com'),
    password: 'hash of right',
    totp: { sealedSecret: totp.sealed, lastStep: 0 },
  };
  await store.transact(INSTANCE, (tx) => tx.insertMember(member));
  const log = createAttemptLog({ read, transactor: store });
  const attempts = createAttempts({ clock, random, sealer, log });
  const ceremonies = createCeremonies(() => 'http://localhost');
  const deps = { read, transactor: store, attempts, passwords, ceremonies, sealer, clock, random };
  const generator = new TOTP({ secret: totp.secret });
  const code = (ms = 0) => generator.generate({ timestamp: clock.now() + ms });
  const signIn = createSignIn(deps);
  const begin = async (address = '192.0.2.1') => {
    const result = await signIn.password('A@Example.com', 'right', at(address), () => {});
    assert.ok(result.kind === 'ok');
    return result.value.session;
  };
  return { clock, random, store, read, signIn, member, asked, code, begin, deps };
}

test('an unknown address is judged like a known one: by a hash, and counted', async () => {
  const { store, signIn, asked } = await setUp();
  await using _ = store;
  for (const email of ['a@example.com', 'b@example.com', 'no address'])
    assert.deepEqual(await signIn.password(email, 'wrong', at('192.0.2.1'), () => {}), { kind: 'refused' });
  assert.deepEqual(asked, ['hash of right', null, null]);
  for (let i = 0; i < 7; i += 1)
    await signIn.password(`x${i}@example.com`, 'wrong', at('192.0.2.1'), () => {});
  const eleventh = await signIn.password('a@example.com', 'right', at('192.0.2.1'), () => {});
  assert.equal(eleventh.kind, 'throttled');
  const elsewhere = await signIn.password('a@example.com', 'right', at('192.0.2.2'), () => {});
  assert.equal(elsewhere.kind, 'ok', 'others are not locked out');
});

test('a code signs in once, and none before it; the session it was for is over', async () => {
  const { store, signIn, begin, code, read, clock } = await setUp();
  await using _ = store;
  const session = await begin();
  assert.equal(session.state, 'second_factor');
  const done = await signIn.totp(session, code(), at('192.0.2.1'));
  assert.ok(done.kind === 'ok');
  assert.equal(done.value.session.state, 'signed_in');
  assert.notEqual(done.value.session.hash, session.hash);
  assert.equal(await read.session(session.hash), null);
  const second = await begin();
  for (const ms of [0, -30_000])
    assert.equal((await signIn.totp(second, code(ms), at('192.0.2.1'))).kind, 'refused');
  await clock.advance(30_000);
  const two = await Promise.all([
    signIn.totp(second, code(), at('192.0.2.1')),
    signIn.totp(second, code(), at('192.0.2.1')),
  ]);
  assert.deepEqual(two.map(({ kind }) => kind).sort(), ['ok', 'refused']);
});

test('a code taken while the clock was six days ahead does not lock the member out, and none is taken twice', async () => {
  const { store, signIn, begin, clock, code } = await setUp();
  await using _ = store;
  clock.jump(144 * HOUR);
  assert.equal((await signIn.totp(await begin(), code(), at('192.0.2.1'))).kind, 'ok');
  clock.jump(-144 * HOUR);
  assert.equal((await signIn.totp(await begin(), code(), at('192.0.2.1'))).kind, 'ok');
  assert.equal((await signIn.totp(await begin(), code(), at('192.0.2.1'))).kind, 'refused');
});

test('a second factor is guessed twenty times an hour, from however many addresses', async () => {
  const { store, signIn, begin, clock, code } = await setUp();
  await using _ = store;
  const session = await begin();
  for (let i = 0; i < 20; i += 1)
    assert.equal((await signIn.totp(session, '000000', at(`198.51.100.${i}`))).kind, 'refused');
  assert.equal((await signIn.totp(session, code(), at('203.0.113.1'))).kind, 'throttled');
  await clock.advance(HOUR + 1);
  assert.equal((await signIn.totp(session, code(), at('203.0.113.1'))).kind, 'ok');
});

test('the use of a session ahead of the clock is put right at the next use', () => {
  const random = createRandom();
  const { session } = newSession({ random, now: 0 }, random.id(), 'signed_in', {
    address: '192.0.2.1',
    agent: '',
  });
  for (const [by, touched] of [
    [0, false],
    [4_000, false],
    [144 * HOUR, true],
    [-5 * 60_000, true],
  ] as const)
    assert.equal(wantsTouch({ ...session, lastUsedAt: by }, 0), touched, String(by));
});

test('sessions end: unused, and after their time whatever is done', () => {
  const [random, now] = [createRandom(), 1000];
  const { session, token } = newSession({ random, now }, random.id(), 'signed_in', at('192.0.2.1'));
  assert.match(token, /^[\w-]{43}$/);
  assert.equal(session.hash, hashToken(token));
  assert.equal(isOver(session, now + IDLE_MS - 1), false);
  assert.equal(isOver(session, now + IDLE_MS), true);
  const days = 24 * HOUR;
  const used = (ms: number) => ({ ...session, lastUsedAt: now + ms });
  assert.equal(isOver(used(30 * days - 2), now + 30 * days - 1), false);
  assert.equal(isOver(used(30 * days - 2), now + 30 * days), true);
  const waiting = newSession({ random, now }, random.id(), 'second_factor', at('192.0.2.1')).session;
  assert.equal(isOver(waiting, now + 10 * 60_000), true);
});

test('links: too old, used, for nobody any more', async () => {
  const { store, deps, clock, member, random } = await setUp();
  await using _ = store;
  const made = async () => {
    let token = '';
    await store.transact(INSTANCE, (tx) => {
      token = recordLink(tx, { random, now: clock.now() }, member.id);
    });
    return token;
  };
  const open = async (token: string) => (await openLink(deps, token, {}, at('192.0.2.1'))).kind;
  assert.equal(await open(await made()), 'gone', 'nothing is missing: it would lead past both factors');
  await store.transact(INSTANCE, (tx) => tx.setPassword(member.id, null));
  const first = await made();
  const token = await made();
  assert.equal(await open(first), 'gone', 'a newer one took its place');
  assert.equal(await open(token), 'ok');
  assert.equal(await open(token), 'gone');
  const late = await made();
  await clock.advance(24 * HOUR);
  assert.equal(await open(late), 'gone');
});

test('the link of a start makes an operator until there is one, and not longer', async () => {
  const { store, deps, member } = await setUp();
  await using _ = store;
  // The member can sign in, but operates nothing.
  const { standing, token } = await offerOwnerLink(deps);
  assert.deepEqual(standing, { kind: 'none' });
  assert.notEqual(token, null);
  await store.transact(INSTANCE, (tx) => tx.setInstanceRoles(member.id, ['operator']));
  const ready = await offerOwnerLink(deps);
  assert.deepEqual([ready.standing.kind, ready.token], ['ready', null]);
  const about = { email: 'late@example.com' };
  assert.equal((await openLink(deps, token!, about, at('192.0.2.1'))).kind, 'gone');
  // An operator who cannot sign in gets a link to the own account, and nobody else can use it.
  await store.transact(INSTANCE, (tx) => tx.setPassword(member.id, null));
  const own = await offerOwnerLink(deps);
  assert.equal(own.standing.kind, 'locked-out');
  const opened = await openLink(deps, own.token!, about, at('192.0.2.1'));
  assert.ok(opened.kind === 'ok');
  assert.equal(opened.member.email, member.email);
});

test('an operator with an open link exists: starts make no other link, and that link stays valid', async () => {
  const { store, deps, member, clock, random } = await setUp();
  await using _ = store;
  let given = '';
  await store.transact(INSTANCE, (tx) => {
    tx.setInstanceRoles(member.id, ['operator']);
    tx.setPassword(member.id, null);
    given = recordLink(tx, { random, now: clock.now() }, member.id);
  });
  const expiresAt = clock.now() + 24 * HOUR;
  for (let start = 0; start < 2; start++) {
    const { standing, token } = await offerOwnerLink(deps);
    assert.equal(token, null);
    assert.ok(standing.kind === 'has-link');
    assert.deepEqual([standing.member.email, standing.expiresAt], [member.email, expiresAt]);
  }
  await clock.advance(24 * HOUR);
  assert.equal((await operatorStanding(store.read, clock.now())).kind, 'locked-out');
  const { token } = await offerOwnerLink(deps);
  assert.notEqual(token, null);
  assert.notEqual(token, given);
});

test('an invitation opens no account another project relies on', async () => {
  const { store, deps, clock, random, read } = await setUp();
  await using _ = store;
  const projects = ['one', 'two'].map((name) => ({
    id: random.id<'project'>(),
    name,
    sandbox: false,
    createdAt: 0,
    closedAt: null,
  }));
  const [one, two] = [projects[0]!.id, projects[1]!.id];
  const invite = async (projectId: typeof one, email: string) => {
    const token = `token ${random.id()}`;
    await store.transact(projectId, (tx) =>
      tx.insertInvitation({
        id: random.id(),
        projectId,
        email,
        roles: ['reader'],
        hash: hashToken(token),
        invitedBy: 'a test',
        createdAt: clock.now(),
        expiresAt: clock.now() + 7 * 24 * HOUR,
      }),
    );
    return token;
  };
  const open = (token: string) => openLink(deps, token, {}, at('192.0.2.1'));
  for (const project of projects) await store.transact(project.id, (tx) => tx.insertProject(project));
  const first = await open(await invite(one, 'new@example.com'));
  assert.ok(first.kind === 'ok');
  assert.equal((await open(await invite(one, 'new@example.com'))).kind, 'ok', 'not begun: once more');
  assert.equal(await read.session(first.begun.session.hash), null, 'and what was open is over');
  assert.equal((await open(await invite(two, 'new@example.com'))).kind, 'sign-in-first');
  const toMember = await invite(two, 'a@example.com');
  assert.equal((await open(toMember)).kind, 'sign-in-first');
  const stranger = { ...first.member, email: 'other@example.com' };
  assert.equal((await acceptInvitation(deps, stranger, toMember)).kind, 'gone');
  await clock.advance(7 * 24 * HOUR);
  assert.equal(
    (await acceptInvitation(deps, (await read.memberByEmail('a@example.com'))!, toMember)).kind,
    'gone',
  );
});
