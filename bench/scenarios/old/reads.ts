/**
 * Every GET that the OpenAPI documents have for a key, with ids of the largest project: its first page, its thousandth
 * (or its last), and as large a page as one may ask for; how long each takes and how long it keeps the event loop.
 */

import type { Json } from '../../../test/journeys/journey.ts';
import { authorization } from '../../../test/journeys/journey.ts';
import { type Found, published } from '../../../test/journeys/openapi.ts';
import { at } from '../scenario.ts';
import type { Note } from './figures.ts';
import type { Target } from './load.ts';

const TIMES = 40;
const PAGES = 1000;
const PAGE = 50;
/** Blocks that are not a request's own: looked at again, the least counts. */
const LOOKS = 3;

/** `only`: those whose name has this in it. */
export async function measureReads(target: Target, note: Note, only = ''): Promise<void> {
  const get = getter(target);
  const api = await published({
    call: async (_, path) => ({ status: 200, json: await get(path), headers: new Headers() }),
  });
  const found = api.operations.filter(({ method }) => method === 'GET');
  const idle = await blockOf(target, async () => {});
  note('reads', 'longest block without a request, ms', idle);
  const blocks: number[] = [];
  const missing: string[] = [];
  async function measure(path: string, name: string): Promise<void> {
    if (!name.includes(only)) return;
    const times: number[] = [];
    const once = async () => {
      times.length = 0;
      for (let i = 0; i < TIMES; i += 1) {
        const began = performance.now();
        await get(path);
        times.push(performance.now() - began);
      }
    };
    let block = await blockOf(target, once);
    for (let look = 1; look < LOOKS && block > 50; look += 1)
      block = Math.min(block, await blockOf(target, once));
    const most = name.startsWith('/mta/v1/queues ') ? 100 : 50;
    note(
      'reads',
      `${name}: p95 ms`,
      at(
        times.toSorted((a, b) => a - b),
        0.95,
      ),
      { most },
    );
    if (block > 50) note('reads', `${name}: longest block ms`, block, { most: 100 });
    blocks.push(block);
  }
  for (const one of found) {
    const path = await filledIn(one, get);
    // An operator's, or nothing is there.
    if (path === null || (await get(path).catch(() => null)) === null) {
      missing.push(one.id);
      continue;
    }
    if (one.id === 'iam.projects.export') continue; // streamed: among the slow readers
    const list = one.operation.parameters?.some(({ name }: Json) => name === 'cursor');
    await measure(path, `${one.path} `);
    if (!list || !one.path.includes(only)) continue;
    await measure(`${path}?limit=500`, `${one.path} limit=500`);
    const { cursor, page } = await farAlong(path, get);
    if (cursor !== null)
      await measure(`${path}?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`, `${one.path} page ${page}`);
  }
  for (const [path, name] of await variants(target, get)) await measure(path, name);
  note('reads', 'longest block of the main thread, ms', Math.max(0, ...blocks), { most: 100 });
  process.stderr.write(`not asked for: ${missing.join(', ')}\n`);
}

type Get = (path: string) => Promise<Json>;
function getter({ service, who }: Target): Get {
  return async (path) => {
    const response = await fetch(`http://${service.ready.http}${path}`, {
      headers: { authorization: authorization(who) },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return response.headers.get('content-type')?.includes('json') === true ? JSON.parse(text) : text;
  };
}
/** The path with an id of the list before each placeholder; null where a list has nothing, or there is no list. */
async function filledIn({ path }: Found, get: Get): Promise<string | null> {
  let made = '';
  for (const part of path.split('/').slice(1)) {
    if (!part.startsWith('{')) {
      made += `/${part}`;
      continue;
    }
    const list = LISTS[made] ?? made;
    const known = await get(list === TOPICS_SUBSCRIBERS ? await subscribersOf(get) : list).catch(() => null);
    // Built-in roles have none.
    const id = known?.items?.find((item: Json) => typeof item.id === 'string')?.id;
    if (id === undefined) return null;
    made += `/${id}`;
  }
  return made;
}
const TOPICS_SUBSCRIBERS = 'subscribers of a topic';
/** What is listed elsewhere. */
const LISTS: Readonly<Record<string, string>> = { '/edj/v1/subscribers': TOPICS_SUBSCRIBERS };
async function subscribersOf(get: Get): Promise<string> {
  const { items } = await get('/edj/v1/topics');
  return `/edj/v1/topics/${items[0].id}/subscribers`;
}
/** The cursor of the thousandth page, or of the last. */
async function farAlong(path: string, get: Get): Promise<{ cursor: string | null; page: number }> {
  let cursor: string | null = null;
  for (let page = 1; ; page += 1) {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { next_cursor: next } = await get(`${path}?limit=${PAGE}${from}`);
    if (page === PAGES || next === null) return { cursor, page };
    cursor = next;
  }
}
/** Filters, and reading on behind an event that is there or gone. */
async function variants({ who }: Target, get: Get): Promise<readonly (readonly [string, string])[]> {
  const events = `/edj/v1/topics/${who.topic_id}/events`;
  const recipients = '/mta/v1/queues/recipients';
  const { cursor } = await farAlong(events, get);
  const old: string = (await get(`${events}?limit=1&cursor=${encodeURIComponent(cursor!)}`)).items[0].id;
  const fresh: string = (await get(`${events}?limit=1`)).items[0].id;
  // One digit of the random part is another.
  const gone = (id: string) => `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
  return [
    [`${events}?after=${old}`, 'events after'],
    [`${events}?after=${gone(old)}`, 'events after one that is gone, old'],
    [`${events}?after=${gone(fresh)}`, 'events after one that is gone, new'],
    [`${events}?full=true`, 'events, full'],
    [`/edj/v1/events/${fresh}?as=hook`, 'event as hook'],
    [`${recipients}?domain=d7.test`, 'recipients by domain'],
    [`${recipients}?site=d7.test`, 'recipients by site'],
    [`${recipients}?sender=nobody@sender.test`, 'recipients by a sender who has none'],
    [`${recipients}?state=held`, 'recipients that are held'],
    [`${recipients}?accepted_before=2020-01-01T00:00:00.000Z`, 'recipients of long ago'],
    ['/iam/v1/audit_events?operation=mta.domains.create', 'audit by operation'],
    ['/metrics', 'metrics'],
  ];
}
/** The event loop's longest delay while `act` ran, by the service's own figures, ms. */
async function blockOf({ service }: Target, act: () => Promise<void>): Promise<number> {
  const metrics = async () => (await fetch(`http://${service.ready.http}/metrics`)).text();
  await metrics(); // begins a new measurement
  await act();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(await metrics())![1]) * 1000;
}
