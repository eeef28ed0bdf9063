/** Publishing to a topic: writes one event row, and one pending delivery for each present subscriber. */
import type { EventContent } from '../contract/event-contents.ts';
import type { EventName } from '../contract/events.ts';
import type { EventId, MessageId, ProjectId, TopicId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { EdjTx } from './topics.ts';

export interface Publication<N extends EventName> {
  readonly project: ProjectId;
  readonly topicId: TopicId;
  readonly service: 'mta' | 'edj';
  readonly name: N;
  readonly content: EventContent<N>;
  /** At most 8 KiB. */
  readonly summary: string;
  readonly messageId?: MessageId;
  /** Minimum time for which the event is kept, ms: the project's setting. */
  readonly keptMs: number;
  /** ms */
  readonly expiresAt?: number;
}

/** Records the event in the caller's transaction and returns its id. */
export function recordPublish<N extends EventName>(
  tx: Pick<EdjTx, 'insertEvent'>,
  deps: { readonly random: Random; readonly now: number },
  publication: Publication<N>,
): EventId {
  const id = deps.random.id<'event'>();
  tx.insertEvent({
    id,
    projectId: publication.project,
    topicId: publication.topicId,
    service: publication.service,
    name: publication.name,
    createdAt: deps.now,
    expiresAt: publication.expiresAt ?? null,
    keepUntil: deps.now + publication.keptMs,
    messageId: publication.messageId ?? null,
    content: publication.content,
    summary: publication.summary,
  });
  return id;
}
