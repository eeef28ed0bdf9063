/**
 * Posts one event to a hook on this machine, with the octets and the signature that a subscriber gets. A
 * large event is not held in memory: the command reads it once to sign it and once more to forward it; the
 * service sends the same octets each time. If the hook or the service cannot be reached, the command waits
 * for it.
 */
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { webhookSigner } from '../edj/webhook-signature.ts';
import { systemClock } from '../runtime/clock.ts';
import { type ApiClient, pauseBefore, RefusedByService, ServiceAway } from './api-client.ts';

const HELD = 1024 * 1024;
const AGAIN_MS = 1_000;
const TIMEOUT_MS = 15_000;

export interface Forward {
  readonly client: ApiClient;
  readonly hook: URL;
  /** `whsec_` followed by base64. */
  readonly secret: string;
  /** Includes the content of attachments, as for a subscriber with `inline`. */
  readonly inline: boolean;
  readonly signal: AbortSignal;
}
interface Ready {
  readonly headers: Record<string, string>;
  readonly body: Buffer | Readable;
}

/**
 * Returns the status that the hook answers with; null if the event no longer exists. Throws RefusedByService.
 */
export async function forwardEvent(id: string, forward: Forward): Promise<number | null> {
  const { client, hook, signal } = forward;
  const away = createWaiting(signal);
  for (;;) {
    try {
      const { headers, body } = await prepare(id, forward);
      try {
        const answer = await request(hook, {
          method: 'POST',
          headers,
          body,
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        });
        await answer.body.dump();
        return answer.statusCode;
      } catch (error) {
        if (signal.aborted || error instanceof ServiceAway || error instanceof RefusedByService) throw error;
        await away(`${hook.href} cannot be reached, waiting for it`, AGAIN_MS);
      }
    } catch (error) {
      if (error instanceof RefusedByService && error.status === 404) return null;
      const pause = pauseBefore(error);
      if (pause === null) throw error;
      const why = error instanceof ServiceAway ? 'does not answer' : 'is too busy';
      await away(`${client.url} ${why}, waiting for it`, pause);
    }
  }
}

async function prepare(id: string, { client, secret, inline }: Forward): Promise<Ready> {
  const path = `/edj/v1/events/${id}?as=hook${inline ? '&inline=true' : ''}`;
  const signer = webhookSigner(id, Math.floor(systemClock.now() / 1000), [secret]);
  const held: Buffer[] = [];
  let size = 0;
  for await (const piece of client.octets(path)) {
    signer.update(piece);
    size += piece.length;
    if (size <= HELD) held.push(piece);
    else held.length = 0;
  }
  return {
    headers: {
      'content-type': 'application/json',
      'content-length': String(size),
      'user-agent': 'Hikyaku',
      ...signer.headers(),
    },
    body: size <= HELD ? Buffer.concat(held) : Readable.from(client.octets(path), { objectMode: false }),
  };
}

/** Waits for a moment; writes the reason once for each different reason. */
function createWaiting(signal: AbortSignal): (why: string, ms: number) => Promise<void> {
  const told = new Set<string>();
  return async (why, ms) => {
    if (!told.has(why)) process.stderr.write(`${why}\n`);
    told.add(why);
    await delay(ms, undefined, { signal });
  };
}
