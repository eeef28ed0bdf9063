/** Which waiting recipients a filter means. Pure. */
import type { DueRecipient, WaitingFilter } from './types.ts';

/** What of a waiting recipient and its message a filter looks at. */
export interface Looked {
  readonly row: Pick<DueRecipient['row'], 'projectId' | 'lane' | 'domain' | 'state'>;
  readonly message: Pick<DueRecipient['message'], 'mailFrom' | 'domainId' | 'acceptedAt'>;
}

/** Addresses and domains compare without case. The lane and the state of the row as it stands are looked at, too. */
export function matchesWaiting(filter: WaitingFilter, { row, message }: Looked): boolean {
  const { project, lane, domain, sender, sentWith, acceptedBefore, states } = filter;
  return (
    (project === null || project === row.projectId) &&
    (lane === undefined || lane === row.lane) &&
    (domain === undefined || domain.toLowerCase() === row.domain) &&
    (sender === undefined || sender.toLowerCase() === message.mailFrom.toLowerCase()) &&
    (sentWith === undefined || sentWith === message.domainId) &&
    (acceptedBefore === undefined || message.acceptedAt < acceptedBefore) &&
    (states === undefined || states.some((state) => state === row.state))
  );
}
/** Whether waiting rows must be looked at one by one, because the filter says more than the index of lanes does. */
export function isLookedThrough(filter: WaitingFilter): boolean {
  const { project, lane, domain, sender, sentWith, acceptedBefore, states } = filter;
  const byRow = [domain, sender, sentWith, acceptedBefore, states].some((part) => part !== undefined);
  return byRow || (project === null && lane !== undefined);
}
