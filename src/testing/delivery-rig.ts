/** For tests: the scheduler over an in-memory store, a literal zone and a scripted server on loopback. */

import { outcomeOfReply } from '../delivery/outcome.ts';
import { createScheduler, type SchedulerDeps } from '../delivery/scheduler.ts';
import type { SettleRecorder } from '../delivery/settle.ts';
import type { EventRow } from '../edj/topics.ts';
import { type SevenBitOptions, toSevenBit } from '../mail/seven-bit.ts';
import type { RecipientId } from '../runtime/ids.ts';
import { silentLogger } from '../runtime/logger.ts';
import { systemNetwork } from '../runtime/network.ts';
import { createRandom } from '../runtime/random.ts';
import { StaleError, StoreError } from '../runtime/transactor.ts';
import type {
  AttemptRow,
  LaneDue,
  LaneKey,
  RecipientMove,
  RecipientRow,
  StoredMessage,
} from '../spool/messages.ts';
import { createFakeClock } from './fake-clock.ts';
import { type ScriptOptions, scriptedServer } from './scripted-server.ts';
import { createZoneResolver, type Zone } from './zone-resolver.ts';

const random = createRandom();
const ZONE: Zone = {
  'good.test': { mx: ['mx.good.test'] },
  'mx.good.test': { a: ['127.0.0.1'] },
  'null.test': { mx: [''] },
  'broken.test': { fail: true },
};

/** `script`: of the server behind every MX. */
export async function deliveryRig(script: ScriptOptions = {}, more: Partial<SchedulerDeps> = {}) {
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
    lanes: async () =>
      [
        ...Map.groupBy(
          [...rows.values()].filter((r) => r.nextAttemptAt !== null),
          (r) => r.lane,
        ),
      ].map(([lane, of]) => ({
        project: of[0]!.projectId,
        lane,
        queued: of.filter((r) => r.state === 'queued').length,
        deferred: of.filter((r) => r.state === 'deferred').length,
        held: of.filter((r) => r.state === 'held').length,
        nextDue: Math.min(...of.map((r) => r.nextAttemptAt!)),
        lastDue: Math.max(...of.map((r) => r.nextAttemptAt!)),
      })),
    dueAfter: async ({ lane }: LaneKey, after: number) =>
      [...rows.values()]
        .filter((r) => r.lane === lane && (r.nextAttemptAt ?? 0) > after)
        .map((row) => ({ row, message: { ...messages.get(row.messageId)!, size: 1 } })),
    due: async (
      lanes: readonly LaneKey[],
      now: number,
      limit: number,
      exclude: ReadonlySet<RecipientId>,
    ): Promise<LaneDue[]> =>
      lanes.map(({ project, lane }) => ({
        rows: [...rows.values()]
          .filter(
            (r) =>
              r.lane === lane &&
              r.projectId === project &&
              r.nextAttemptAt !== null &&
              r.nextAttemptAt <= now &&
              !exclude.has(r.id),
          )
          .slice(0, limit)
          .map((row) => ({ row, message: { ...messages.get(row.messageId)!, size: 1 } })),
        next:
          [...rows.values()]
            .filter((r) => r.lane === lane && r.projectId === project)
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
          moves: m.moves,
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
  const build = () =>
    createScheduler({
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
      convert: async (raw: Buffer, options: SevenBitOptions) => toSevenBit(raw, options),
      signsAs: async () => null,
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
  const scheduler = build();
  function acceptOf(
    project: string,
    ...addresses: string[]
  ): { message: StoredMessage; rows: RecipientRow[] } {
    const id = random.id<'message'>();
    const now = clock.now();
    const message = {
      id,
      projectId: project,
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
          projectId: project,
          address,
          domain: address.split('@')[1]!,
          lane: address.split('@')[1]!,
          state: 'queued',
          attempts: 0,
          heldSince: null,
          heldMs: 0,
          moves: 0,
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
    /** Of the project p. */
    accept: (...addresses: string[]) => acceptOf('p', ...addresses),
    acceptOf,
    until,
    rows,
    attempts,
    events,
    settled,
    store,
    stateOf,
    stop,
    /** Ends the scheduler and starts another one over the same store. */
    async restarted() {
      await scheduler[Symbol.asyncDispose]();
      const next = build();
      await next.start(stop.signal);
      return next;
    },
    async [Symbol.asyncDispose]() {
      await scheduler[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
