/** What the lists of `hikyaku queue` print: column names, names of projects, reasons and ends; and that nothing is there. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { UNTIL_RESUMED } from '../spool/messages.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { printQueueList, type QueueList, type QueueListOptions } from './queue-lists.ts';

async function printed(list: QueueList, options: Pick<QueueListOptions, 'read'> & Partial<QueueListOptions>) {
  let text = '';
  const write = mock.method(process.stdout, 'write', (piece: string) => {
    text += piece;
    return true;
  });
  try {
    const { signal } = new AbortController();
    const all = { project: null, filter: { project: null }, limit: 50, cursor: null, json: false, signal };
    await printQueueList(list, { ...all, ...options });
  } finally {
    write.mock.restore();
  }
  return text;
}
const openStore = () =>
  openSqliteStore({
    directory: ':memory:',
    clock: createFakeClock(make.NOW),
    random: createRandom(),
    logger: silentLogger,
  });

test('an empty list says that there is nothing; as JSON it is an empty array', async () => {
  await using store = await openStore();
  const { read } = store;
  assert.equal(await printed('list', { read }), 'no mail waits\n');
  assert.equal(await printed('show', { read }), 'no recipient waits that the filter means\n');
  assert.equal(await printed('suspensions', { read }), 'nothing is suspended\n');
  assert.equal(await printed('log', { read }), 'nobody has changed the queue by hand\n');
  for (const list of ['list', 'show', 'suspensions', 'log'] as const)
    assert.equal(await printed(list, { read, json: true }), '[]\n');
});

test('tables with names and reasons, and no control characters of other hosts', async () => {
  await using store = await openStore();
  const { read } = store;
  const shop = await make.withProject(store, { name: 'shop' });
  const message = make.message(shop, { mailFrom: '' });
  const lastResult = { reply: { code: 451, enhanced: '4.7.1', text: 'later\u001b[2J please' } };
  const id = make.newId<'suspension'>();
  await store.transact(shop.id, (tx) => {
    tx.insertMessage(message);
    tx.insertRecipient(
      make.recipient(message, {
        address: 'a@away.test',
        domain: 'away.test',
        lane: 'mx.away.test',
        state: 'deferred',
        attempts: 3,
        nextAttemptAt: make.NOW + 1000,
        lastResult: lastResult as never,
      }),
    );
    tx.insertSuspension({
      ...{ id, reason: 'their move', actor: 'me', createdAt: make.NOW, expiresAt: UNTIL_RESUMED },
      byOperator: true,
      filter: { project: shop.id, domain: 'away.test', sender: '' },
    });
    tx.insertOperation({
      ...{ id: make.newId(), action: 'cancel', actor: 'me', at: make.NOW, changed: 1234 },
      filter: { project: null, lane: 'mx.away.test' },
    });
  });
  const reason = '451 4.7.1 later [2J please';
  assert.equal(
    await printed('list', { read }),
    `PROJECT  SITE          QUEUED  DEFERRED  HELD  NEXT TRY              REASON
shop     mx.away.test       0         1     0  2026-01-01T00:00:01Z  ${reason}
`,
  );
  const [header, row, ...more] = (await printed('show', { read })).trimEnd().split('\n');
  assert.match(header!, /^PROJECT +STATE +RECIPIENT +SENDER +MESSAGE +TRIES +NEXT TRY +REASON$/);
  assert.match(
    row!,
    /^shop +deferred +a@away\.test +<> +\S{36} +3 +2026-01-01T00:00:01Z +451 4\.7\.1 later \[2J please$/,
  );
  assert.deepEqual(more, []);
  assert.match(
    await printed('suspensions', { read }),
    new RegExp(
      `^ID +PROJECT +MAIL +ENDS +BY +REASON\n${id}  shop +domain away\\.test, sender <> +when resumed +me +their move\n$`,
    ),
  );
  assert.match(
    await printed('log', { read }),
    /^AT +ACTION +CHANGED +PROJECT +MAIL +BY\n2026-01-01T00:00:00Z +cancel +1234 +all projects +site mx\.away\.test +me\n$/,
  );
  const [json] = JSON.parse(await printed('list', { read, json: true }));
  assert.deepEqual([json.project, json.project_name, json.lane], [shop.id, 'shop', 'mx.away.test']);
});
