/** The mail that tells a requester the decision on a request for higher limits, as plain text. Pure. */
import type { LimitRequest } from '../limits/requests.ts';
import type { ProjectLimits } from '../limits/usage.ts';

const OUTCOMES: Readonly<Record<LimitRequest['state'], string>> = {
  open: 'open',
  approved: 'approved',
  approved_in_part: 'approved in part',
  refused: 'refused',
  cancelled: 'cancelled',
};
function per(limit: number | null, unit: string): string[] {
  if (limit === null) return [];
  return [limit === 0 ? `no limit per ${unit}` : `${limit} recipients per ${unit}`];
}
/** `limits`: the new limits of the project. */
export function decisionLetter(
  request: LimitRequest,
  projectName: string,
  limits: ProjectLimits,
): { subject: string; body: string } {
  const outcome = OUTCOMES[request.state];
  const asked = [...per(request.perMinute, 'minute'), ...per(request.perDay, '24 hours')].join(', ');
  const now = [...per(limits.perMinute, 'minute'), ...per(limits.perDay, '24 hours')].join(', ');
  return {
    subject: `Request for higher sending limits: ${outcome}`,
    body: [
      `The request for higher sending limits for the project "${projectName}" was ${outcome}.`,
      '',
      `Requested limits: ${asked}`,
      `The project's limits now: ${now}`,
      ...(request.note === null ? [] : ['', request.note]),
      '',
      `Request ${request.id} of ${new Date(request.createdAt).toISOString()}`,
      '',
    ].join('\n'),
  };
}
