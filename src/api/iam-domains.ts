/** /iam/v1/domains: ownership of domains, verified by DNS, even if another project holds the domain. */

import * as ops from '../contract/operations/iam.ts';
import { challengeRecord } from '../domains/ownership.ts';
import type { OwnedDomain } from '../iam/projects.ts';
import { parseDomain } from '../mail/domain.ts';
import { found, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { list } from './pages.ts';
import { invalid, Problem } from './problems.ts';
import { iso } from './times.ts';

export function iamDomainRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;

  handle(ops.listOwnedDomains, async ({ projectId }) => {
    return list((page) => read.ownedDomains(projectId, page), views.owned);
  });
  handle(ops.createOwnedDomain, async ({ body, projectId }) => {
    const name = parseDomain(body.name);
    if (name === null) throw invalid('name', 'is not a domain name');
    const owned: OwnedDomain = {
      id: random.id<'owned-domain'>(),
      projectId,
      name,
      challenge: random.bytes(24).toString('hex'),
      verifiedAt: null,
      proof: null,
      createdAt: clock.now(),
    };
    await transactor.transact(projectId, (tx) => tx.insertOwnedDomain(owned));
    return views.owned(owned);
  });
  handle(ops.getOwnedDomain, async ({ params, projectId }) => {
    return views.owned(found(await read.ownedDomain(projectId, params.id)));
  });
  handle(ops.verifyOwnedDomain, async ({ params, projectId }) => {
    const owned = found(await read.ownedDomain(projectId, params.id));
    const { name, value } = challengeRecord(owned);
    const result = await deps.verifyOwnership(owned);
    switch (result.kind) {
      case 'verified':
        return views.owned({ ...owned, verifiedAt: result.at, proof: result.proof });
      case 'failed':
        throw new Problem('ownership-unclear', `DNS gave no clear answer: ${result.cause}`);
      case 'absent':
        throw new Problem(
          'ownership-not-proved',
          `the TXT record ${name} does not hold ${value}; at ${iso(result.observedAt)} ${result.authoritative ? 'the servers of the zone' : 'the DNS servers'} said that it holds: ${result.found.join(', ') || 'nothing'}`,
        );
      case 'held':
        throw new Problem(
          'domain-held',
          `your TXT record is published, but so is the record of the project that holds the domain now; remove the TXT record ${result.record.name} with ${result.record.value}, keep ${value}, and verify again`,
        );
    }
  });
  handle(ops.deleteOwnedDomain, async ({ params, projectId, ifMatch }) => {
    const owned = found(await read.ownedDomain(projectId, params.id));
    const conditional = ifMatch(views.owned(owned));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectOwnedDomain(owned);
      tx.deleteOwnedDomain(projectId, owned.id);
    });
  });
}
