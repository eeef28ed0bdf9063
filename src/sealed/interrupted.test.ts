/**
 * A replacement of the secret key that was interrupted at any of its writes, or before it showed anything: no key
 * passes for the store's own, and the next run finishes it and shows everything. On both engines.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { opensDkimKey } from '../domains/dkim-keys.ts';
import { openSealed } from '../edj/kinds/sealed.ts';
import { hashToken } from '../iam/sessions.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer, type Sealer } from '../runtime/sealing.ts';
import { StaleError } from '../runtime/transactor.ts';
import { openPostgresStore } from '../store/postgres/open.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { startPostgres } from '../testing/postgres.ts';
import { inhabit, lossDeps, RIGHT, replaceAll, WRONG } from '../testing/sealed-store.ts';
import { acceptLoss } from './accept-loss.ts';
import { judgeKey, settleKey } from './judge-key.ts';
import type { Made } from './made.ts';
import { tryAll } from './try-all.ts';

const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());
const common = { clock: systemClock, random: createRandom(), logger: silentLogger };
const ENGINES: Record<string, () => Promise<Store>> = {
  SQLite: () => openSqliteStore({ ...common, directory: ':memory:' }),
  PostgreSQL: async () => openPostgresStore({ ...common, url: await server.database(), member: null }),
};
const THIRD = createSealer(Buffer.alloc(32, 3));

class Killed extends Error {}
/** The same store for a process that is killed after so many writes. */
function killedAfter(store: Store, writes: number): Store {
  let left = writes;
  return {
    ...store,
    async transact(...args: Parameters<Store['transact']>) {
      left -= 1;
      if (left < 0) throw new Killed();
      await store.transact(...args);
    },
  };
}
type Place = Awaited<ReturnType<typeof inhabit>>;

/** All secrets of the store are sealed with this key, and `made` shows each of them. */
async function assertShown(store: Store, sealer: Sealer, places: readonly Place[], made: Made) {
  assert.deepEqual(await judgeKey(store.read, sealer), { kind: 'right' });
  assert.equal(await store.read.replacement(), null);
  assert.equal((await tryAll(store.read, sealer)).unreadable, 0);
  for (const { p, d, subscriber, alone } of places) {
    const keys = (await store.read.dkimKeys(p.id, d.id)).filter(({ state }) => state !== 'retiring');
    assert.equal(keys.length, 1);
    assert.ok(opensDkimKey(sealer, keys[0]!));
    const shown = made.keys.filter(({ domain }) => domain.id === d.id);
    assert.deepEqual(
      shown.map(({ fresh }) => fresh.map(({ id }) => id)),
      [[keys[0]!.id]],
    );
    const { secret } = openSealed(sealer, (await store.read.subscriber(p.id, subscriber.id))!);
    assert.deepEqual(
      made.subscribers.filter(({ id }) => id === subscriber.id),
      [{ projectId: p.id, id: subscriber.id, secret }],
    );
    const links = made.members.filter(({ member }) => member.id === alone.id);
    assert.equal(links.length, 1);
    assert.equal((await store.read.signInLink(hashToken(links[0]!.token)))?.memberId, alone.id);
  }
  assert.equal(made.members.length, places.length);
}

/**
 * Kills the replacement with `WRONG` after each of these numbers of writes; null: after 0, 1, 2… writes, until a run
 * is not killed any more.
 */
async function atWrites(
  open: () => Promise<Store>,
  some: readonly number[] | null,
  then: (store: Store, places: readonly Place[]) => Promise<void>,
): Promise<void> {
  for (const writes of some ?? Array(100).keys()) {
    await using store = await open();
    const places = [await inhabit(store, RIGHT, 'one'), await inhabit(store, RIGHT, 'two')];
    await settleKey(store.read, store, RIGHT);
    try {
      await replaceAll(killedAfter(store, writes), WRONG);
      // The first write; for both places one for each of five sealed values and one for the link; the last one.
      assert.equal(writes, 14);
      return;
    } catch (error) {
      assert.ok(error instanceof Killed, String(error));
    }
    const untouched = writes === 0;
    assert.deepEqual(
      await judgeKey(store.read, RIGHT),
      untouched ? { kind: 'right' } : { kind: 'unfinished', begun: false },
    );
    assert.deepEqual(
      await settleKey(store.read, store, WRONG),
      untouched ? { kind: 'wrong' } : { kind: 'unfinished', begun: true },
    );
    await then(store, places);
  }
  assert.notEqual(some, null, 'every run was killed');
}

for (const [engine, open] of Object.entries(ENGINES)) {
  // A database for each kill takes a second; what is done between two writes is the same on both engines.
  const some = (...writes: number[]) => (engine === 'SQLite' ? null : writes);
  test(`${engine}: a replacement that was killed at any write is finished by the next run, which shows everything`, () =>
    atWrites(open, some(1, 7, 13), async (store, places) => {
      await assertShown(store, WRONG, places, await replaceAll(store, WRONG));
      assert.equal(await store.read.recoveryCodesLeft(places[0]!.withPasskey.id), 0);
    }));

  test(`${engine}: if the new key is lost, too, a third key takes over at any write`, () =>
    atWrites(open, some(7), async (store, places) => {
      await assertShown(store, THIRD, places, await replaceAll(store, THIRD));
      assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'wrong' });
    }));

  test(`${engine}: the old key, put back after a kill at any write, takes over and opens everything`, () =>
    atWrites(open, some(7), async (store, places) => {
      if ((await store.read.replacement()) === null) return;
      await replaceAll(store, RIGHT);
      assert.deepEqual(await judgeKey(store.read, RIGHT), { kind: 'right' });
      assert.equal((await tryAll(store.read, RIGHT)).unreadable, 0);
      assert.equal(await store.read.replacement(), null);
      // Nothing that the old key still recognises was voided.
      const { verifier } = (await store.read.findKey(places[0]!.key.id))!.key;
      assert.ok(verifier.keyedHash.length > 0);
    }));

  test(`${engine}: output that nobody got is shown again`, async () => {
    await using store = await open();
    const places = [await inhabit(store, RIGHT, 'one')];
    await settleKey(store.read, store, RIGHT);
    const first: Made[] = [];
    await assert.rejects(
      replaceAll(store, WRONG, (made) => {
        first.push(made);
        throw new Killed();
      }),
      Killed,
    );
    assert.deepEqual(await judgeKey(store.read, WRONG), { kind: 'unfinished', begun: true });
    const again = await replaceAll(store, WRONG);
    await assertShown(store, WRONG, places, again);
    assert.deepEqual([again.keys, again.subscribers], [first[0]!.keys, first[0]!.subscribers]);
    // What another replacement made earlier is not shown.
    assert.equal((await replaceAll(store, WRONG)).subscribers.length, 0);
  });

  test(`${engine}: a replacement writes nothing more once another one has taken its place`, async () => {
    await using store = await open();
    const { p, subscriber } = await inhabit(store, RIGHT, 'one');
    await settleKey(store.read, store, RIGHT);
    const { lost } = await tryAll(store.read, WRONG);
    let overtaken = false;
    const slow: Store = {
      ...store,
      async transact(...args: Parameters<Store['transact']>) {
        await store.transact(...args);
        if (overtaken) return;
        overtaken = true;
        await replaceAll(store, THIRD);
      },
    };
    await assert.rejects(acceptLoss(lossDeps(slow, WRONG), lost), StaleError);
    assert.deepEqual(await judgeKey(store.read, THIRD), { kind: 'right' });
    assert.ok(openSealed(THIRD, (await store.read.subscriber(p.id, subscriber.id))!));
  });
}
