/** What happens to a domain, as an event of its project: in words, and to the topic of the domain as well. */
import type { EventContent } from '../contract/event-contents.ts';
import type { ProjectEvents } from '../rules/project-events.ts';
import type { TopicId } from '../runtime/ids.ts';

export type DomainEventName = 'domain.verified' | 'domain.dns_error' | 'domain.dns_recovered';
export type DomainEventContent = EventContent<DomainEventName>;
export type DomainProblem = NonNullable<DomainEventContent['problems']>[number];
export type KeyEventContent = EventContent<'dkim.rotated'>;

/** Records what happened in the transaction that did it. `topic`: the domain's own, beside those of the event rules. */
export function announce<Tx, N extends DomainEventName | 'dkim.rotated'>(
  events: ProjectEvents<Tx>,
  tx: Tx,
  name: N,
  content: EventContent<N>,
  topic: TopicId | null,
): void {
  const { domain, message }: { readonly domain: string; readonly message?: string } = content;
  const summary = `${name}: ${domain}${message === undefined ? '' : `\n${message}`}`;
  events.record(tx, name, content, { summary, topic });
}
