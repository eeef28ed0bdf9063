/**
 * One call of a subscriber: what its kind makes of an event (a request or a letter), sending it, and what the outcome
 * means. The dispatcher, previews and tests use it, so all of them send the same. Invariant: nothing that it returns or
 * throws as HttpError holds a secret of the subscriber. Fails with HttpError, with the errors of rendering, with NoPlace,
 * or with the signal's reason.
 */
import { cutText } from '../reading/text.ts';
import { type HttpClient, HttpError } from '../runtime/http-client.ts';
import type { SubscriberId } from '../runtime/ids.ts';
import type { Settings } from '../runtime/settings.ts';
import { type EventMailDeps, type Mailed, mailEvent } from './event-mail.ts';
import type { EventRequest, HttpKind, RequestDeps, SubscriberKind, Verdict } from './kinds/kind.ts';
import { masked } from './kinds/masked.ts';
import { type RenderDeps, renderEvent } from './render-event.ts';
import { MAX_ANSWER, TIMEOUT_MS } from './retries.ts';
import type { EventRow } from './topics.ts';

/** `via: 'http'`: the subscriber's answer. `via: 'mail'`: what became of the letter. */
export type Called =
  | {
      readonly via: 'http';
      readonly status: number;
      /** At most 512 octets. */
      readonly answer: string;
      readonly verdict: Verdict;
    }
  | ({ readonly via: 'mail' } & Mailed);

export interface Target<K extends SubscriberKind = SubscriberKind> {
  readonly id: SubscriberId;
  readonly kind: K;
  readonly settings: Settings;
  /** The opened sealed settings. */
  readonly sealed: Settings;
}
export interface CallDeps {
  readonly http: HttpClient;
  readonly render: RenderDeps;
  readonly mail: EventMailDeps;
}
export interface CallOptions extends Pick<RequestDeps, 'now' | 'large'> {
  readonly allowLoopback: boolean;
  /** Ends the request; `large.signal` ends what comes before it. */
  readonly signal: AbortSignal;
}
const MOST_SHOWN = 512;

/** What the kind makes its request or letter from. */
export async function makingOf(
  { kind, settings, sealed }: Omit<Target, 'id'>,
  event: EventRow,
  render: RenderDeps,
  { now, large }: Pick<RequestDeps, 'now' | 'large'>,
): Promise<RequestDeps> {
  const rendered = await renderEvent(event, kind.options(settings), render, large.signal);
  return { event, rendered, settings, sealed, now, publicUrl: render.publicUrl, large };
}
export async function requestFor(kind: HttpKind, making: RequestDeps): Promise<EventRequest> {
  const made = await kind.request(making);
  return { ...made, headers: { 'user-agent': 'Hikyaku', ...made.headers } };
}

export async function callSubscriber(
  target: Target,
  event: EventRow,
  { http, render, mail }: CallDeps,
  options: CallOptions,
): Promise<Called> {
  const { id, kind, sealed } = target;
  const making = await makingOf(target, event, render, options);
  if (kind.transport === 'mail')
    return { via: 'mail', ...(await mailEvent(kind, id, making, mail, render.spool)) };
  using request = await requestFor(kind, making);
  try {
    const answer = await http.post(request.url, {
      share: event.projectId,
      headers: request.headers,
      body: request.body,
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_ANSWER,
      allowLoopback: options.allowLoopback,
      signal: options.signal,
    });
    return {
      via: 'http',
      status: answer.status,
      answer: cutText(masked(answer.bodyText, sealed), MOST_SHOWN).text,
      verdict: kind.judge(answer),
    };
  } catch (error) {
    if (error instanceof HttpError) throw new HttpError(error.code, masked(error.message, sealed));
    throw error;
  }
}
