/** Events by HTTP, from a real store: pages that end at 4 MiB, single events whole, and clients that go away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { PERMISSIONS } from '../contract/permissions.ts';
import { createEventSignal } from '../edj/event-signal.ts';
import { renderEvent } from '../edj/render-event.ts';
import type { Principal } from '../iam/projects.ts';
import { systemClock } from '../runtime/clock.ts';
import { type Logger, silentLogger } from '../runtime/logger.ts';
import { NoPlace } from '../runtime/places.ts';
import { createRandom } from '../runtime/random.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { createRendering, type Rendering } from '../testing/rendering.ts';
import { turnsFor } from '../testing/turns.ts';
import type { ApiDeps } from './deps.ts';
import { type Api, createApi } from './server.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
type Json = any;
const MIB = 1024 * 1024;
const AUTHORIZATION = 'Basic YTpi';

describe('events by HTTP', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-test-'));
  const logged: Record<string, unknown>[] = [];
  const rendered = { count: 0, aborted: 0 };
  const asked = { rows: 0, messages: 0 };
  /** Ids of events whose rendering breaks off behind the first piece. */
  const broken = new Set<string>();
  /** Ids of events for which no worker comes free. */
  const crowded = new Set<string>();
  let store: Store;
  let api: Api;
  let rendering: Rendering;
  const project = make.project();
  const { notify, wait } = createEventSignal();
  const waiting = { now: 0 };
  before(async () => {
    const random = createRandom();
    store = await openSqliteStore({
      directory,
      clock: systemClock,
      ...turnsFor(systemClock),
      random,
      logger: silentLogger,
      lock: false,
    });
    await store.transact(project.id, (tx) => tx.insertProject(project));
    const principal: Principal = {
      projectId: project.id,
      actor: { kind: 'key', apiClientId: make.newId(), keyId: null },
      operations: new Set(PERMISSIONS),
      sandbox: false,
    };
    rendering = createRendering(store);
    const deps = {
      read: {
        ...store.read,
        events(...page: Parameters<Store['read']['events']>) {
          asked.rows++;
          return store.read.events(...page);
        },
        shownOf(...messages: Parameters<Store['read']['shownOf']>) {
          asked.messages++;
          return store.read.shownOf(...messages);
        },
      },
      publicUrl: () => 'http://x',
      clock: systemClock,
      ...turnsFor(systemClock),
      random,
      logger: { ...silentLogger, error: (fields: Record<string, unknown>) => logged.push(fields) } as Logger,
      dns: { mxHosts: [], spfInclude: '_spf.x', submissionHost: 'x' } as unknown as ApiDeps['dns'],
      notReady: () => null,
      eventSignal: {
        notify,
        wait: (...asked: Parameters<typeof wait>) => {
          waiting.now++;
          return wait(...asked).finally(() => waiting.now--);
        },
      },
      authenticator: { authenticate: async () => ({ kind: 'ok', principal }) },
      async renderEvent(event, options, signal, shown) {
        rendered.count++;
        if (crowded.has(event.id)) throw new NoPlace('no place came free');
        signal?.addEventListener('abort', () => rendered.aborted++, { once: true });
        const whole = await renderEvent(event, options, rendering.deps, signal, shown);
        if (!broken.has(event.id)) return whole;
        return {
          async *pieces() {
            yield* whole.pieces();
            throw new Error('the store went away');
          },
        };
      },
    } as Partial<ApiDeps> as ApiDeps;
    api = await createApi(deps, {
      host: '127.0.0.1',
      port: 0,
      secureContext: null,
      trustedProxies: [],
      hasMetrics: false,
    });
    await api.start(new AbortController().signal);
  });
  after(async () => {
    await api[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rendering[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** A topic with events that show messages of so many octets, oldest first. */
  async function topicOf(...sizes: number[]) {
    const topic = make.topic(project, `t${make.newId()}`);
    await store.transact(project.id, (tx) => tx.insertTopic(topic));
    const ids: string[] = [];
    for (const size of sizes) ids.push(await publish(topic, size));
    return { topic, ids, path: `/edj/v1/topics/${topic.id}/events` };
  }
  async function publish(topic: ReturnType<typeof make.topic>, size: number): Promise<string> {
    // No text: of that a list shows 256 KiB.
    const head = Buffer.from(
      'From: <w@elsewhere.test>\r\nContent-Type: application/x\r\nSubject: large\r\n\r\n',
    );
    const raw = Buffer.concat([head, Buffer.alloc(size, `${'x'.repeat(76)}\r\n`)]);
    const message = make.message(project, { raw });
    const event = make.event(topic, { messageId: message.id, name: 'incoming', summary: null, content: {} });
    await store.transact(project.id, (tx) => {
      tx.insertMessage(message);
      tx.insertEvent(event);
    });
    return event.id;
  }
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${api.port}${path}`, { ...init, headers: { authorization: AUTHORIZATION } });
  async function get(path: string): Promise<{ octets: number; json: Json }> {
    const answer = await ask(path);
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return { octets: Buffer.byteLength(text), json: JSON.parse(text) };
  }
  const request = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORIZATION}\r\n\r\n`;
  const idsOf = (json: Json): string[] => json.items.map(({ id }: Json) => id);

  test('a list shows no content.body; full=true does, and one event alone is whole', async () => {
    const { ids, path } = await topicOf(1000);
    const [bare] = (await get(path)).json.items;
    const [full] = (await get(`${path}?full=true`)).json.items;
    const { json: one } = await get(`/edj/v1/events/${ids[0]}`);
    assert.equal(bare.content.body, undefined);
    assert.deepEqual(bare.content.header_list.at(-1), { raw_name: 'Subject', raw_value: ' large' });
    assert.ok(full.content.body.startsWith('xxxx'));
    assert.equal(full.content.body.length, 1000);
    assert.deepEqual(one, full);
    const { body: _, ...rest } = full.content;
    assert.deepEqual({ ...full, content: rest }, bare);
  });

  test('pages walk through all events exactly once, while new ones arrive, none over 4 MiB', async () => {
    const { topic, ids, path } = await topicOf(...Array.from({ length: 10 }, () => 0.9 * MIB));
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { json, octets } = await get(`${path}?full=true&limit=500${cursor}`);
      assert.ok(octets <= 4 * MIB, `${octets}`);
      seen.push(...idsOf(json));
      if (json.next_cursor === null) break;
      cursor = `&cursor=${json.next_cursor}`;
      await publish(topic, 10);
    }
    assert.deepEqual(seen, [...ids].reverse());
    const forward: string[] = [];
    for (let after = ''; ; ) {
      const { json, octets } = await get(`${path}?full=true&after=${after}`);
      assert.ok(octets <= 4 * MIB, `${octets}`);
      forward.push(...idsOf(json));
      if (json.next_cursor === null) break;
      assert.equal(json.next_cursor, json.items.at(-1).id);
      after = json.next_cursor;
    }
    const all = idsOf((await get(`${path}?limit=500`)).json);
    assert.deepEqual(forward, [...all].reverse());
    assert.deepEqual(forward.slice(0, ids.length), ids);
  });

  test('a page asks the store a few times, however many events it has', async () => {
    const { ids, path } = await topicOf(...Array.from({ length: 120 }, () => 1_000));
    Object.assign(asked, { rows: 0, messages: 0 });
    assert.deepEqual(idsOf((await get(`${path}?limit=500&full=true`)).json), [...ids].reverse());
    assert.deepEqual(asked, { rows: 2, messages: 3 });
  });

  test('an event over 4 MiB is a page of its own', async () => {
    const { ids, path } = await topicOf(10, 5 * MIB, 5 * MIB, 10);
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { json }: { json: Json } = await get(
        `${path}?full=true${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      pages.push(idsOf(json));
      cursor = json.next_cursor;
    }
    assert.deepEqual(pages, [[ids[3]], [ids[2]], [ids[1]], [ids[0]]]);
    const { json, octets } = await get(path);
    assert.deepEqual([idsOf(json).length, json.next_cursor], [4, null]);
    assert.ok(octets < 30_000, `${octets}`);
  });

  test('after and wait: what is there at once, what comes, nothing; `cursor` beside `after` goes on', async () => {
    const { topic, ids, path } = await topicOf(1, 1, 1);
    const first = await get(`${path}?after=&limit=2`);
    assert.deepEqual([idsOf(first.json), first.json.next_cursor], [ids.slice(0, 2), ids[1]]);
    const second = await get(`${path}?after=&limit=2&cursor=${first.json.next_cursor}`);
    assert.deepEqual([idsOf(second.json), second.json.next_cursor], [ids.slice(2), null]);
    const pending = get(`${path}?after=${ids[2]}&wait=30`);
    while (waiting.now === 0) await turn();
    const late = await publish(topic, 1);
    notify([topic.id]);
    assert.deepEqual(idsOf((await pending).json), [late]);
    assert.deepEqual((await get(`${path}?after=${late}`)).json, { items: [], next_cursor: null });
    assert.equal((await ask(`${path}?after=x`)).status, 400);
    assert.equal((await ask(`${path}?after=&cursor=x`)).status, 400);
  });

  test('an event whose message is gone is left out of lists, and is not found', async () => {
    const { topic, ids, path } = await topicOf(1, 1);
    const gone = make.event(topic, { messageId: make.newId(), name: 'incoming', summary: null, content: {} });
    await store.transact(project.id, (tx) => tx.insertEvent(gone));
    assert.deepEqual(idsOf((await get(path)).json), [...ids].reverse());
    const behind = await get(`${path}?after=${ids[1]}`);
    assert.deepEqual(behind.json, { items: [], next_cursor: gone.id }, 'who follows gets past it');
    const answer = await ask(`/edj/v1/events/${gone.id}`);
    const unknown = await ask(`/edj/v1/events/${make.newId()}`);
    assert.equal(answer.status, 404);
    assert.equal(await answer.text(), await unknown.text());
  });

  test('a page ends before an event for which no worker comes free; first of its page it is 503', async () => {
    const { ids, path } = await topicOf(1, 1, 1);
    crowded.add(ids[1]!);
    const { json } = await get(path);
    assert.deepEqual(idsOf(json), [ids[2]]);
    const busy = await ask(`${path}?cursor=${json.next_cursor}`);
    assert.deepEqual([busy.status, ((await busy.json()) as Json).type], [503, '/problems/too-busy']);
    assert.ok(busy.headers.has('retry-after'));
    crowded.clear();
    assert.deepEqual(idsOf((await get(`${path}?cursor=${json.next_cursor}`)).json), [ids[1], ids[0]]);
  });

  test('100 requests of a project wait at once, one more is 429, and all are woken', async () => {
    const { topic, ids, path } = await topicOf(1);
    const patient = Array.from({ length: 100 }, () => get(`${path}?after=${ids[0]}&wait=30`));
    while (waiting.now < 100) await turn();
    const refused = await ask(`${path}?after=${ids[0]}&wait=30`);
    assert.deepEqual(
      [refused.status, refused.headers.get('retry-after'), ((await refused.json()) as Json).type],
      [429, '10', '/problems/too-many-waiting'],
    );
    assert.deepEqual(idsOf((await get(path)).json), ids, 'who does not wait is answered');
    const late = await publish(topic, 1);
    notify([topic.id]);
    for (const { json } of await Promise.all(patient)) assert.deepEqual(idsOf(json), [late]);
    assert.deepEqual(idsOf((await get(`${path}?after=${ids[0]}&wait=30`)).json), [late]);
  });

  test('requests on one connection are answered one after the other; over 100 unanswered it ends', async () => {
    const { ids, path } = await topicOf(5 * MIB);
    const before = rendered.count;
    const socket = connect(api.port, '127.0.0.1').on('error', () => {});
    socket.write(request(`/edj/v1/events/${ids[0]}`).repeat(20));
    while (rendered.count === before) await turn();
    for (let i = 0; i < 5; i++) await get(path);
    assert.ok(
      rendered.count - before - 5 < 6,
      `${rendered.count - before - 5} are rendered for who does not read`,
    );
    socket.write(request(`/edj/v1/events/${ids[0]}`).repeat(200));
    socket.resume();
    await once(socket, 'close');
  });

  test('HEAD renders nothing', async () => {
    const { ids, path } = await topicOf(1);
    const before = rendered.count;
    for (const one of [path, `/edj/v1/events/${ids[0]}`]) {
      const { status, headers } = await ask(one, { method: 'HEAD' });
      assert.deepEqual([status, headers.get('content-length')], [200, null]);
    }
    assert.equal(rendered.count, before);
  });

  test('what breaks off in the middle does not look whole, and is logged with its ids', async () => {
    const { topic, ids, path } = await topicOf(1, 6 * MIB);
    broken.add(ids[1]!);
    logged.length = 0;
    for (const one of [`${path}?full=true`, `/edj/v1/events/${ids[1]}`])
      await assert.rejects(async () => await (await ask(one)).text());
    const told = logged.map(({ topic: of, event, request, err }) => [
      of ?? event,
      typeof request,
      (err as Error).message,
    ]);
    assert.deepEqual(told, [
      [topic.id, 'string', 'the store went away'],
      [ids[1], 'string', 'the store went away'],
    ]);
  });

  test('work stops when its clients are gone', async () => {
    const { ids, path } = await topicOf(...Array.from({ length: 100 }, () => 20_000));
    const last = await topicOf(1);
    const before = { ...rendered };
    const clients = Array.from({ length: 12 }, () => {
      const socket = connect(api.port, '127.0.0.1');
      socket.write(
        `GET ${path}?limit=500&full=true HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORIZATION}\r\n\r\n`,
      );
      return socket;
    });
    // Each has its first octets, and goes away with most of it unread.
    await Promise.all(clients.map((socket) => once(socket, 'data')));
    for (const socket of clients) socket.resetAndDestroy();
    // The last look at the sockets comes before an answer to whoever asks behind them.
    for (let i = 0; i < 20; i++) await get(last.path);
    const stopped = rendered.count;
    assert.ok(stopped - before.count < 12 * ids.length, `${stopped - before.count} renderings`);
    for (let i = 0; i < 20; i++) await get(last.path);
    assert.equal(rendered.count, stopped + 20, 'nothing goes on for those who left');
    // Nor for one who waits for what never comes.
    const patient = connect(api.port, '127.0.0.1');
    patient.write(request(`${last.path}?after=${last.ids[0]}&wait=30`));
    while (waiting.now === 0) await turn();
    patient.resetAndDestroy();
    while (waiting.now > 0) await turn();
  });
});
