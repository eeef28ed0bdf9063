/**
 * The zone of delegated keys (delegation.ts). Its answers come straight from the directory, so they always show the
 * present keys of a domain. A revoked key has its empty record until a later key takes the name. A domain has no keys here if it is not set up or if its project is closed.
 */
import { parseDomain } from '../mail/domain.ts';
import type { DnsZone } from '../runtime/dns-zone.ts';
import { delegatedKey } from './delegation.ts';
import { isRevoked } from './dkim-keys.ts';
import type { DomainReader } from './mta-domains.ts';

/** `servers`: host names of the nodes that serve the zone. Rejects if the reader does. */
export function createDkimZone(
  name: string,
  servers: readonly string[],
  reader: Pick<DomainReader, 'findDomain' | 'dkimKeys'>,
): DnsZone {
  return {
    name,
    servers,
    async txt(relative) {
      const asked = delegatedKey(relative);
      const domainName = asked === null ? null : parseDomain(asked.domain);
      const domain = domainName === null ? null : await reader.findDomain(domainName);
      if (domain === null) return [];
      const keys = await reader.dkimKeys(domain.projectId, domain.id);
      return keys
        .filter((key) => (key.state !== 'retired' || isRevoked(key)) && key.selector === asked!.selector)
        .map(({ publicRecord }) => publicRecord);
    },
  };
}
