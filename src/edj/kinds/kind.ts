/**
 * What a kind of subscriber is: its settings, the request that an event becomes, and what an answer means. The dispatcher
 * does the rest (dispatcher.ts): places, retries, settling.
 */
import type { HttpBody, HttpResponse } from '../../runtime/http-client.ts';
import type { Places } from '../../runtime/places.ts';
import type { Random } from '../../runtime/random.ts';
import type { Fields, Labels, Settings } from '../../runtime/settings.ts';
import type { RenderedEvent, RenderOptions } from '../render-event.ts';
import type { EventRow } from '../topics.ts';

export interface EventRequest extends Disposable {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: HttpBody;
}
export interface RequestDeps {
  readonly event: EventRow;
  readonly rendered: RenderedEvent;
  readonly settings: Settings;
  /** As `open` gave it. */
  readonly sealed: Settings;
  /** Wall time, in seconds. */
  readonly now: number;
  /** For a body that is not kept whole. */
  readonly large: { readonly places: Places; readonly share: string; readonly signal: AbortSignal };
}
/** `gone`: it is never asked again. `later`: it is tried again, after so many seconds at least. */
export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfter?: number };

export interface SubscriberKind {
  readonly label: Labels;
  /** A sentence for whoever adds one: what it does, or what it needs. */
  readonly about: Labels;
  /** On the wire they stand beside `type`. Secret ones are sealed. */
  readonly fields: Fields;
  /** Makes the secret of a new subscriber: `secret` of the answer that adds it, and never shown again. */
  makeSecret?(random: Random): string;
  /** Settings that show how one is added, in the documents. */
  readonly example: Settings;
  /** How events are rendered for it. */
  options(settings: Settings): RenderOptions;
  /** Rejects with what rendering rejects with, and with NoPlace. */
  request(deps: RequestDeps): Promise<EventRequest>;
  judge(answer: HttpResponse): Verdict;
}

/** 2xx is done, 410 gone; else later, as Retry-After asks in seconds. */
export function judgeByStatus({ status, headers }: HttpResponse): Verdict {
  if (status >= 200 && status < 300) return { kind: 'done' };
  if (status === 410) return { kind: 'gone' };
  const asked = headers['retry-after'];
  return asked !== undefined && /^\d{1,6}$/.test(asked)
    ? { kind: 'later', retryAfter: Number(asked) }
    : { kind: 'later' };
}
