/**
 * What submission can see of a recipient before it takes the mail: delivery asks the same and would bounce it. So nothing
 * is accepted for an address that is known to take nothing. Asks once per domain. Rejects where the store does.
 */
import { type DomainReader, isHosted, type MtaDomain } from '../domains/mta-domains.ts';
import type { Address } from '../mail/address.ts';
import type { Domain } from '../mail/domain.ts';
import type { ReceiveRule, RuleReader } from '../rules/rules.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { takeRecipient } from './incoming.ts';

/** `no-recipient`: hosted here, and no receive rule takes it. `sandbox`: mail of the project stays on this machine. */
export type Unreachable = 'no-recipient' | 'sandbox';
/** Whether mail of the project may go to the address, which is not hosted here. */
export type Leaves = (project: ProjectId, address: string) => Promise<boolean>;
export interface ReachableDeps {
  readonly read: DomainReader & RuleReader;
  readonly leaves: Leaves;
}

/** For the recipients of one message; null: nothing speaks against it now. */
export function createReachable({ read, leaves }: ReachableDeps, project: ProjectId) {
  const hosted = new Map<Domain, { domain: MtaDomain; rules: readonly ReceiveRule[] } | null>();
  async function hostedAt(name: Domain) {
    const domain = await read.findDomain(name);
    if (domain === null || !isHosted(domain)) return null;
    return { domain, rules: await read.rules(domain.projectId, domain.id, 'incoming') };
  }
  return async ({ domain: name, localPart, wire }: Address): Promise<Unreachable | null> => {
    const known = hosted.get(name);
    const here = known === undefined ? await hostedAt(name) : known;
    hosted.set(name, here);
    if (here === null) return (await leaves(project, wire)) ? null : 'sandbox';
    return takeRecipient(wire, localPart, here.domain, here.rules) === null ? 'no-recipient' : null;
  };
}
