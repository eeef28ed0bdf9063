/**
 * Mail for the operator of this host (RFC 5321 §4.5.1): `postmaster` without a domain, and postmaster at the
 * service's own host name. Invariant: the mail goes to the operator or to nobody, never to another tenant.
 */
import type { DomainReader } from '../domains/mta-domains.ts';
import type { EdjReader } from '../edj/topics.ts';
import type { PeopleReader } from '../iam/people-records.ts';
import type { IamReader } from '../iam/projects.ts';
import { parseAddress } from '../mail/address.ts';
import { type Domain, parseDomain } from '../mail/domain.ts';
import type { RuleReader } from '../rules/rules.ts';
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
  // A host name of one label is in no mail address, but still names this host.
  if (lower === 'postmaster' || lower === `postmaster@${hostname.toLowerCase()}`) return true;
  const address = parseAddress(text);
  const host = parseDomain(hostname);
  return address?.localPart.toLowerCase() === 'postmaster' && host !== null && address.domain === host;
}

/**
 * Takes the mail to the first topic of the project whose API client has the role `operator`. If there is
 * none, the rules of the host name's own domain decide, if the project that has this domain has an operator
 * among its members. Otherwise null. Rejects if the store does.
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

/** The host name and its parent domains, the nearest first. */
function ownDomains(hostname: string): Domain[] {
  const labels = hostname.split('.');
  return labels.slice(0, -1).flatMap((_, i) => parseDomain(labels.slice(i).join('.')) ?? []);
}
