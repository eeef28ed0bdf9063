/** The event about raised limits of a project, prepared for the commit that raises them. */

import type { EventContent } from '../contract/event-contents.ts';
import type { EdjTx } from '../edj/topics.ts';
import { isHigher, type LimitRequest } from '../limits/requests.ts';
import type { ProjectLimits } from '../limits/usage.ts';
import type { ProjectId } from '../runtime/ids.ts';
import type { ApiDeps } from './deps.ts';

/** A field of requests and answers, and its name in the code. */
export const LIMIT_FIELDS = [
  ['per_minute', 'perMinute'],
  ['per_day', 'perDay'],
] as const;
const WINDOWS = { perMinute: 'minute', perDay: 'day' } as const;

export interface Raise {
  /** Call this in the transaction that sets the limits. */
  readonly record: (tx: Pick<EdjTx, 'insertEvent'>) => void;
}
/** null: no limit becomes higher. Rejects if the store does. */
export async function prepareRaise(
  deps: Pick<ApiDeps, 'limiter' | 'projectEvents'>,
  project: ProjectId,
  { before, after }: { readonly before: ProjectLimits; readonly after: ProjectLimits },
  request: LimitRequest | null,
): Promise<Raise | null> {
  const raised = LIMIT_FIELDS.filter(([, field]) => isHigher(after[field], before[field]));
  if (raised.length === 0) return null;
  const usage = await deps.limiter.usage(project, null, null);
  const events = await deps.projectEvents(project);
  const content: EventContent<'limit.raised'> = {
    scope: 'project',
    before: { per_minute: before.perMinute, per_day: before.perDay },
    after: { per_minute: after.perMinute, per_day: after.perDay },
    windows: raised.map(([, field]) => {
      const { used, roomAt } = usage[field];
      const full = after[field] > 0 && used >= after[field];
      return {
        window: WINDOWS[field],
        limit: after[field],
        used,
        room_returns_at: full && roomAt !== null ? new Date(roomAt).toISOString() : null,
      };
    }),
    request: request === null ? null : { id: request.id },
  };
  const words = raised.map(([, field]) =>
    after[field] === 0
      ? `no limit per ${WINDOWS[field]} any more`
      : `${after[field]} recipients per ${WINDOWS[field]} (before: ${before[field]})`,
  );
  return {
    record: (tx) =>
      events.record(tx, 'limit.raised', content, { summary: `limits raised: ${words.join(', ')}` }),
  };
}
