/** What reading events costs on a large topic: rows looked at, not time. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../runtime/clock.ts';
import type { EventId, ProjectId, TopicId } from '../../runtime/ids.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { openPostgresStore } from './open.ts';
import { createPartitions } from './partitions.ts';

const server = await startPostgres({ fsync: 'off' });
after(() => server[Symbol.asyncDispose]());

const DEPS = { member: null, clock: systemClock, random: createRandom(), logger: silentLogger };
const EVENTS = 50_000;
/** One event a second, of two topics in turn, over 51 days of which each has its partition. */
const FILL = `INSERT INTO event (project_id, id, topic_id, service, name, created_at, keep_until, drop_day, era, xid, seq)
  SELECT $1, format('%s-%s-7000-8000-%s', left(t, 8), right(t, 4), lpad(to_hex(i), 12, '0')), CASE i % 2 WHEN 0 THEN $2 ELSE $3 END,
    'mta', 'x', i, 0, i / 1000, 1, (1000 + i)::text::xid8, 1
  FROM (SELECT i, lpad(to_hex(i * 1000), 12, '0') AS t FROM generate_series(1, ${EVENTS}) AS i) g`;
const OTHERS = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()`;
/** Rows read of the event tables and their indexes, by whichever plan. */
const LOOKED_AT = `SELECT (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname ~ '^event')
  + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname ~ '^event') AS read`;

/** Fills the topics, in a session of its own: what a session has read is told for certain when it ends. */
const fill = async (url: string, ...ids: [ProjectId, TopicId, TopicId]): Promise<EventId> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await createPartitions().ensure(
      client,
      Array.from({ length: EVENTS / 1000 + 1 }, (_, day) => day),
    );
    // Far from the transaction ids that the database gives now, so that all of them are settled.
    await client.query(`UPDATE meta SET value = 2 WHERE key = 'era'`);
    await client.query(FILL, ids);
    const { rows } = await client.query<{ id: EventId }>(
      'DELETE FROM event WHERE created_at = 25000 RETURNING id',
    );
    await client.query('ANALYZE event');
    return rows[0]!.id;
  } finally {
    await client.end();
  }
};

test('what is behind an event that is gone is found by the index, in a topic of any size', async () => {
  const url = await server.database();
  const project = make.project();
  const [topic, other] = [make.topic(project), make.topic(project, 'other')];
  {
    await using store = await openPostgresStore({ ...DEPS, url });
    await store.transact(project.id, (tx) => {
      tx.insertProject(project);
      for (const one of [topic, other]) tx.insertTopic(one);
    });
  }
  const gone = await fill(url, project.id, topic.id, other.id);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const lookedAt = async () => {
      for (let others = 1; others > 0; ) others = (await client.query(OTHERS)).rows.length;
      const { rows: read } = await client.query<{ read: string }>(LOOKED_AT);
      return Number(read[0]!.read);
    };
    const before = await lookedAt();
    {
      await using store = await openPostgresStore({ ...DEPS, url });
      const found = (await store.read.eventsAfter(project.id, topic.id, gone, 8)).items;
      // the gone one's place, but for the events of the minute before it, of which half are this topic's
      assert.deepEqual(
        found.map(({ createdAt }) => createdAt),
        [24_940, 24_942, 24_944, 24_946, 24_948, 24_950, 24_952, 24_954],
      );
    }
    const looked = (await lookedAt()) - before;
    // at most the first one of each partition for each of the questions, and what was asked for
    assert.ok(looked >= 8 && looked <= 51 * 4 + 16, `${looked} rows`);
  } finally {
    await client.end();
  }
});
