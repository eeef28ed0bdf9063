/** The scheduler over an in-memory store, a literal zone and scripted servers on loopback. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRow } from '../edj/types.ts';
import type { RecipientId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { systemNetwork } from '../runtime/network.ts';
import { createRandom } from '../runtime/random.ts';
import { StaleError, StoreError } from '../runtime/transactor.ts';
import { attemptsAt } from '../spool/attempts.ts';
import type {
  AttemptRow,
  LaneDue,
  LaneKey,
  RecipientMove,
  RecipientRow,
  StoredMessage,
} from '../spool/types.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type ScriptOptions, scriptedServer } from '../testing/scripted-server.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { outcomeOfReply } from './outcome.ts';
import { createScheduler, type SchedulerDeps } from './scheduler.ts';
import type { SettleRecorder } from './settle.ts';

const random = createRandom();
const ZONE: Zone = {
  'good.test': { mx: ['mx.good.test'] },
  'mx.good.test': { a: ['127.0.0.1'] },
  'null.test': { mx: [''] },
  'broken.test': { fail: true },
};

async function bench(script: ScriptOptions = {}, more: Partial<SchedulerDeps> = {}) {
  const clock = createFakeClock();
  const server = await scriptedServer(script);
  const rows = new Map<RecipientId, RecipientRow>();
  const messages = new Map<string, StoredMessage>();
  const attempts: AttemptRow[] = [];
  const events: EventRow[] = [];
  const settled: string[] = [];
  const store = { failing: 0, reads: 0 };
  const watchers = new Set<() => void>();
  const read = {
    rules: async () => [
      {
        id: random.id(),
        projectId: 'p',
        topicId: random.id(),
        createdAt: 0,
        family: 'event',
        domainId: null,
        names: ['delivered', 'deferred', 'bounced', 'expired'],
      },
    ],
    domain: async () => ({ id: 'd', name: 'example.com' }),
    findDomain: async (name: string) => (name === 'hosted.test' ? { receiving: true, mxSeen: true } : null),
    message: async (_p: string, id: string) => {
      store.reads += 1;
      return messages.get(id) ?? null;
    },
    sendingSettings: async () => null,
    suspensions: async () => [],
    lanes: async () => [],
    due: async (
      lanes: readonly LaneKey[],
      now: number,
      limit: number,
      exclude: ReadonlySet<RecipientId>,
    ): Promise<LaneDue[]> =>
      lanes.map(({ lane }) => ({
        rows: [...rows.values()]
          .filter(
            (r) =>
              r.lane === lane && r.nextAttemptAt !== null && r.nextAttemptAt <= now && !exclude.has(r.id),
          )
          .slice(0, limit)
          .map((row) => ({ row, message: { ...messages.get(row.messageId)!, size: 1 } })),
        next:
          [...rows.values()]
            .filter((r) => r.lane === lane)
            .map((r) => r.nextAttemptAt ?? 0)
            .filter((t) => t > now)
            .sort((a, b) => a - b)[0] ?? null,
      })),
  };
  const transactor = {
    async transact(_project: string, record: (tx: never) => void) {
      const moves: RecipientMove[] = [];
      const tried: AttemptRow[] = [];
      const made: EventRow[] = [];
      record({
        moveRecipient: (m: RecipientMove) => moves.push(m),
        insertAttempt: (a: AttemptRow) => tried.push(a),
        insertEvent: (e: EventRow) => made.push(e),
        addTraffic() {},
      } as never);
      await null;
      if (store.failing > 0) {
        store.failing -= 1;
        throw new StoreError('full', true);
      }
      for (const m of moves) if (!m.from.includes(rows.get(m.recipientId)!.state)) throw new StaleError();
      for (const m of moves)
        rows.set(m.recipientId, {
          ...rows.get(m.recipientId)!,
          state: m.to,
          lane: m.lane,
          heldSince: m.heldSince,
          heldMs: m.heldMs,
          attempts: m.attempts,
          nextAttemptAt: m.nextAttemptAt,
          lastResult: m.lastResult,
          settledAt: m.settledAt,
        });
      attempts.push(...tried);
      events.push(...made);
    },
  };
  const stop = new AbortController();
  const scheduler = createScheduler({
    transactor,
    read,
    resolver: createZoneResolver(ZONE),
    network: systemNetwork,
    clock,
    random,
    logger: silentLogger,
    metrics: {
      recipientSettled(result: string) {
        settled.push(result);
        for (const watcher of watchers) watcher();
      },
      ambiguousEnd() {},
    },
    limiter: { reserve: async () => ({ kind: 'ok', commit() {}, release() {} }) },
    notices: async () => [],
    accept: async () => {},
    hostname: 'client.test',
    ownAddresses: [],
    routes: [],
    allowPrivate: true,
    mxPort: server.port,
    sign: async () => 'DKIM-Signature: x\r\n',
    async hosted(_m: unknown, r: readonly RecipientRow[], settle: SettleRecorder) {
      const outcome = outcomeOfReply({ code: 250, enhanced: '2.0.0', text: 'taken' });
      await transactor.transact('p', (tx) => {
        for (const row of r) settle(tx, { row, outcome });
      });
      return [];
    },
    nudgeEvents: () => {},
    sandboxed: async () => false,
    ...more,
  } as unknown as SchedulerDeps);
  function accept(...addresses: string[]): { message: StoredMessage; rows: RecipientRow[] } {
    const id = random.id<'message'>();
    const now = clock.now();
    const message = {
      id,
      projectId: 'p',
      domainId: 'd',
      direction: 'outgoing',
      source: 'api',
      mailFrom: 'a@example.com',
      messageIdHeader: '<1@example.com>',
      prefix: Buffer.from('Received: x\r\n'),
      raw: Buffer.from('Subject: s\r\n\r\nbody\r\n'),
      smtputf8: false,
      eightBit: false,
      acceptedAt: now,
      expiresAt: now + 1_000_000,
      facts: {},
    } as unknown as StoredMessage;
    messages.set(id, message);
    const made = addresses.map(
      (address) =>
        ({
          id: random.id(),
          messageId: id,
          projectId: 'p',
          address,
          domain: address.split('@')[1]!,
          lane: address.split('@')[1]!,
          state: 'queued',
          attempts: 0,
          heldSince: null,
          heldMs: 0,
          dsn: null,
          nextAttemptAt: now,
          lastResult: null,
          createdAt: now,
          settledAt: null,
        }) as unknown as RecipientRow,
    );
    for (const row of made) rows.set(row.id, row);
    return { message, rows: made };
  }
  async function until(count: number): Promise<void> {
    while (settled.length < count) await new Promise<void>((resolve) => watchers.add(resolve));
  }
  const stateOf = (row: RecipientRow) => rows.get(row.id)!.state;
  await scheduler.start(stop.signal);
  return {
    clock,
    server,
    scheduler,
    accept,
    until,
    rows,
    attempts,
    events,
    settled,
    store,
    stateOf,
    stop,
    async [Symbol.asyncDispose]() {
      await scheduler[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('fresh mail goes out signed, in one transaction, without being read back; state, attempt and event agree', async () => {
  await using b = await bench();
  const { message, rows } = b.accept('x@good.test', 'y@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(2);
  assert.equal(b.server.messages.length, 1);
  assert.equal(b.server.messages[0], 'DKIM-Signature: x\r\nReceived: x\r\nSubject: s\r\n\r\nbody\r\n');
  assert.deepEqual(rows.map(b.stateOf), ['delivered', 'delivered']);
  assert.equal(b.store.reads, 0);
  assert.deepEqual(
    b.events.map((e) => e.name),
    ['delivered', 'delivered'],
  );
  assert.match(b.events[0]?.summary ?? '', /delivered x@good\.test: 250 2\.0\.0 taken/);
  for (const { id } of rows) {
    const attempts = attemptsAt(b.rows.get(id)!, b.attempts);
    assert.deepEqual(
      attempts.map(({ number, outcome }) => ({ number, outcome })),
      [{ number: 1, outcome: 'delivered' }],
    );
  }
  assert.equal(b.scheduler.held, 0);
});
test('deferred, tried again in time from the store, and expired at the end of its days', async () => {
  await using b = await bench({
    say: (input) => (input.startsWith('RCPT') ? '451 4.2.0 later\r\n' : (undefined as never)),
  });
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  assert.equal(b.stateOf(rows[0]!), 'deferred');
  for (let n = 2; b.stateOf(rows[0]!) === 'deferred'; n++) {
    await b.clock.advance((b.rows.get(rows[0]!.id)!.nextAttemptAt ?? 0) - b.clock.now());
    await b.until(n);
  }
  assert.equal(b.stateOf(rows[0]!), 'expired');
  assert.ok(b.clock.now() >= message.expiresAt);
  assert.equal(b.events.at(-1)?.name, 'expired');
  assert.equal(b.store.reads, 0, 'a message nobody takes is not read');
});
test('DNS: null MX bounces, an unknown domain bounces, a failure defers', async () => {
  await using b = await bench();
  const { message, rows } = b.accept('x@null.test', 'x@nowhere.test', 'x@broken.test');
  b.scheduler.enqueue(message, rows);
  await b.until(3);
  assert.deepEqual(rows.map(b.stateOf), ['bounced', 'bounced', 'deferred']);
  assert.deepEqual(
    rows.map((r) => (b.rows.get(r.id)!.lastResult as { status: string }).status),
    ['5.1.10', '5.1.2', '4.4.3'],
  );
});
test('an outcome outlives a store that fails for a while; nothing is sent twice', async () => {
  await using b = await bench();
  b.store.failing = 3;
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  while (b.settled.length === 0) await b.clock.advance(100);
  assert.equal(b.stateOf(rows[0]!), 'delivered');
  assert.equal(b.server.messages.length, 1);
});
test('while an outcome cannot be written nothing more is tried', async () => {
  await using b = await bench();
  b.store.failing = 5;
  const first = b.accept('x@good.test');
  b.scheduler.enqueue(first.message, first.rows);
  while (b.store.failing === 5) await new Promise((resolve) => setImmediate(resolve));
  const more = Array.from({ length: 20 }, () => b.accept('x@good.test'));
  for (const { message, rows } of more) b.scheduler.enqueue(message, rows);
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(b.server.messages.length, 1);
  while (b.settled.length < 21) await b.clock.advance(1000);
  assert.equal(b.server.messages.length, 21);
});
test('a row cancelled meanwhile costs its fellows nothing', async () => {
  await using b = await bench();
  const { message, rows } = b.accept('x@good.test', 'y@good.test');
  b.rows.set(rows[0]!.id, { ...rows[0]!, state: 'cancelled', nextAttemptAt: null });
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  assert.deepEqual(rows.map(b.stateOf), ['cancelled', 'delivered']);
});
test('hosted recipients stay here; where that throws they are deferred', async () => {
  await using b = await bench();
  const one = b.accept('x@hosted.test');
  b.scheduler.enqueue(one.message, one.rows);
  await b.until(1);
  assert.equal(b.stateOf(one.rows[0]!), 'delivered');
  assert.equal(b.server.connections, 0);
  await using c = await bench({}, { hosted: async () => Promise.reject(new Error('no')) });
  const two = c.accept('x@hosted.test');
  c.scheduler.enqueue(two.message, two.rows);
  await c.until(1);
  assert.equal(c.stateOf(two.rows[0]!), 'deferred');
});
test('sandbox mail stays on this machine, but for the simulator', async () => {
  await using b = await bench({}, { sandboxed: async () => true });
  const { message, rows } = b.accept(
    'delivered@simulator.test',
    'bounce@simulator.test',
    'defer@simulator.test',
    'complain@simulator.test',
    'x@good.test',
    'x@hosted.test',
  );
  b.scheduler.enqueue(message, rows);
  await b.until(6);
  assert.deepEqual(rows.map(b.stateOf), [
    'delivered',
    'bounced',
    'deferred',
    'delivered',
    'bounced',
    'delivered',
  ]);
  assert.equal(b.server.connections, 0);
});
test('a window too small: the rest is found in the store', async () => {
  await using b = await bench({}, { window: 8 });
  const all = Array.from({ length: 40 }, () => b.accept('x@good.test'));
  for (const { message, rows } of all) b.scheduler.enqueue(message, rows);
  while (b.settled.length < 40) await b.clock.advance(1000);
  assert.equal(b.server.messages.length, 40);
  assert.ok(all.every(({ rows }) => b.stateOf(rows[0]!) === 'delivered'));
});

test('what waits in the store is not shut out by new mail that keeps coming', async () => {
  await using b = await bench({}, { window: 60, perSite: () => 1 });
  const first = Array.from({ length: 30 }, () => b.accept('x@good.test'));
  for (const { message, rows } of first) b.scheduler.enqueue(message, rows);
  for (let n = 1; n <= 90; n++) {
    const { message, rows } = b.accept('y@good.test');
    b.scheduler.enqueue(message, rows);
    while (b.settled.length < n) await b.clock.advance(1000);
  }
  assert.deepEqual(
    first.filter(({ rows }) => b.stateOf(rows[0]!) !== 'delivered'),
    [],
  );
});

test('stopping: what runs is finished, the rest stays in the store, and nothing runs afterwards', async () => {
  await using b = await bench({}, { perSite: () => 2 });
  const all = Array.from({ length: 30 }, () => b.accept('x@good.test'));
  for (const { message, rows } of all) b.scheduler.enqueue(message, rows);
  await b.until(3);
  b.stop.abort();
  await b.scheduler[Symbol.asyncDispose]();
  const delivered = all.filter(({ rows }) => b.stateOf(rows[0]!) === 'delivered').length;
  assert.equal(b.server.messages.length, delivered);
  assert.ok(delivered < 30);
  await b.clock.advance(600_000);
  assert.equal(b.server.messages.length, delivered);
  assert.equal(b.clock.pending, 0);
});

const BAD_SITES: readonly {
  name: string;
  script: ScriptOptions;
  state: string;
  reason: RegExp;
  wait?: number;
}[] = [
  {
    name: 'no banner',
    script: { say: (_i, k) => (k === 'connect' ? null : (undefined as never)) },
    state: 'deferred',
    reason: /timed out \(greeting\)/,
    wait: 360_000,
  },
  {
    name: 'a banner of lines without end',
    script: { say: (_i, k) => (k === 'connect' ? '220-and\r\n'.repeat(500) : (undefined as never)) },
    state: 'deferred',
    reason: /too many lines/,
  },
  {
    name: 'one line without end',
    script: { say: (_i, k) => (k === 'connect' ? 'x'.repeat(10_000) : (undefined as never)) },
    state: 'deferred',
    reason: /line too long/,
  },
  {
    name: '250 before the dot',
    script: { say: (i) => (i === 'DATA' ? '354 go\r\n250 taken\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /before it was sent/,
  },
  {
    name: 'rubbish for a banner',
    script: { say: (_i, k) => (k === 'connect' ? 'HTTP/1.1 400 Bad Request\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /not an SMTP reply/,
  },
  {
    name: 'NULs in a refusal',
    script: { say: (i) => (i.startsWith('RCPT') ? '550 5.1.1 no\0body\r\n' : (undefined as never)) },
    state: 'bounced',
    reason: /recipient refused/,
  },
  {
    name: '354 to everything',
    script: { say: (_i, k) => (k === 'command' ? '354 go\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /EHLO refused/,
  },
  {
    name: '599 to the message',
    script: { say: (_i, k) => (k === 'message' ? '599 no\r\n' : (undefined as never)) },
    state: 'bounced',
    reason: /message refused/,
  },
  {
    name: 'codes that change within a reply',
    script: { say: (i) => (i.startsWith('MAIL') ? '250-ok\r\n451 no\r\n' : (undefined as never)) },
    state: 'deferred',
    reason: /code changes/,
  },
  {
    name: 'cut in the middle of the message',
    script: { say: (i) => (i === 'DATA' ? 'drop' : (undefined as never)) },
    state: 'deferred',
    reason: /connection lost|ECONNRESET/,
  },
  {
    name: 'silence behind the dot',
    script: { say: (_i, k) => (k === 'message' ? null : (undefined as never)) },
    state: 'deferred',
    reason: /timed out \(final\)/,
    wait: 660_000,
  },
  {
    name: '421 to everything',
    script: { say: () => '421 4.3.2 busy\r\n' },
    state: 'deferred',
    reason: /greeting refused/,
  },
  {
    name: 'STARTTLS that is none, and nothing in clear',
    script: {
      extensions: ['STARTTLS'],
      say: (i, _k, nth) => (nth > 1 ? 'drop' : i === 'STARTTLS' ? '220 go\r\n' : (undefined as never)),
    },
    state: 'deferred',
    reason: /lost|ECONNRESET|TLS/,
  },
];
for (const { name, script, state, reason, wait } of BAD_SITES) {
  test(`a bad site: ${name}`, async () => {
    await using b = await bench(script);
    const { message, rows } = b.accept('x@good.test');
    b.scheduler.enqueue(message, rows);
    if (wait !== undefined) {
      while (b.server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
      for (let waited = 0; b.settled.length === 0 && waited < 2 * wait; waited += 10_000)
        await b.clock.advance(10_000);
    }
    await b.until(1);
    assert.equal(b.stateOf(rows[0]!), state);
    assert.match((b.rows.get(rows[0]!.id)!.lastResult as { cause: string }).cause, reason);
    await b.scheduler[Symbol.asyncDispose]();
    while (b.server.open > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(b.clock.pending, 0);
  });
}
