/**
 * Mail for whoever runs this host (RFC 5321 §4.5.1): a bare `postmaster`, and postmaster at the service's own host name.
 * Invariant: it goes to the operator or to nobody, never to a tenant who happens to be here.
 */
import type { DomainReader } from '../domains/types.ts';
import type { EdjReader } from '../edj/types.ts';
import type { PeopleReader } from '../iam/people-types.ts';
import type { IamReader } from '../iam/types.ts';
import { parseAddress } from '../mail/address.ts';
import { type Domain, parseDomain } from '../mail/domain.ts';
import type { RuleReader } from '../rules/types.ts';
import { type TakenRecipient, takeRecipient } from './incoming.ts';

export interface PostmasterDeps {
  readonly read: Pick<DomainReader, 'findDomain'> &
    RuleReader &
    Pick<IamReader, 'operatorClients'> &
    Pick<PeopleReader, 'hasOperator'> &
    Pick<EdjReader, 'firstTopic'>;
  readonly hostname: string;
}

/** Whether the recipient, as the peer gave it, is this host's own postmaster. */
export function isHostPostmaster(text: string, hostname: string): boolean {
  const lower = text.toLowerCase();
  // A host name of one label is in no mail address, and still this host's.
  if (lower === 'postmaster' || lower === `postmaster@${hostname.toLowerCase()}`) return true;
  const address = parseAddress(text);
  const host = parseDomain(hostname);
  return address?.localPart.toLowerCase() === 'postmaster' && host !== null && address.domain === host;
}

/**
 * The first topic of the project whose API client has the role `operator`; else what the host name's own domain says,
 * where a project with an operator among its members holds it; else null. Rejects where the store does.
 */
export async function takePostmaster(
  { read, hostname }: PostmasterDeps,
  address: string,
): Promise<TakenRecipient | null> {
  for (const { projectId } of await read.operatorClients()) {
    const topic = await read.firstTopic(projectId);
    if (topic !== null) return { address, projectId, domain: null, rules: [], fallbackTopic: topic.id };
  }
  for (const name of ownDomains(hostname)) {
    const domain = await read.findDomain(name);
    if (domain === null || !domain.receiving || !(await read.hasOperator(domain.projectId))) continue;
    return takeRecipient(
      address,
      'postmaster',
      domain,
      await read.rules(domain.projectId, domain.id, 'incoming'),
    );
  }
  return null;
}

/** The host name and the domains it lies in, the nearest first. */
function ownDomains(hostname: string): Domain[] {
  const labels = hostname.split('.');
  return labels.slice(0, -1).flatMap((_, i) => parseDomain(labels.slice(i).join('.')) ?? []);
}
