/** /mta/v1/retention: how retention stands, for operators; the console shows it to them where it falls behind. */
import type { FastifyInstance } from 'fastify';
import { permittedOnInstance } from './context.ts';
import type { ApiDeps, RetentionStanding } from './deps.ts';
import { AnyObject } from './schemas.ts';

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

export function retentionView({ due, behindSince, late, round }: RetentionStanding) {
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
export function mtaRetentionRoutes(app: FastifyInstance, { retention }: ApiDeps): void {
  app.get('/retention', { schema: { response: { 200: AnyObject } } }, async (request) => {
    permittedOnInstance(request, 'mta.retention.get');
    return retentionView(await retention());
  });
}
