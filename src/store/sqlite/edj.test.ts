/** What reading events costs on a large topic: rows looked at, not time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventId, ProjectId, TopicId } from '../../runtime/ids.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { createUnreadableRows } from '../unreadable-rows.ts';
import { sqliteEventReader } from './edj.ts';
import { migrate, openDatabase } from './files.ts';
import { idOf, toId } from './ids.ts';
import { createStatements, type Statements } from './statements.ts';

const PROJECT = '01900000-0000-7000-8000-00000000000a' as ProjectId;
const [TOPIC, OTHER] = ['01900000-0000-7000-8000-00000000000b', '01900000-0000-7000-8000-00000000000c'];
const EVENTS = 50_000;
/** One event a second, of two topics in turn. */
const FILL = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EVENTS})
  INSERT INTO event (project_id, id, topic_id, service, name, created_at, keep_until)
  SELECT ${idOf(`'${PROJECT}'`)}, ${idOf("printf('%08x-%04x-7000-8000-%012x', (i * 1000) >> 16, (i * 1000) & 65535, i)")},
    ${idOf(`iif(i % 2 = 0, '${TOPIC}', '${OTHER}')`)}, 'mta', 'x', i, i FROM n`;

test('what is behind an event that is gone is found by the index, in a topic of any size', async (t) => {
  const db = openDatabase(':memory:');
  t.after(() => db.close());
  migrate(db);
  db.exec(`INSERT INTO project (id, name, sandbox, created_at) VALUES ('${PROJECT}', 'p', 0, 0)`);
  for (const topic of [TOPIC, OTHER])
    db.exec(
      `INSERT INTO topic (project_id, id, name, created_at) VALUES ('${PROJECT}', '${topic}', '${topic}', 0)`,
    );
  db.exec(FILL);
  const plain = createStatements(db);
  const asked: string[] = [];
  const state = { rows: 0 };
  const statements: Statements = {
    ...plain,
    all<R>(sql: string, ...params: never[]) {
      const rows = plain.all<R>(sql, ...params);
      asked.push(sql);
      state.rows += rows.length;
      return rows;
    },
  };
  const unreadable = createUnreadableRows({
    rows: [],
    clock: createFakeClock(),
    logger: silentLogger,
    note: async () => {},
  });
  const read = sqliteEventReader(statements, unreadable);
  const [{ octets }] = plain.all<{ octets: string }>(
    'SELECT lower(hex(id)) AS octets FROM event WHERE seq = 25000',
  ) as [{ octets: string }];
  const id = toId(octets) as EventId;
  db.exec('DELETE FROM event WHERE seq = 25000');

  const found = (await read.eventsAfter(PROJECT, TOPIC as TopicId, id, 8)).items;
  // the gone one's place, but for the events of the minute before it, of which half are this topic's
  assert.deepEqual(
    found.map(({ createdAt }) => createdAt),
    [24_940, 24_942, 24_944, 24_946, 24_948, 24_950, 24_952, 24_954],
  );
  assert.ok(state.rows <= 9, `${state.rows} rows`);
  for (const sql of asked) {
    const plan = plain.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => detail);
    assert.equal(plan.length, 1, plan.join('\n'));
    assert.match(
      plan[0]!,
      /^SEARCH event USING (COVERING )?INDEX .*\((id=\?|id<\?|topic_id=\? AND rowid>\?)\)$/,
    );
  }
});
