/** /mta/v1/retention: the state of retention, for operators. The console shows it to them if removal is late. */

import * as ops from '../contract/operations/mta-limits.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { ApiDeps, RetentionStanding } from './deps.ts';
import type { Handle } from './handle.ts';
import { iso } from './times.ts';

export function retentionView({ due, behindSince, late, round }: RetentionStanding): Resources['Retention'] {
  return {
    due_messages: due,
    behind_since: iso(behindSince),
    late,
    round:
      round === null
        ? null
        : {
            started_at: iso(round.startedAt),
            ended_at: iso(round.endedAt),
            failed: round.failed,
            removed: round.removed,
          },
  };
}
export function mtaRetentionRoutes(handle: Handle, { retention }: ApiDeps): void {
  handle(ops.getRetention, async () => {
    return retentionView(await retention());
  });
}
