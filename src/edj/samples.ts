/**
 * Samples of events: the contract's examples as rows that no store holds. Previews show what a subscriber would be sent
 * for one; tests send one now, through the same call as deliveries (call.ts). Invariants: every sample says in its text
 * that it is a test; a test is no delivery, so nothing is stored or repeated; no secret comes out. The preview of an event
 * is the same each time. Fails as rendering does.
 */
import type { EventContent } from '../contract/event-contents.ts';
import { EVENT_EXAMPLES } from '../contract/event-examples.ts';
import { EVENTS, type EventName } from '../contract/events.ts';
import { EXAMPLE, EXAMPLE_URL } from '../contract/example-ids.ts';
import { readHeaderSection } from '../mail/headers.ts';
import type { Clock } from '../runtime/clock.ts';
import { HttpError, type HttpErrorCode } from '../runtime/http-client.ts';
import type { EventId, ProjectId, TopicId } from '../runtime/ids.ts';
import { createPlaces } from '../runtime/places.ts';
import type { Random } from '../runtime/random.ts';
import { type CallDeps, type Called, callSubscriber, makingOf, requestFor, type Target } from './call.ts';
import { letterFor } from './event-mail.ts';
import type { Letter } from './kinds/kind.ts';
import { masked } from './kinds/masked.ts';
import type { EventRow } from './topics.ts';

export interface Place {
  readonly project: ProjectId;
  readonly topicId: TopicId;
}
/** `SMTP`: `url` has the recipients (RFC 6068), `headers` the header of the message. */
export interface Preview {
  readonly method: 'POST' | 'SMTP';
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: string;
}
/** `ms`: how long the request took. */
export type Tested = { readonly ms: number } & (
  | ({ readonly kind: 'answered' } & Called)
  | { readonly kind: 'failed'; readonly code: HttpErrorCode; readonly detail: string }
);
export interface Samples {
  /** What would be sent, without the secrets. */
  preview(target: Omit<Target, 'id'>, place: Place, name: EventName): Promise<Preview>;
  /** Sends a sample now. Rejects with the signal's reason. */
  test(target: Target, place: Place, name: EventName, signal: AbortSignal): Promise<Tested>;
}
const SAYING = 'This is a test. これはテストです。';
const PREVIEWED = { id: EXAMPLE.event as EventId, at: Date.UTC(2026, 0, 2, 3, 4, 5) };

export function sampleEvent(
  name: EventName,
  { project, topicId }: Place,
  { id, at }: typeof PREVIEWED = PREVIEWED,
  publicUrl: string = EXAMPLE_URL,
): EventRow {
  const { content, summary } = contentOf(name);
  return {
    id,
    projectId: project,
    topicId,
    service: EVENTS[name].service,
    name,
    createdAt: at,
    expiresAt: null,
    keepUntil: at,
    messageId: null,
    content: JSON.parse(JSON.stringify(content).replaceAll(EXAMPLE_URL, publicUrl)),
    summary,
  };
}
function contentOf(name: EventName): { readonly content: object; readonly summary: string } {
  const { content, summary } = EVENT_EXAMPLES[name];
  const marked = `${SAYING}\n${summary}`;
  if ('parsed' in content) return mailOf(content, summary);
  return { content: name === 'publish' ? { message: marked } : content, summary: marked };
}
/** The mail of the example as plain text: without its attachments, whose octets are in no store. */
function mailOf(
  content: EventContent<'incoming'> | EventContent<'outgoing'>,
  summary: string,
): { readonly content: object; readonly summary: string } {
  const { header_list: list, header_map: map, parsed } = content;
  const subject = `[Test] ${parsed.subject}`;
  const text = `${SAYING}\n${parsed.text}`;
  const { 'MIME-Version': _, 'Content-Type': __, ...fields } = map;
  const head = summary.slice(0, summary.indexOf('\n\n'));
  return {
    summary: `${head.replace(/^Subject: .*$/m, () => `Subject: ${subject}`)}\n\n${text}`,
    content: {
      ...content,
      header_list: list
        .filter(({ raw_name: field }) => Object.hasOwn(fields, field))
        .map((field) => (field.raw_name === 'Subject' ? { ...field, raw_value: ` ${subject}` } : field)),
      header_map: { ...fields, Subject: [subject] },
      body: text.replaceAll('\n', '\r\n'),
      parsed: { ...parsed, subject, text, html: null, attachments: [] },
    },
  };
}

function previewOf({ recipients, header, body }: Letter): Preview {
  const { fields } = readHeaderSection(Buffer.from(`${header}\r\n`));
  return {
    method: 'SMTP',
    url: `mailto:${recipients.map(({ wire }) => encodeURIComponent(wire).replaceAll('%40', '@')).join(',')}`,
    headers: fields.map(({ rawName, rawValue }) => ({ name: rawName, value: rawValue.trim() })),
    body: body.toString('utf8'),
  };
}

export interface SamplesDeps extends CallDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** As for deliveries. */
  readonly allowLoopback: (project: ProjectId) => Promise<boolean>;
}
export function createSamples(deps: SamplesDeps): Samples {
  const { render, clock, random } = deps;
  const places = createPlaces(1, clock);
  return {
    async preview(target, place, name) {
      const event = sampleEvent(name, place, PREVIEWED, render.publicUrl);
      const { signal } = new AbortController();
      const large = { places, share: place.project, signal };
      const { kind } = target;
      const making = await makingOf(target, event, render, { now: PREVIEWED.at / 1000, large });
      if (kind.transport === 'mail') return previewOf(await letterFor(kind, making, deps.mail));
      using request = await requestFor(kind, making);
      const { url, headers, body } = request;
      const pieces: Buffer[] = [];
      if (Buffer.isBuffer(body)) pieces.push(body);
      else for await (const piece of body.pieces(signal)) pieces.push(piece);
      const hide = (text: string) => masked(text, target.sealed);
      return {
        method: 'POST',
        url: hide(url),
        headers: Object.entries(headers).map(([name, value]) => ({ name, value: hide(value) })),
        body: hide(Buffer.concat(pieces).toString('utf8')),
      };
    },
    async test(target, place, name, signal) {
      const at = clock.now();
      const event = sampleEvent(name, place, { id: random.id(), at }, render.publicUrl);
      const allowLoopback = await deps.allowLoopback(place.project);
      const large = { places, share: place.project, signal };
      const options = { now: Math.floor(at / 1000), large, allowLoopback, signal };
      const begun = clock.monotonic();
      const ms = () => Math.round(clock.monotonic() - begun);
      try {
        const called = await callSubscriber(target, event, deps, options);
        return { kind: 'answered', ...called, ms: ms() };
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        return { kind: 'failed', code: error.code, detail: error.message, ms: ms() };
      }
    },
  };
}
