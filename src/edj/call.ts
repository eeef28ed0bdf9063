/**
 * One call of a subscriber: the request that its kind makes of an event, the guarded client, and what the answer means.
 * The dispatcher, previews and tests use it, so all of them send the same. Invariant: nothing that it returns or throws
 * as HttpError holds a secret of the subscriber. Fails with HttpError, with the errors of rendering, with NoPlace, or
 * with the signal's reason.
 */
import { cutText } from '../reading/text.ts';
import { type HttpClient, HttpError } from '../runtime/http-client.ts';
import type { Settings } from '../runtime/settings.ts';
import type { EventRequest, RequestDeps, SubscriberKind, Verdict } from './kinds/kind.ts';
import { masked } from './kinds/masked.ts';
import { type RenderDeps, renderEvent } from './render-event.ts';
import { MAX_ANSWER, TIMEOUT_MS } from './retries.ts';
import type { EventRow } from './topics.ts';

export interface Called {
  readonly status: number;
  /** At most 512 octets. */
  readonly answer: string;
  readonly verdict: Verdict;
}
export interface Target {
  readonly kind: SubscriberKind;
  readonly settings: Settings;
  /** The opened sealed settings. */
  readonly sealed: Settings;
}
export interface CallOptions extends Pick<RequestDeps, 'now' | 'large'> {
  readonly allowLoopback: boolean;
  /** Ends the request; `large.signal` ends what comes before it. */
  readonly signal: AbortSignal;
}
const MOST_SHOWN = 512;

export async function requestFor(
  { kind, settings, sealed }: Target,
  event: EventRow,
  render: RenderDeps,
  { now, large }: Pick<RequestDeps, 'now' | 'large'>,
): Promise<EventRequest> {
  const rendered = await renderEvent(event, kind.options(settings), render, large.signal);
  const { publicUrl } = render;
  const made = await kind.request({ event, rendered, settings, sealed, now, publicUrl, large });
  return { ...made, headers: { 'user-agent': 'Hikyaku', ...made.headers } };
}

export async function callSubscriber(
  target: Target,
  event: EventRow,
  { http, render }: { readonly http: HttpClient; readonly render: RenderDeps },
  { now, large, allowLoopback, signal }: CallOptions,
): Promise<Called> {
  const { kind, sealed } = target;
  using request = await requestFor(target, event, render, { now, large });
  try {
    const answer = await http.post(request.url, {
      share: event.projectId,
      headers: request.headers,
      body: request.body,
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_ANSWER,
      allowLoopback,
      signal,
    });
    return {
      status: answer.status,
      answer: cutText(masked(answer.bodyText, sealed), MOST_SHOWN).text,
      verdict: kind.judge(answer),
    };
  } catch (error) {
    if (error instanceof HttpError) throw new HttpError(error.code, masked(error.message, sealed));
    throw error;
  }
}
