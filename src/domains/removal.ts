/**
 * Removes an MTA domain. Invariant: from the commit on, it neither sends nor receives. The same commit writes what
 * remains of it, so its messages, events and usage can still be read.
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
/** Call this after the commit: it cancels the domain's mail in the queue. */
export type CancelQueued = (project: ProjectId, domain: DomainId, cause: string) => void;

export const REMOVED_CAUSES: Readonly<Record<RemovedDomain['reason'], string>> = {
  deleted: 'the sending domain was removed',
  moved: 'the sending domain now belongs to another project',
  lost: 'the ownership of the sending domain could no longer be proved',
};
