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
  /** Attachments carry their content. */
  readonly inline: boolean;
  /** Adds short, raw and topic_id, which are deprecated and set for HTTP hooks only. */
  readonly deprecated: boolean;
}
export class MessageGone extends Error {
  override name = 'MessageGone';
}

/** Throws MessageGone where the event shows a message that is no longer kept. */
export async function renderEvent(
  event: EventRow,
  options: RenderOptions,
  deps: RenderDeps,
): Promise<Buffer> {
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

async function contents(event: EventRow, { inline }: RenderOptions, deps: RenderDeps) {
  if (event.summary !== null || event.messageId === null) {
    return {
      summary: cut((event.summary ?? '').replace(/\r\n?/g, '\n'), 8192),
      content: event.content,
      attachments: [],
    };
  }
  const message = await deps.loadMessage(event.projectId, event.messageId);
  if (message === null) throw new MessageGone(`message ${event.messageId} is no longer kept`);
  const { summary, attachments, ...shown }: ParsedForEvent = await summarize(deps.shown(message));
  return {
    summary,
    content: {
      ...shown,
      ...(event.content as object),
      id: message.id,
      message_id: message.messageIdHeader,
      raw_url: `${deps.publicUrl}/mta/v1/messages/${message.id}/raw`,
    },
    attachments: attachments.map((attachment) => (inline ? attachment : { ...attachment, content: '' })),
  };
}
