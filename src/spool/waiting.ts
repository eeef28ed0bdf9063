/** Which waiting recipients a filter selects. Pure. */
import type { DueRecipient, WaitingFilter } from './messages.ts';

/** What a filter looks at: a waiting recipient and its message. */
export interface Looked {
  readonly row: Pick<DueRecipient['row'], 'projectId' | 'lane' | 'domain' | 'state'>;
  readonly message: Pick<DueRecipient['message'], 'mailFrom' | 'domainId' | 'acceptedAt'>;
}

/** Addresses and domains are compared without case. The row's current lane and state are compared, too. */
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
/**
 * Whether the store must read waiting rows one by one, because the filter asks for more than the index of
 * lanes has.
 */
export function isLookedThrough(filter: WaitingFilter): boolean {
  const { project, lane, domain, sender, sentWith, acceptedBefore, states } = filter;
  const byRow = [domain, sender, sentWith, acceptedBefore, states].some((part) => part !== undefined);
  return byRow || (project === null && lane !== undefined);
}
/**
 * Whether all mail of `inner` is mail of `outer`, as far as the filters tell: each field of `outer` is in `inner` with
 * the same value, or, for a time, an earlier one.
 */
export function covers(outer: WaitingFilter, inner: WaitingFilter): boolean {
  const isSame = (a: string | undefined, b: string | undefined) =>
    a === undefined || a.toLowerCase() === b?.toLowerCase();
  return (
    (outer.project === null || outer.project === inner.project) &&
    (outer.lane === undefined || outer.lane === inner.lane) &&
    isSame(outer.domain, inner.domain) &&
    isSame(outer.sender, inner.sender) &&
    isSame(outer.sentWith, inner.sentWith) &&
    (outer.acceptedBefore === undefined ||
      (inner.acceptedBefore !== undefined && inner.acceptedBefore <= outer.acceptedBefore)) &&
    (outer.states === undefined || inner.states?.every((state) => outer.states?.includes(state)) === true)
  );
}
