/** The sender of a subscriber by mail: an address at a domain of the project. Other kinds have none. */
import type { DomainReader } from '../domains/mta-domains.ts';
import type { SubscriberKind } from '../edj/kinds/kind.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { Settings } from '../runtime/settings.ts';
import { invalid } from './problems.ts';

/** Throws the Problem that names `from` unless the domain is one of the project. */
export async function checkSubscriberSender(
  read: Pick<DomainReader, 'findDomain'>,
  kind: SubscriberKind,
  settings: Settings,
  project: ProjectId,
): Promise<void> {
  if (kind.transport !== 'mail') return;
  const domain = await read.findDomain(kind.sender(settings).domain);
  if (domain?.projectId !== project) throw invalid('from', 'must be an address at a domain of this project');
}
