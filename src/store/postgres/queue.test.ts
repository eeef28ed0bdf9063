/** What waits of a project, told from the index: exact at every moment, whoever owns the rows and whoever is gone. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { openPostgresStore, type PostgresStore } from './open.ts';
import type { Member } from './owners.ts';

const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());

/** Ahead of the system's monotonic clock, ms: moved by the test instead of waiting. */
const ahead = { ms: 0 };
const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead.ms };
async function open(url: string, member: Member | null = null): Promise<PostgresStore> {
  return openPostgresStore({
    url,
    member,
    clock,
    random: createRandom(),
    logger: silentLogger,
  });
}
const ALL = { after: null, limit: 500 };

test('lanes in pages, counted over all members, those of a dead one and of another project told apart', async () => {
  const url = await server.database();
  await using plain = await open(url);
  const p = await make.withProject(plain);
  const other = await make.withProject(plain);
  for (const id of ['a', 'b'])
    await plain.pool.query(
      'INSERT INTO node (id, name, holder, beat, started_at) VALUES ($1, $1, $1, 0, 0)',
      [id],
    );
  await using a = await open(url, { id: 'a', owners: () => ['a'] });
  await using b = await open(url, { id: 'b', owners: () => ['b'] });
  assert.deepEqual(await a.queue(p.id, ALL), { depth: { queued: 0, deferred: 0, held: 0 }, lanes: [] });

  const message = { a: make.message(p), b: make.message(p) };
  const rows = { a: [] as ReturnType<typeof make.recipient>[], b: [] as ReturnType<typeof make.recipient>[] };
  for (const [name, store] of [['a', a] as const, ['b', b] as const]) {
    for (let i = name === 'a' ? 0 : 5; i < 20; i += 1) {
      const domain = `d${String(i).padStart(2, '0')}.test`;
      rows[name].push(
        make.recipient(message[name], {
          lane: domain,
          nextAttemptAt: make.NOW + i,
          ...(i % 2 === 0 ? {} : { state: 'deferred' }),
        }),
      );
    }
    await store.transact(p.id, (tx) => {
      tx.insertMessage(message[name]);
      for (const row of rows[name]) tx.insertRecipient(row);
    });
  }
  const elsewhere = make.message(other);
  await b.transact(other.id, (tx) => {
    tx.insertMessage(elsewhere);
    tx.insertRecipient(make.recipient(elsewhere, { lane: 'd00.test' }));
  });
  // a is dead, and nobody has taken its rows over: they are shown nevertheless, by everyone
  await plain.pool.query(`UPDATE node SET beat = -1 WHERE id = 'a'`);
  for (const store of [b, plain]) {
    const { depth, lanes } = await store.queue(p.id, { after: null, limit: 7 });
    assert.deepEqual(depth, { queued: 17, deferred: 18, held: 0 });
    assert.deepEqual(
      lanes.map(({ lane, queued, deferred }) => [lane, queued, deferred]),
      [
        ['d00.test', 1, 0],
        ['d01.test', 0, 1],
        ['d02.test', 1, 0],
        ['d03.test', 0, 1],
        ['d04.test', 1, 0],
        ['d05.test', 0, 2],
        ['d06.test', 2, 0],
      ],
    );
    assert.equal(lanes[6]!.nextDue, make.NOW + 6);
    const rest = await store.queue(p.id, { after: 'd06.test', limit: 500 });
    assert.deepEqual(
      rest.lanes.map(({ lane }) => lane),
      Array.from({ length: 13 }, (_, i) => `d${String(i + 7).padStart(2, '0')}.test`),
    );
  }
  const { id: recipientId, messageId, lane } = rows.b[0]!;
  await b.transact(p.id, (tx) =>
    tx.moveRecipient({
      projectId: p.id,
      messageId,
      recipientId,
      from: ['deferred'],
      to: 'delivered',
      lane,
      attempts: 1,
      nextAttemptAt: null,
      heldSince: null,
      heldMs: 0,
      moves: 1,
      lastResult: null,
      settledAt: make.NOW,
    }),
  );
  // A count that took long is given again for up to five seconds.
  ahead.ms += 5001;
  const { depth, lanes } = await b.queue(p.id, ALL);
  assert.deepEqual(depth, { queued: 17, deferred: 17, held: 0 });
  assert.equal(lanes.find(({ lane }) => lane === 'd05.test')!.deferred, 1);
  assert.equal((await b.queue(other.id, ALL)).depth.queued, 1);
});
