/** What the lists of `hikyaku queue` print: column names, names of projects, reasons and ends; and that nothing is there. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import { UNTIL_RESUMED, type WaitingFilter } from '../spool/messages.ts';
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
    `PROJECT  SITE          QUEUED  DEFERRED  HELD  NEXT TRY              SUSPENDED  REASON
shop     mx.away.test       0         1     0  2026-01-01T00:00:01Z  some       ${reason}

suspensions in force:
ID                                    PROJECT  MAIL                         ENDS          BY  REASON
${id}  shop     domain away.test, sender <>  when resumed  me  their move
`,
  );
  const [header, row, ...more] = (await printed('show', { read })).trimEnd().split('\n');
  assert.match(header!, /^PROJECT +STATE +RECIPIENT +SENDER +MESSAGE +TRIES +NEXT TRY +SUSPENDED +REASON$/);
  assert.match(
    row!,
    /^shop +deferred +a@away\.test +<> +\S{36} +3 +2026-01-01T00:00:01Z +until resumed +451 4\.7\.1 later \[2J please$/,
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

test('what is suspended is marked before it is due, and suspensions that concern the listed mail are below', async () => {
  await using store = await openStore();
  const shop = await make.withProject(store, { name: 'shop' });
  const news = await make.withProject(store, { name: 'news' });
  const soon = Date.now() + 3_600_000;
  for (const project of [shop, news]) {
    const message = make.message(project, { mailFrom: 'a@shop.test' });
    await store.transact(project.id, (tx) => {
      tx.insertMessage(message);
      for (const domain of ['a.test', 'b.test'])
        tx.insertRecipient(
          make.recipient(message, {
            ...{ address: `r@${domain}`, domain, lane: domain, state: 'deferred', attempts: 1 },
            nextAttemptAt: make.NOW + 1000,
          }),
        );
    });
  }
  const suspend = async (filter: WaitingFilter, expiresAt: number) => {
    const id = make.newId<'suspension'>();
    await store.transact(shop.id, (tx) =>
      tx.insertSuspension({
        ...{
          id,
          filter,
          reason: 'their move',
          actor: 'me',
          byOperator: true,
          createdAt: make.NOW,
          expiresAt,
        },
      }),
    );
    return id;
  };
  const reads = { waiting: 0, suspensions: 0 };
  const { read: store_ } = store;
  const read: QueueListOptions['read'] = Object.assign(Object.create(store_), {
    waiting: (...args: Parameters<typeof store_.waiting>) => {
      reads.waiting += 1;
      return store_.waiting(...args);
    },
    suspensions: () => {
      reads.suspensions += 1;
      return store_.suspensions();
    },
  });
  const marks = async (more: Partial<QueueListOptions> = {}) => {
    const lanes = JSON.parse(await printed('list', { read, json: true, ...more }));
    const shown = lanes.map((one: { project_name: string; lane: string; suspended: string | null }) =>
      [one.project_name, one.lane, one.suspended].join(' '),
    );
    return shown.sort();
  };
  await suspend({ project: null }, Date.now() - 1);
  assert.deepEqual(await marks(), ['news a.test ', 'news b.test ', 'shop a.test ', 'shop b.test ']);
  assert.doesNotMatch(await printed('list', { read }), /SUSPENDED|in force/);

  const everywhere = await suspend({ project: null, domain: 'A.test' }, soon);
  const ofShop = await suspend({ project: shop.id, sender: 'a@shop.test' }, UNTIL_RESUMED);
  reads.waiting = reads.suspensions = 0;
  assert.deepEqual(await marks(), ['news a.test all', 'news b.test ', 'shop a.test all', 'shop b.test some']);
  assert.deepEqual(reads, { waiting: 4, suspensions: 1 });

  const ofNews = await printed('list', { read, project: news.id });
  assert.match(
    ofNews,
    /\n\nsuspensions in force:\nID .*\n\S+ +all projects +domain A\.test .*me +their move\n$/,
  );
  assert.match(ofNews, new RegExp(everywhere));
  assert.doesNotMatch(ofNews, new RegExp(ofShop));
  assert.match(await printed('suspensions', { read, project: news.id }), new RegExp(everywhere));
  assert.match(await printed('list', { read, limit: 1 }), /\nand 1 more: hikyaku queue suspensions\n$/);
  const shown = await printed('show', { read, filter: { project: news.id } });
  assert.match(shown, /r@a\.test .* {2}until 20\S+Z\n/);
  assert.doesNotMatch(shown, /r@b\.test .*until/);
  await store.transact(shop.id, (tx) => tx.deleteSuspension(everywhere));
  assert.match(
    await printed('show', { read, filter: { project: shop.id } }),
    /r@b\.test .* {2}until resumed\n/,
  );
});
