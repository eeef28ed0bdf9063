/** /edj/v1: events. Lists leave out the bodies of messages; a single event is complete. */

import * as ops from '../contract/operations/edj.ts';
import { MessageGone, type RenderOptions } from '../edj/render-event.ts';
import { createShownAhead } from '../edj/shown-ahead.ts';
import type { EventRow, Topic } from '../edj/topics.ts';
import { type EventId, type ProjectId, parseId } from '../runtime/ids.ts';
import { goneSignal } from './client-gone.ts';
import { found } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { eventPage, newestFirst, oldestFirst, type Placed } from './event-page.ts';
import type { Call, Handle } from './handle.ts';
import { JSON_TYPE, listOf, marked, pageOf } from './pages.ts';
import { invalid, notFound, Problem } from './problems.ts';

/** A waiting request looks into the store at least this often, even without a signal, ms. */
const LOOK_MS = 1_000;
/** Maximum of waiting requests of one project. */
const MOST_WAITING = 100;

export function edjEventRoutes(handle: Handle, deps: ApiDeps, stopping: () => boolean): void {
  const { read, clock } = deps;
  const waiting = new Map<ProjectId, number>();

  /**
   * Resolves when there is an event or the time is over. Rejects with the signal's reason, or if too many already
   * wait.
   */
  async function wait(
    topic: Topic,
    after: EventId | null,
    seconds: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { projectId } = topic;
    const others = waiting.get(projectId) ?? 0;
    if (others >= MOST_WAITING) throw tooManyWaiting();
    waiting.set(projectId, others + 1);
    using _ = {
      [Symbol.dispose]() {
        const left = waiting.get(projectId)! - 1;
        if (left === 0) waiting.delete(projectId);
        else waiting.set(projectId, left);
      },
    };
    const deadline = clock.monotonic() + seconds * 1000;
    const left = () => deadline - clock.monotonic();
    while (left() > 0 && !stopping()) {
      if ((await read.eventsAfter(topic.projectId, topic.id, after, 1)).items.length > 0) break;
      await deps.eventSignal.wait(topic.id, Math.min(LOOK_MS, left()), clock, signal);
      signal.throwIfAborted();
    }
  }
  function eventId(field: string, text: string): EventId | null {
    if (text === '') return null;
    const id = parseId<'event'>(text);
    if (id === null) throw invalid(field, 'is not an event id');
    return id;
  }
  /** The events, after the requested wait. */
  async function walk(
    { query, request }: Pick<Call<typeof ops.listEvents>, 'query' | 'request'>,
    topic: Topic,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<Placed>> {
    const { after, cursor, wait: seconds = 0 } = query;
    if (isNewestFirst(query)) return newestFirst(read, topic, pageOf(query, listOf(request)));
    const from = cursor === undefined ? eventId('after', after ?? '') : eventId('cursor', cursor);
    if (seconds > 0 && request.method !== 'HEAD') await wait(topic, from, seconds, signal);
    return oldestFirst(read, topic, { limit: query.limit ?? 50, cursor: from });
  }

  handle(ops.listEvents, async ({ query, params, projectId, request, reply }) => {
    const topic = found(await read.topic(projectId, params.id));
    const { full = false } = query;
    const signal = goneSignal(reply);
    const options: RenderOptions = { body: full, inline: false, deprecated: false };
    const ahead = createShownAhead(read);
    const page = eventPage(await walk({ query, request }, topic, signal), {
      limit: query.limit ?? 50,
      render: ({ event, following }) =>
        deps.renderEvent(event, options, signal, (project, id) => ahead.shown(project, id, following)),
      signal,
      // From the oldest on, it is an event id and works as `after`, too.
      cursorOf: (cursor) => (isNewestFirst(query) ? marked(cursor, listOf(request)) : cursor),
    });
    return reply.streamed(page, {
      type: JSON_TYPE,
      share: projectId,
      signal,
      ids: { topic: topic.id },
    });
  });
  handle(ops.getEvent, async ({ query, params, projectId, reply }) => {
    const event = found(await read.event(projectId, params.id));
    const { as, inline = false } = query;
    const signal = goneSignal(reply);
    const pieces = whole(event, { body: true, inline, deprecated: as === 'hook' }, signal);
    return reply.streamed(pieces, {
      type: JSON_TYPE,
      share: projectId,
      signal,
      ids: { event: event.id },
    });
  });
  async function* whole(
    event: EventRow,
    options: RenderOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    let isStarted = false;
    try {
      for await (const piece of (await deps.renderEvent(event, options, signal)).pieces(signal)) {
        isStarted = true;
        yield piece;
      }
      // An answer that ends because of the signal is not complete.
      signal.throwIfAborted();
    } catch (error) {
      throw error instanceof MessageGone && !isStarted ? notFound() : error;
    }
  }
}
const isNewestFirst = ({ after, wait = 0 }: Call<typeof ops.listEvents>['query']) =>
  after === undefined && wait === 0;
const tooManyWaiting = () =>
  new Problem(
    'too-many-waiting',
    `${MOST_WAITING} requests of this project already wait for events, try again later`,
    { headers: { 'retry-after': '10' } },
  );
