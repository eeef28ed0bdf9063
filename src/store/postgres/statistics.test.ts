/** Large tables of which the planner knows nothing are looked at, by one node, while mail is taken. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../runtime/clock.ts';
import { type Logger, silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { startPostgres } from '../../testing/postgres.ts';
import * as make from '../conformance/samples.ts';
import { LOCK_SPACE } from './migrate.ts';
import { openPostgresStore } from './open.ts';
import { analyse, analyseLarge, LARGE_OCTETS } from './statistics.ts';

const server = await startPostgres({ fsync: 'off', autovacuum: 'off' });
after(() => server[Symbol.asyncDispose]());

/** A store with a large table of recipients, and a connection to it. */
async function filled(stack: AsyncDisposableStack) {
  const url = await server.database();
  const store = stack.use(
    await openPostgresStore({
      url,
      member: null,
      clock: systemClock,
      random: createRandom(),
      logger: silentLogger,
    }),
  );
  const p = await make.withProject(store);
  const message = make.message(p);
  await store.transact(p.id, (tx) => {
    tx.insertMessage(message);
    for (let i = 0; i < 12_000; i += 1) tx.insertRecipient(make.recipient(message));
  });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  stack.defer(() => client.end());
  const known = async () =>
    (
      await client.query<{ name: string }>(
        'SELECT DISTINCT tablename AS name FROM pg_stats WHERE schemaname = $1',
        ['public'],
      )
    ).rows
      .map(({ name }) => name)
      .sort();
  return { url, client, known };
}
/** Resolves with the first line that was logged. */
function firstLine(): { logger: Logger; line: Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const tell = (_: unknown, text?: string) => resolve(String(text));
  return { logger: { ...silentLogger, info: tell, warn: tell } as Logger, line: promise };
}

test('a node that starts analyses what is large and unknown, and leaves the rest to autovacuum', async () => {
  await using stack = new AsyncDisposableStack();
  const { url, known } = await filled(stack);
  assert.deepEqual(await known(), []);
  const { logger, line } = firstLine();
  await using looking = analyseLarge({ url, logger });
  await looking.done;
  assert.equal(await line, 'the service analysed large tables without statistics');
  assert.deepEqual(await known(), ['recipient']);
});

test('after an import all that was filled is known, and is not looked at again', async () => {
  await using stack = new AsyncDisposableStack();
  const { client, known } = await filled(stack);
  const told: string[] = [];
  const tables = await analyse(client, 0, ({ done, total, unit }) => told.push(`${done}/${total} ${unit}`));
  assert.equal(told.length, tables);
  assert.equal(told[0], `0/${tables} tables analysed`);
  for (const name of ['message', 'project', 'recipient']) assert.ok((await known()).includes(name), name);
  assert.equal(await analyse(client, LARGE_OCTETS), 0);
});

test('while another node looks, nothing is done', async () => {
  await using stack = new AsyncDisposableStack();
  const { url, client, known } = await filled(stack);
  await client.query('SELECT pg_advisory_lock($1, 3)', [LOCK_SPACE]);
  const said: unknown[] = [];
  const logger = {
    ...silentLogger,
    info: (...all: unknown[]) => said.push(all),
    warn: (...all: unknown[]) => said.push(all),
  };
  await using one = analyseLarge({ url, logger: logger as Logger });
  await one.done;
  assert.deepEqual(said, []);
  assert.deepEqual(await known(), []);
});
