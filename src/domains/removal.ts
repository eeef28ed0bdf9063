/**
 * The end of a domain that was set up. Invariant: with the commit it sends and receives no more; what is left of it is in
 * the same commit, so that its messages, events and usage can be read as before.
 */
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { DomainTx, MtaDomain, RemovedDomain } from './mta-domains.ts';

export function recordRemoval(
  tx: Pick<DomainTx, 'deleteDomain' | 'insertRemovedDomain'>,
  { id, projectId, name, createdAt }: MtaDomain,
  reason: RemovedDomain['reason'],
  now: number,
): void {
  tx.deleteDomain(projectId, id);
  tx.insertRemovedDomain({ id, projectId, name, reason, createdAt, removedAt: now });
}
/** After the commit: what of the domain's mail still waits is cancelled. */
export type CancelQueued = (project: ProjectId, domain: DomainId, cause: string) => void;

export const REMOVED_CAUSES: Readonly<Record<RemovedDomain['reason'], string>> = {
  deleted: 'the sending domain was removed',
  moved: 'the sending domain now belongs to another project',
  lost: 'the ownership of the sending domain could no longer be proved',
};
