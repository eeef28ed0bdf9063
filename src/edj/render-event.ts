/**
 * An event row as the JSON that leaves (format v1). The same row gives the same octets every time: nothing in it
 * depends on when or where it is rendered but the base URL.
 */
import { cut, type ParsedForEvent, summarize } from '../mail/render.ts';
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import type { StoredMessage } from '../spool/types.ts';
import type { EventRow } from './types.ts';

export interface RenderDeps {
  /** null: the message is gone */
  readonly loadMessage: (project: ProjectId, id: MessageId) => Promise<StoredMessage | null>;
  /** Prefix of URLs, without trailing slash. */
  readonly publicUrl: string;
  /** The message as it is shown: forged results taken out of what came in. */
  readonly shown: (message: StoredMessage) => Buffer;
}
export interface RenderOptions {
  /** `content.body` is shown. */
  readonly body: boolean;
  /** Attachments carry their content. */
  readonly inline: boolean;
  /** Adds short, raw and topic_id, which are deprecated and set for HTTP hooks only. */
  readonly deprecated: boolean;
}
export class MessageGone extends Error {
  override name = 'MessageGone';
}

export interface RenderedEvent {
  /**
   * The same octets each time it is called, in pieces of at most 256 KiB. Throws MessageGone where the message has gone
   * meanwhile; ends when the signal aborts.
   */
  pieces(signal?: AbortSignal): AsyncIterable<Buffer>;
}

/** Throws MessageGone where the event shows a message that is no longer kept. */
export async function renderEvent(
  event: EventRow,
  options: RenderOptions,
  deps: RenderDeps,
  signal?: AbortSignal,
): Promise<RenderedEvent> {
  signal?.throwIfAborted();
  const whole = await renderWhole(event, options, deps);
  return {
    async *pieces(ended) {
      for (let at = 0; at < whole.length && ended?.aborted !== true; at += MOST)
        yield whole.subarray(at, at + MOST);
    },
  };
}
const MOST = 256 * 1024;

/** All of it at once: for what is small, and for tests. */
export async function wholeEvent(rendered: RenderedEvent): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of rendered.pieces()) pieces.push(piece);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

async function renderWhole(event: EventRow, options: RenderOptions, deps: RenderDeps): Promise<Buffer> {
  const { summary, content, attachments } = await contents(event, options, deps);
  return Buffer.from(
    JSON.stringify({
      '@version': '1',
      id: event.id,
      service: event.service,
      name: event.name,
      summary,
      content,
      attachments,
      created_at: new Date(event.createdAt).toISOString(),
      ...(event.expiresAt === null ? {} : { expires_at: new Date(event.expiresAt).toISOString() }),
      ...(options.deprecated ? { short: summary, raw: content, topic_id: event.topicId } : {}),
    }),
    'utf8',
  );
}

async function contents(event: EventRow, { body, inline }: RenderOptions, deps: RenderDeps) {
  if (event.summary !== null || event.messageId === null) {
    return {
      summary: cut((event.summary ?? '').replace(/\r\n?/g, '\n'), 8192),
      content: event.content,
      attachments: [],
    };
  }
  const message = await deps.loadMessage(event.projectId, event.messageId);
  if (message === null) throw new MessageGone(`message ${event.messageId} is no longer kept`);
  const read: ParsedForEvent = await summarize(deps.shown(message));
  const { summary, attachments, body: octets, body_encoding, ...header } = read;
  return {
    summary,
    content: {
      ...header,
      ...(body ? { body: octets, ...(body_encoding === undefined ? {} : { body_encoding }) } : {}),
      ...(event.content as object),
      id: message.id,
      message_id: message.messageIdHeader,
      raw_url: `${deps.publicUrl}/mta/v1/messages/${message.id}/raw`,
    },
    attachments: attachments.map((attachment) => (inline ? attachment : { ...attachment, content: '' })),
  };
}
