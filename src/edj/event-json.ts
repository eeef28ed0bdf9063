/**
 * The JSON of an event (format v1), as segments. Small parts are octets; for the body and the contents of
 * attachments, a segment says which octets of the message belong there. Pure, for the event loop and for the
 * workers; the same input gives the same segments.
 */
import { parseDate } from '../mail/dates.ts';
import { decodeWords } from '../mail/encoded-words.ts';
import { headerText } from '../mail/header-octets.ts';
import { findHeader, type HeaderField, readHeaderSection, unfold } from '../mail/headers.ts';
import type { Span } from '../mail/structure.ts';
import type { Part, Reading, ReadMailbox, TextOf } from '../reading/reading.ts';
import { decodeReading } from '../reading/stored.ts';
import { cutText, withPlainLineEnds } from '../reading/text.ts';
import type { Encoding } from '../reading/transfer.ts';
import type { EventRow } from './topics.ts';

export interface RenderOptions {
  /** The event has `content.body`. */
  readonly body: boolean;
  /** Attachments have their content. */
  readonly inline: boolean;
  /** Adds short, raw and topic_id, which are deprecated and set for HTTP hooks only. */
  readonly deprecated: boolean;
  /** Leaves out the header, text and HTML of a message; the summary has the beginning of its text. */
  readonly brief?: true;
}
/** A piece of the octets of a message, with its position. */
export interface Octets {
  readonly at: Span;
  readonly octets: Uint8Array;
}
export interface EventJob {
  readonly event: EventRow;
  readonly options: RenderOptions;
  /** Prefix of URLs, without trailing slash. */
  readonly publicUrl: string;
  readonly message: {
    readonly id: string;
    readonly messageIdHeader: string;
    readonly incoming: boolean;
    readonly size: number;
    readonly prefix: Uint8Array;
    /** In the stored form. */
    readonly reading: Uint8Array;
    /** The first octets, and further ones that were needed. */
    readonly octets: readonly Octets[];
  };
}
/** `octets`: sent unchanged. Other kinds: octets of the message, as the content of a JSON string. */
export type Segment =
  | { readonly kind: 'octets'; readonly octets: Uint8Array }
  | { readonly kind: 'text' | 'base64'; readonly at: Span }
  | { readonly kind: 'part'; readonly at: Span; readonly encoding: Encoding };
/** `needs`: the event shows octets that were not given. Call eventJson again with them. */
export type EventJson =
  | { readonly kind: 'made'; readonly segments: readonly Segment[] }
  | { readonly kind: 'needs'; readonly spans: readonly Span[] };

/** Event format: a summary has at most 8 KiB. */
const MOST_SUMMARY = 8 * 1024;

/** The JSON of an event that shows a message. */
export function eventJson(job: EventJob): EventJson {
  const { event, options, message } = job;
  const reading = decodeReading(bufferOf(message.reading));
  const { brief = false } = options;
  const needs = [reading.text, ...(brief ? [] : [reading.html])].flatMap((of) =>
    of !== null && 'at' in of && findOctets(message.octets, of.at) === null ? [of.at] : [],
  );
  if (needs.length > 0) return { kind: 'needs', spans: needs };
  const text = textOf(reading.text, message.octets);
  const fields = fieldsOf(message, reading);
  const summary = summaryOf(fields, text === null || text.trim() === '' ? (reading.summary ?? '') : text);
  const header = {
    header_list: brief
      ? []
      : fields.map(({ rawName, rawValue }) => ({ raw_name: rawName, raw_value: rawValue })),
    header_map: brief ? {} : headerMap(fields),
  };
  const rest = {
    ...(event.content as object),
    id: message.id,
    message_id: message.messageIdHeader,
    raw_url: `${job.publicUrl}/mta/v1/messages/${message.id}/raw`,
    parsed: {
      subject: reading.subject,
      // If the message was sent without a date, this service's Date field has the time.
      date: reading.date ?? dateOf(fields),
      from: mailboxes(reading.from),
      sender: mailboxes(reading.sender),
      reply_to: mailboxes(reading.replyTo),
      to: mailboxes(reading.to),
      cc: mailboxes(reading.cc),
      text: brief ? null : text,
      html: brief ? null : textOf(reading.html, message.octets),
      attachments: reading.parts.map(({ name, contentType, disposition, contentId, size }) => ({
        name,
        content_type: contentType,
        disposition,
        content_id: contentId,
        size,
      })),
    },
    ...(reading.defects.length === 0 ? {} : { defects: reading.defects }),
  };
  const body: Segment = { kind: reading.utf8 ? 'text' : 'base64', at: [reading.bodyStart, message.size] };
  const content = [
    json(header).slice(0, -1),
    ...(options.body ? [',"body":"', body, reading.utf8 ? '"' : '","body_encoding":"base64"'] : []),
    `,${json(rest).slice(1)}`,
  ];
  return {
    kind: 'made',
    segments: joined(envelope(event, options, json(summary), content, attachmentsOf(reading.parts, options))),
  };
}

/** The JSON of an event that shows no message. */
export function plainEventJson(event: EventRow, options: RenderOptions): Buffer {
  const summary = json(cutText(withPlainLineEnds(event.summary ?? ''), MOST_SUMMARY).text);
  const parts = envelope(event, options, summary, [json(event.content)], ['[]']);
  return Buffer.from(parts.join(''), 'utf8');
}

type Pieces = readonly (string | Segment)[];
function envelope(
  event: EventRow,
  options: RenderOptions,
  summary: string,
  content: Pieces,
  attachments: Pieces,
): Pieces {
  const { id, service, name, createdAt, expiresAt, topicId } = event;
  const iso = (ms: number) => new Date(ms).toISOString();
  return [
    json({ '@version': '1', id, service, name }).slice(0, -1),
    `,"summary":${summary},"content":`,
    ...content,
    ',"attachments":',
    ...attachments,
    `,"created_at":${json(iso(createdAt))}`,
    expiresAt === null ? '' : `,"expires_at":${json(iso(expiresAt))}`,
    ...(options.deprecated ? [`,"short":${summary},"raw":`, ...content, `,"topic_id":${json(topicId)}`] : []),
    '}',
  ];
}
function attachmentsOf(parts: readonly Part[], { inline }: RenderOptions): Pieces {
  return [
    '[',
    ...parts.flatMap(({ contentType, name, at, encoding }, i) => [
      `${i === 0 ? '' : ','}${json({ content_type: contentType, filename: name ?? '', encoding: 'base64' }).slice(0, -1)},"content":"`,
      ...(inline ? [{ kind: 'part', at, encoding } as const] : []),
      '"}',
    ]),
    ']',
  ];
}
/** Joins neighbouring texts to one segment of octets. */
function joined(pieces: Pieces): Segment[] {
  const segments: Segment[] = [];
  let texts: string[] = [];
  const flush = () => {
    if (texts.length > 0) segments.push({ kind: 'octets', octets: Buffer.from(texts.join(''), 'utf8') });
    texts = [];
  };
  for (const piece of pieces) {
    if (typeof piece === 'string') texts.push(piece);
    else {
      flush();
      segments.push(piece);
    }
  }
  flush();
  return segments;
}
function json(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}

/** This service's trace fields, and the fields of the message without forged results of this service. */
function fieldsOf(
  { prefix, octets, incoming }: EventJob['message'],
  { forged }: Reading,
): readonly HeaderField[] {
  const hidden = incoming ? [...forged] : [];
  const own = readHeaderSection(bufferOf(octets[0]!.octets)).fields.filter(({ start }) => {
    while (hidden.length > 0 && hidden[0]![1] <= start) hidden.shift();
    return hidden.length === 0 || start < hidden[0]![0];
  });
  return [...readHeaderSection(bufferOf(prefix)).fields, ...own];
}
function headerMap(fields: readonly HeaderField[]): Record<string, string[]> {
  const map: Record<string, string[]> = Object.create(null);
  const names = new Map<string, string>();
  for (const { rawName, name, rawValue } of fields) {
    const shown = names.get(name) ?? rawName;
    names.set(name, shown);
    const list = map[shown];
    if (list === undefined) map[shown] = [unfold(rawValue)];
    else list.push(unfold(rawValue));
  }
  return map;
}
function summaryOf(fields: readonly HeaderField[], text: string): string {
  const lines = ['From', 'To', 'Date', 'Subject'].map((name) => {
    const value = decodeWords(headerText(findHeader(fields, name)?.rawValue.slice(0, MOST_SUMMARY) ?? ''));
    return `${name}: ${value.replace(/[\r\n\0]+/g, ' ').slice(0, 1000)}`;
  });
  return cutText(`${lines.join('\n')}\n\n${text.slice(0, MOST_SUMMARY)}`, MOST_SUMMARY).text;
}
function dateOf(fields: readonly HeaderField[]): string | null {
  const at = parseDate(unfold(findHeader(fields, 'Date')?.rawValue ?? ''));
  return at === null ? null : new Date(at).toISOString();
}
function mailboxes(list: readonly ReadMailbox[]) {
  return list.map(({ name, address }) => ({ name, address }));
}

function textOf(of: TextOf | null, octets: readonly Octets[]): string | null {
  if (of === null) return null;
  return 'value' in of ? of.value : withPlainLineEnds(findOctets(octets, of.at)!.toString('utf8'));
}
function findOctets(all: readonly Octets[], [start, end]: Span): Buffer | null {
  const found = all.find(({ at }) => at[0] <= start && end <= at[1]);
  return found === undefined ? null : bufferOf(found.octets).subarray(start - found.at[0], end - found.at[0]);
}
function bufferOf(octets: Uint8Array): Buffer {
  return Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.length);
}
