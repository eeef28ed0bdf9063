/**
 * The definition of a kind of subscriber: its settings, and what it makes of an event. Kinds over HTTP make a request and
 * say what an answer means; kinds over mail make a letter, which the service sends. The dispatcher does the rest
 * (dispatcher.ts): places, retries, settling.
 */
import type { Address } from '../../mail/address.ts';
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
  /** The opened sealed settings (sealed.ts). */
  readonly sealed: Settings;
  /** Wall time, in seconds. */
  readonly now: number;
  /** Prefix of URLs, without trailing slash. */
  readonly publicUrl: string;
  /** What a body needs that is too large to be held in memory as a whole. */
  readonly large: { readonly places: Places; readonly share: string; readonly signal: AbortSignal };
}
/**
 * `refused`: the same request would be refused again, so this delivery ends. `gone`: so would any request. `later`: the
 * delivery is retried, at least so many seconds later.
 */
export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfter: number };

interface Kind {
  readonly label: Labels;
  /** One sentence for the person who adds a subscriber: what the kind does, or what it needs. */
  readonly about: Labels;
  /** The settings. In API bodies they stand beside `type`. Secret settings are stored sealed. */
  readonly fields: Fields;
  /** Makes the secret of a new subscriber. The answer that adds it has it as `secret`; it is never shown again. */
  makeSecret?(random: Random): string;
  /** Example settings for the documents. */
  readonly example: Settings;
  /** How events are rendered for a subscriber with these settings. */
  options(settings: Settings): RenderOptions;
}
export interface HttpKind extends Kind {
  readonly transport: 'http';
  /** Rejects with the errors of rendering, and with NoPlace. */
  request(deps: RequestDeps): Promise<EventRequest>;
  judge(answer: HttpResponse): Verdict;
}
/** What a letter is made of, beside what a request is made of. */
export interface LetterDeps extends RequestDeps {
  /** Of the topics that the event has passed as mail, this one last (event-trace.ts). */
  readonly trace: readonly string[];
  /** Octets of a message, at most. */
  readonly sizeLimit: number;
  /** The message that the event shows, as the API shows it; null: it shows none, or the message is gone. */
  readonly original: (() => Promise<Buffer | null>) | null;
}
/** A whole message and its envelope. Its reverse-path is null. */
export interface Letter {
  readonly from: Address;
  readonly recipients: readonly Address[];
  readonly header: string;
  readonly body: Buffer;
}
export interface MailKind extends Kind {
  readonly transport: 'mail';
  /** The author's address; its domain must be one of the project. */
  sender(settings: Settings): Address;
  /** The same letter for the same event and `now`. Rejects with the errors of rendering. */
  letter(deps: LetterDeps): Promise<Letter>;
}
export type SubscriberKind = HttpKind | MailKind;

/** 2xx means done, 410 means gone. Any other status means later. */
export function judgeByStatus(answer: HttpResponse): Verdict {
  if (answer.status >= 200 && answer.status < 300) return { kind: 'done' };
  return answer.status === 410 ? { kind: 'gone' } : later(answer);
}
/** After what Retry-After asks for, else after `otherwise`, in seconds. */
export function later({ headers }: HttpResponse, otherwise = 0): Verdict {
  return { kind: 'later', retryAfter: askedFor(headers) ?? otherwise };
}
/**
 * RFC 9110 §10.2.3, in seconds; null: nothing that can be read. A date is compared with the answer's own `Date`, so that a
 * server whose clock is wrong asks for what it means.
 */
function askedFor(headers: HttpResponse['headers']): number | null {
  const asked = headers['retry-after'] ?? '';
  if (/^\d{1,9}$/.test(asked)) return Number(asked);
  const [until, now] = [timeOf(asked), timeOf(headers['date'] ?? '')];
  return until === null || now === null ? null : Math.max(0, (until - now) / 1000);
}
/** RFC 9110 §5.6.7, of its forms the one that is not obsolete. ms. */
const DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
function timeOf(text: string): number | null {
  const time = DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}
