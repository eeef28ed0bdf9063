/**
 * Cluster membership over PostgreSQL. Every member raises its beat each second. A member is dead if another
 * member has seen its beat unchanged for 5 s while the observer's own beats succeeded. The observer then
 * becomes its holder in one update, with everything that waits there. No clocks are compared. Invariants: one
 * process at a time runs under a name (a session lock); a member that another one holds can write nothing
 * (every batch checks it under a lock that the take-over needs, too). While the database is away, nobody
 * beats and nobody is taken over; after it is back, every member has 5 s to beat again.
 */
import type { Cluster, ClusterListener } from '../../ledger/cluster.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { createLazyConnection } from './lazy-connection.ts';

const BEAT_MS = 1000;
const DEAD_MS = 5000;
/** Attempts end this long after the last good beat: before any member can declare this one dead. */
const ALIVE_MS = 4000;
const NAME_WAIT_MS = 8000;
const ANSWER_MS = 4000;
const LOOK_MS = 100;
const REQUEST_AGE_MS = 60_000;
/** The beat of a member that left cleanly. */
export const GONE = '-1';
const REFRESH_EVERY = 5;
/** Beats between two searches for members that have nothing waiting any more. */
const TIDY_EVERY = 300;

export interface ClusterOptions {
  readonly url: string;
  /** HIKYAKU_NODE */
  readonly name: string;
  readonly clock: Clock;
  /** The clock is moved by hand (in tests): it is the time, whatever the database says. Default false. */
  readonly byHand?: boolean;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends joining, which rejects with its reason. Nothing is left of this member then. */
  readonly signal?: AbortSignal;
}
/** A node with this name is already running. */
export class NodeNameTaken extends Error {
  override name = 'NodeNameTaken';
  constructor(name: string) {
    super(
      `a node named ${JSON.stringify(name)} is already running: set a different HIKYAKU_NODE for this one`,
    );
  }
}
interface NodeRow {
  id: string;
  name: string;
  holder: string;
  beat: string;
  started_at: string;
}
interface Seen {
  beat: string;
  /** Monotonic ms of the last change seen. */
  at: number;
}

/**
 * Joins under the name. Rejects with NodeNameTaken, or if the database cannot be reached. The schema must
 * exist.
 */
export async function joinCluster(options: ClusterOptions): Promise<Cluster> {
  const { url, name, clock, random, logger } = options;
  const id: string = random.id();
  const lockOf = (query: (sql: string, params: readonly unknown[]) => Promise<{ locked: boolean }[]>) =>
    query(`SELECT pg_try_advisory_lock(hashtextextended('hikyaku node ' || $1, 0)) AS locked`, [name]);
  const line = createLazyConnection(url, async (query) => {
    if (!joined) return;
    // The session that held the name is gone; the process that has the name now has also become our holder.
    const [row] = await lockOf(query as never);
    if (row?.locked !== true)
      logger.warn({ node: name }, 'the name of this node is locked by another session');
  });
  let joined = false;
  let offset = 0;
  let lost = false;
  let beats = 0;
  let held: readonly string[] = [id];
  let rows: readonly NodeRow[] = [];
  let lastGood = clock.monotonic();
  let healthySince = clock.monotonic();
  let state: 'new' | 'running' | 'fenced' | 'stopped' = 'new';
  let timer: Timer | null = null;
  let watchdog: Timer | null = null;
  let beating: Promise<void> | null = null;
  let listener: ClusterListener | null = null;
  const seen = new Map<string, Seen>();
  const answering = new Set<string>();

  async function measure(): Promise<void> {
    if (options.byHand === true) return;
    const before = clock.now();
    const [row] = await line.query<{ ms: string }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS ms',
    );
    const after = clock.now();
    const found = Number(row!.ms) - (before + after) / 2;
    // A slow answer is imprecise; small differences come from the network.
    if (after - before >= 500 || Math.abs(found - offset) <= 50) return;
    const by = Math.round(found) - offset;
    offset = Math.round(found);
    if (joined) listener?.clockCorrected(by);
  }
  async function lockName(): Promise<void> {
    const until = performance.now() + NAME_WAIT_MS;
    for (;;) {
      const [row] = await lockOf(line.query as never);
      if (row?.locked === true) return;
      if (performance.now() > until) throw new NodeNameTaken(name);
      options.signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  async function join(): Promise<void> {
    await lockName();
    await measure();
    await line.query('INSERT INTO node (id, name, holder, beat, started_at) VALUES ($1, $2, $1, 0, $3)', [
      id,
      name,
      Math.round(clock.now() + offset),
    ]);
    joined = true;
    // The name is ours, so its earlier runs have ended, whatever their beats say.
    const before = await line.query<{ id: string }>(
      'SELECT id FROM node WHERE name = $1 AND holder = id AND id <> $2',
      [name, id],
    );
    for (const one of before) await takeOver(one.id);
  }
  /**
   * Takes over everything that the member holds; false if another member was faster. `beat`: only if the beat
   * is still this one.
   */
  async function takeOver(dead: string, beat?: string): Promise<boolean> {
    const taken = await line.query<{ id: string }>(
      `UPDATE node SET holder = $1 WHERE holder = $2
        AND EXISTS (SELECT 1 FROM node WHERE id = $2 AND holder = $2 AND ($3::bigint IS NULL OR beat = $3) FOR UPDATE)
        RETURNING id`,
      [id, dead, beat ?? null],
    );
    if (taken.length === 0) return false;
    await line.query('DELETE FROM site_permit WHERE holder = $1', [dead]);
    await line.query('DELETE FROM chore WHERE holder = $1', [dead]);
    held = [...held, ...taken.map((one) => one.id)];
    rows = rows.map((row) => (held.includes(row.id) ? { ...row, holder: id } : row));
    logger.warn({ node: name, dead, members: taken.length }, 'this node took over the mail of a dead node');
    return true;
  }
  function fence(): void {
    if (state === 'fenced') return;
    state = 'fenced';
    logger.error({ node: name, member: id }, 'another node declared this node dead: restart this node');
    listener?.fenced();
  }

  async function beat(): Promise<void> {
    const began = clock.monotonic();
    const [own] = await line.query(
      'UPDATE node SET beat = beat + 1 WHERE id = $1 AND holder = $1 RETURNING beat',
      [id],
    );
    if (own === undefined) return fence();
    const now = clock.monotonic();
    // After a gap in our own beats we know nothing about the beats of others.
    if (began - lastGood > 2.5 * BEAT_MS || now - began > BEAT_MS) healthySince = now;
    lastGood = now;
    watch();
    if (lost) listener?.found();
    lost = false;
    rows = await line.query<NodeRow>('SELECT id, name, holder, beat::text, started_at::text FROM node');
    await lookAtOthers(now);
    await answerAll();
    await measure();
    beats += 1;
    if (beats % REFRESH_EVERY === 0) await listener?.refresh();
    if (beats % TIDY_EVERY === 0) await tidy();
  }
  /** Forgets members that we hold and that have nothing waiting any more. */
  async function tidy(): Promise<void> {
    const over = await line.query<{ id: string }>(
      `DELETE FROM node WHERE holder = $1 AND id <> $1
        AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.owner = node.id AND r.next_attempt_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM subscriber_delivery d WHERE d.owner = node.id AND d.next_attempt_at IS NOT NULL)
        RETURNING id`,
      [id],
    );
    held = held.filter((one) => !over.some((gone) => gone.id === one));
  }
  async function lookAtOthers(now: number): Promise<void> {
    for (const row of rows) {
      if (row.id === id || row.holder !== row.id) continue;
      const known = seen.get(row.id);
      if (row.beat !== GONE && (known === undefined || known.beat !== row.beat)) {
        seen.set(row.id, { beat: row.beat, at: now });
        continue;
      }
      if (known !== undefined && row.beat !== GONE && now - Math.max(known.at, healthySince) < DEAD_MS)
        continue;
      const before = held;
      if (await takeOver(row.id, row.beat)) listener?.adopted(held.filter((one) => !before.includes(one)));
    }
    for (const known of seen.keys())
      if (!rows.some((row) => row.id === known && row.holder === row.id)) seen.delete(known);
  }
  async function answerAll(): Promise<void> {
    const asked = await line.query<{ id: string; body: string }>(
      `SELECT id, body FROM node_request r WHERE from_node <> $1
        AND NOT EXISTS (SELECT 1 FROM node_answer a WHERE a.request_id = r.id AND a.node = $1)`,
      [id],
    );
    for (const { id: request, body } of asked) {
      if (answering.has(request) || listener === null) continue;
      answering.add(request);
      void listener
        .asked(JSON.parse(body))
        .catch((error: unknown) => {
          logger.error({ err: error, request }, 'answering a question of another node failed');
          return null;
        })
        .then((answer) =>
          line.query(
            `INSERT INTO node_answer (request_id, node, body) SELECT id, $2, $3 FROM node_request WHERE id = $1
              ON CONFLICT DO NOTHING`,
            [request, id, JSON.stringify(answer ?? null)],
          ),
        )
        .catch(() => {})
        .finally(() => answering.delete(request));
    }
    await line.query('DELETE FROM node_request WHERE created_at < $1', [
      Math.round(clock.now() + offset - REQUEST_AGE_MS),
    ]);
  }
  function watch(): void {
    watchdog?.cancel();
    watchdog = clock.after(ALIVE_MS, () => {
      if (state !== 'running') return;
      logger.warn({ node: name }, 'no beat succeeded for 4 s: attempts stop until the database is back');
      lost = true;
      listener?.lost();
    });
  }
  function loop(): void {
    if (state !== 'running') return;
    beating = beat()
      .catch((error: unknown) => {
        if (state !== 'stopped') logger.warn({ node: name, err: error }, 'a beat failed');
      })
      .finally(() => {
        beating = null;
        if (state === 'running') timer = clock.after(BEAT_MS, loop);
      });
  }

  try {
    await join();
  } catch (error) {
    await line.close();
    options.signal?.throwIfAborted();
    throw error;
  }
  return {
    id,
    owners: () => held,
    alive: () => state !== 'fenced' && clock.monotonic() - lastGood <= ALIVE_MS,
    clock: { ...clock, now: () => clock.now() + offset },
    nodes: () =>
      rows
        .filter((row) => row.holder === row.id)
        .map((row) => ({ name: row.name, id: row.id, startedAt: Number(row.started_at) })),
    listen(given) {
      listener = given;
    },
    async ask(question) {
      const others = rows.filter((row) => row.holder === row.id && row.id !== id).map((row) => row.id);
      if (others.length === 0) return [];
      const request = random.id();
      await line.query('INSERT INTO node_request (id, from_node, body, created_at) VALUES ($1, $2, $3, $4)', [
        request,
        id,
        JSON.stringify(question),
        Math.round(clock.now() + offset),
      ]);
      for (let waited = 0; ; waited += LOOK_MS) {
        const answers = await line.query<{ node: string; body: string }>(
          'SELECT node, body FROM node_answer WHERE request_id = $1',
          [request],
        );
        const complete = others.every((one) => answers.some(({ node }) => node === one));
        if (complete || waited >= ANSWER_MS) {
          await line.query('DELETE FROM node_request WHERE id = $1', [request]);
          const silent = others.filter((one) => !answers.some(({ node }) => node === one));
          return [...answers.map(({ body }) => JSON.parse(body) as unknown), ...silent.map(() => null)];
        }
        await new Promise((resolve) => clock.after(LOOK_MS, () => resolve(null)));
      }
    },
    async mayDo(chore) {
      if (state !== 'running') return false;
      const [row] = await line.query<{ holder: string }>(
        `INSERT INTO chore (name, holder) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET holder = $2
          WHERE chore.holder = $2 OR NOT EXISTS (SELECT 1 FROM node WHERE id = chore.holder AND holder = id)
          RETURNING holder`,
        [chore, id],
      );
      return row?.holder === id;
    },
    async start(signal) {
      if (state !== 'new' || signal.aborted) return;
      state = 'running';
      lastGood = clock.monotonic();
      healthySince = lastGood;
      watch();
      loop();
    },
    async [Symbol.asyncDispose]() {
      if (state !== 'fenced') state = 'stopped';
      timer?.cancel();
      watchdog?.cancel();
      const gone = [id, GONE];
      await line.farewell([
        // The first member that looks takes over what still waits.
        ...(state === 'stopped'
          ? ([['UPDATE node SET beat = $2 WHERE id = $1 AND holder = $1', gone]] as const)
          : []),
        ['DELETE FROM site_permit WHERE holder = $1', [id]],
        ['DELETE FROM chore WHERE holder = $1', [id]],
      ]);
      await beating;
      await line.close();
    },
  };
}
