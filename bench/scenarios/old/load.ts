/** An open loop of messages over the API, and what the service's process takes meanwhile. */
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bootstrapped, Running } from '../../../test/journeys/harness.ts';
import { authorization } from '../../../test/journeys/journey.ts';
import { rss } from '../scenario.ts';

const AGAIN_MS = 250;

/** One message: when it was sent, and how long it took to be accepted (ms). */
export interface Sample {
  readonly at: number;
  readonly ms: number;
}
/** A service with the one that sends. */
export interface Target {
  readonly service: Running;
  readonly who: Bootstrapped;
}

/** Sends at this rate until `act` is done; one that is refused is an error. In the order of sending. */
export async function acceptWhile(
  target: Target,
  perSecond: number,
  act: () => Promise<unknown>,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const pending = new Set<Promise<void>>();
  const began = performance.now();
  const state = { over: false };
  const acting = act().finally(() => {
    state.over = true;
  });
  acting.catch(() => {}); // it is awaited when the loop has ended
  const failed: unknown[] = [];
  for (let i = 0; !state.over && failed.length === 0; i += 1) {
    await delay(Math.max(0, began + (i * 1000) / perSecond - performance.now()));
    const at = performance.now();
    const one = accepted(target)
      .then(() => void samples.push({ at, ms: performance.now() - at }))
      .catch((error: unknown) => void failed.push(error))
      .finally(() => pending.delete(one));
    pending.add(one);
  }
  await Promise.all([acting, ...pending]);
  if (failed.length > 0) throw failed[0];
  return samples.sort((a, b) => a.at - b.at);
}
/** One that is told to come again, or whose connection is cut, does, as clients do: that is a part of how long it took. */
async function accepted(target: Target): Promise<void> {
  while (!(await tried(target).catch(isCut))) await delay(AGAIN_MS);
}
/** What `fetch` makes of a connection that ended is a TypeError. */
function isCut(error: unknown): false {
  if (error instanceof TypeError) return false;
  throw error;
}
async function tried({ service, who }: Target): Promise<boolean> {
  const response = await fetch(`http://${service.ready.http}/mta/v1/tasks?is_sync=true`, {
    method: 'POST',
    headers: { authorization: authorization(who), 'content-type': 'application/json' },
    body: JSON.stringify({
      procedure: 'send_message',
      arguments: {
        self: who.domain_url,
        from: ['sender@sender.test'],
        to: ['someone@out.test'],
        subject: 'x',
        content_type: 'text/plain; charset=UTF-8',
        body: 'x'.repeat(2000),
      },
    }),
  });
  const text = await response.text();
  if (response.status === 429 || response.status === 503) return false;
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return true;
}

/** The most that the process and its log have had, MiB. */
export interface Sizes extends Disposable {
  readonly rss: number;
  readonly wal: number;
  /** Most memory since it was last asked. */
  lately(): number;
}
/** Looks four times a second; `file`: of the embedded store. */
export function watchSizes({ child }: Running, file: string | null): Sizes {
  const most = { rss: 0, wal: 0, lately: 0 };
  const look = () => {
    most.lately = Math.max(most.lately, rss(child.pid!));
    most.rss = Math.max(most.rss, most.lately);
    if (file !== null)
      most.wal = Math.max(most.wal, mib(statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0));
  };
  const timer = setInterval(look, 250);
  return {
    get rss() {
      return most.rss;
    },
    get wal() {
      return most.wal;
    },
    lately() {
      const { lately } = most;
      most.lately = 0;
      return lately;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
export const descriptors = ({ child }: Running) => readdirSync(`/proc/${child.pid}/fd`).length;
export const mib = (octets: number) => octets / 1024 ** 2;
