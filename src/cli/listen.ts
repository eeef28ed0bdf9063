/**
 * `hikyaku listen`: waits for the events of a project's topics and posts them to a hook on this machine, with
 * the octets and the signature that a subscriber would get. It is for development. It prints the hook's
 * answer and does not retry after an error answer. If the hook or the service cannot be reached, it waits, so
 * no event is lost while one of them restarts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isLoopback } from '../config/config.ts';
import { makeWebhookSecret } from '../edj/webhook-signature.ts';
import { createRandom } from '../runtime/random.ts';
import { ACCESS_OPTIONS, type ApiClient, clientOf, pauseBefore } from './api-client.ts';
import { forwardEvent } from './forward.ts';
import { type CommandContext, parseWordsAndOptions, UsageError } from './usage.ts';

const WAIT_SECONDS = 10;

interface Event {
  readonly id: string;
  readonly name: string;
}
interface EventPage {
  readonly items: readonly Event[];
  readonly next_cursor: string | null;
}
interface Forwarded {
  readonly id: string;
  readonly name: string;
  readonly status: number;
}

export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { words, options } = parseWordsAndOptions(args, {
    ...ACCESS_OPTIONS,
    topic: { type: 'string' },
    forward: { type: 'string' },
    secret: { type: 'string' },
    inline: { type: 'boolean' },
    count: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (words.length > 0) throw new UsageError(`unexpected argument: ${words[0]}`);
  if (options.forward === undefined)
    throw new UsageError('needs --forward with the URL of a hook on this machine');
  const forward = URL.parse(options.forward);
  if (
    forward === null ||
    !/^https?:$/.test(forward.protocol) ||
    !isLoopback(forward.hostname.replace(/^\[|\]$/g, ''))
  )
    throw new UsageError('--forward needs an http or https URL on this machine');
  if (options.count !== undefined && !/^[1-9]\d{0,8}$/.test(options.count))
    throw new UsageError('--count is a whole number');
  const most = Number(options.count ?? Number.POSITIVE_INFINITY);
  const secret = options.secret ?? makeWebhookSecret(createRandom());
  if (!/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(secret)) throw new UsageError('--secret is whsec_ and base64');
  const inline = options.inline === true;
  const enough = new AbortController();
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const client = clientOf(options, { ...context, signal });
  const topics: string[] = [];
  if (options.topic !== undefined) topics.push(options.topic);
  else for (const { id } of (await client.get('/edj/v1/topics?limit=500')).items) topics.push(id);
  if (topics.length === 0) throw new Error('the project has no topic to listen to');
  const places = await Promise.all(
    topics.map(async (topic) => ({ topic, after: await newest(client, topic) })),
  );
  process.stderr.write(
    `listening to ${topics.length} ${topics.length === 1 ? 'topic' : 'topics'}, signing with ${secret}\n`,
  );
  const forwarded: Forwarded[] = [];
  async function follow({ topic, after: from }: { topic: string; after: string }): Promise<void> {
    let after = from;
    while (!signal.aborted) {
      const path = `/edj/v1/topics/${encodeURIComponent(topic)}/events?wait=${WAIT_SECONDS}&after=${after}`;
      const { items, next_cursor: next } = await eventsOf(client, path, signal);
      for (const event of items) {
        if (signal.aborted) return;
        const status = await forwardEvent(event.id, { client, hook: forward!, secret, inline, signal });
        after = event.id;
        if (status === null) continue;
        forwarded.push({ id: event.id, name: event.name, status });
        process.stderr.write(`${event.name} ${event.id}: the hook answered ${status}\n`);
        if (forwarded.length >= most) return enough.abort();
      }
      after = next ?? after;
    }
  }
  try {
    await Promise.all(places.map(follow));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify(forwarded)}\n`);
  return 0;
}

/** The next events. If the service is away (for example, during a restart) or too busy, waits for it. */
async function eventsOf(client: ApiClient, path: string, signal: AbortSignal): Promise<EventPage> {
  for (;;) {
    try {
      return await client.get(path);
    } catch (error) {
      const pause = pauseBefore(error);
      if (pause === null) throw error;
      process.stderr.write(`${(error as Error).message}; waiting for it\n`);
      await delay(pause, undefined, { signal });
    }
  }
}
/** The place to begin: after the newest event. */
async function newest(client: ApiClient, topic: string): Promise<string> {
  const { items } = await client.get(`/edj/v1/topics/${encodeURIComponent(topic)}/events?limit=1`);
  return items[0]?.id ?? '';
}
