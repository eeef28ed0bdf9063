/**
 * Every statement of the SQLite store finds its rows by the index that `sqlite-plans.txt` names, on a store with 100,000
 * messages that are settled and over, half of them one project's, and without statistics. Statements are those the
 * conformance suite, the sweep and the variants below have made; one that is not in the list fails, and one that walks a
 * large table or a project must be named below. `HIKYAKU_WRITE_PLANS=1` writes the list anew: read what changed in it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fillOld } from '../../bench/scenarios/old/fill-old.ts';
import type { Project } from '../../src/iam/projects.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { sweepAll } from '../../src/store/conformance/retention-conformance.ts';
import * as make from '../../src/store/conformance/samples.ts';
import { storeConformance } from '../../src/store/conformance/store-conformance.ts';
import { CONTROL_ROWS, removeRows } from '../../src/store/removal.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import type { Store } from '../../src/store/store.ts';
import { asText, explain, foreignKeyQuestions } from './plans.ts';

const LIST = new URL('./sqlite-plans.txt', import.meta.url);
const MESSAGES = 100_000;
/** Statements that walk, and why that is meant. */
const MEANT: readonly (readonly [RegExp, string])[] = [
  [/^SELECT state, count\(\*\) AS n FROM recipient .* GROUP BY state$/, 'counts all that waits'],
  [/^SELECT lower\(hex\(project_id\)\) AS project_id, lane, sum\(/, 'all lanes, of what waits'],
  [/^SELECT message, .* FROM recipient INDEXED BY recipient_lane .* LIMIT \?$/, 'a bounded part, in order'],
  [
    /^SELECT nr, iif\(.*\) AS octets FROM message INDEXED BY message_project .* LIMIT \?$/,
    'so many messages of a closed project',
  ],
  [/^select count\(\*\) as "n" from \(select "id" from "audit_event" .* limit \?\)/, 'counts up to 10,000'],
  [/^SELECT 1 AS one FROM \w+ WHERE project_id = \? LIMIT 1$/, 'one row of a closed project'],
  [/^DELETE FROM \w+ WHERE \(.*\) IN \(SELECT .* LIMIT \?\)$/, 'so many rows of a closed project'],
];

const prepared = new Set<string>();
const open = (directory: string): Promise<Store> =>
  openSqliteStore({
    directory,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
    // its writer is on this thread, so that its statements are heard of, too
    lock: false,
    durable: false,
    onPrepare: (sql) => void prepared.add(sql),
  });
storeConformance({ name: 'sqlite, whose statements are noted', open });

test('every statement finds its rows by the index that is named for it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-plans-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  {
    await using store = await open(directory);
    const project = await make.withProject(store);
    const topic = make.topic(project);
    const subscriber = make.subscriber(topic);
    await store.transact(project.id, (tx) => {
      tx.insertTopic(topic);
      tx.insertSubscriber(subscriber);
    });
    const shape = { messages: MESSAGES, days: 60, projects: 200, waiting: 1_000, domains: 0, keptDays: 30 };
    await fillOld(store, { projectId: project.id, topic, domainId: null }, shape);
    await variants(store, project);
  }
  using db = disposable(new DatabaseSync(join(directory, 'hikyaku.sqlite')));
  const statistics = db.value.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'").all();
  assert.deepEqual(statistics, []);
  db.value.function('hikyaku_id', () => '');
  db.value.function('hikyaku_pack', (octets) => octets as Uint8Array);
  const statements = [...prepared].filter(
    (sql) => !/^(BEGIN|COMMIT|ROLLBACK|RELEASE|SAVEPOINT|PRAGMA)/.test(sql),
  );
  assert.ok(statements.length > 200, `${statements.length} statements`);
  for (const rows of CONTROL_ROWS) statements.push(removeRows(rows, '?', '?'));
  const explained = [...new Set([...statements, ...foreignKeyQuestions(db.value)])].map((sql) =>
    explain(db.value, sql),
  );
  const isMeant = (sql: string) => MEANT.some(([shape]) => shape.test(sql));
  const walking = explained.filter(({ walks }) => walks.length > 0);
  assert.deepEqual(
    walking.filter(({ sql }) => !isMeant(sql)).flatMap(({ sql, walks }) => [sql, ...walks]),
    [],
  );
  for (const [shape, why] of MEANT)
    assert.ok(
      walking.some(({ sql }) => shape.test(sql)),
      `walks no longer: ${why}`,
    );
  const text = asText(explained);
  if (process.env['HIKYAKU_WRITE_PLANS'] !== undefined) writeFileSync(LIST, text);
  assert.equal(text, readFileSync(LIST, 'utf8'));
});

/** What the conformance suite asks in one form only, and what retention does only with much at once. */
async function variants(store: Store, project: Project): Promise<void> {
  const { read } = store;
  const page = { limit: 2, cursor: null };
  const domainId = make.newId<'mta-domain'>();
  for (const filter of [{ domainId }, { messageIdHeader: '<x@y>' }, { domainId, messageIdHeader: '<x@y>' }])
    await read.messages(project.id, { ...page, ...filter });
  for (const filter of [
    { project: null },
    { project: project.id },
    { project: project.id, lane: 'd1.test' },
  ]) {
    const { nextCursor } = await read.waiting(filter, page);
    await read.waiting(filter, { ...page, cursor: nextCursor });
  }
  for (const id of [null, project.id]) await read.depth(id);

  const MANY = 200;
  const topic = make.topic(project, 'loud');
  const keepUntil = make.NOW;
  const message = make.message(project, { keepUntil, raw: Buffer.alloc(1_000_000) });
  const settled = { state: 'delivered', nextAttemptAt: null, settledAt: make.NOW } as const;
  await store.transact(project.id, (tx) => {
    tx.insertTopic(topic);
    for (let i = 0; i < MANY; i += 1) tx.insertSubscriber(make.subscriber(topic));
    tx.insertEvent(make.event(topic, { keepUntil }));
    tx.insertMessage(message);
    for (let i = 0; i < MANY; i += 1) {
      const row = make.recipient(message, settled);
      tx.insertRecipient(row);
      const { messageId, id: recipientId, projectId } = row;
      tx.insertAttempt({
        messageId,
        recipientId,
        projectId,
        number: 1,
        at: 1,
        outcome: 'bounced',
        detail: null,
      });
    }
  });
  const left = make.event(topic, { keepUntil: make.NOW + 1e12 });
  await sweepAll(store, make.NOW);
  await store.transact(project.id, (tx) => tx.insertEvent(left));
  await store.transact(project.id, (tx) => tx.deleteTopic(project.id, topic.id));
  await sweepAll(store, make.NOW + 1);
}
function disposable<T extends { close(): void }>(value: T): Disposable & { readonly value: T } {
  return { value, [Symbol.dispose]: () => value.close() };
}
