/** Events of a project about a domain. They have a text, and also go to the domain's own topic. */
import type { EventContent } from '../contract/event-contents.ts';
import type { ProjectEvents } from '../rules/project-events.ts';
import type { TopicId } from '../runtime/ids.ts';

export type DomainEventName = 'domain.verified' | 'domain.dns_error' | 'domain.dns_recovered';
export type DomainEventContent = EventContent<DomainEventName>;
export type DomainProblem = NonNullable<DomainEventContent['problems']>[number];
export type KeyEventContent = EventContent<'dkim.rotated'>;

/**
 * Records the event in the transaction of the change. `topic`: the domain's topic, in addition to those of the
 * event rules.
 */
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
