/** The audit log, as queries for both engines. */
import type { Kysely } from 'kysely';
import type { AuditActor, AuditEvent, AuditFilter, AuditReader, AuditTx } from '../../ledger/audit.ts';
import { DISORDER_MS, idsFrom } from '../../runtime/ids.ts';
import { type Ask, command, decodeCursor, fromJson, type Push, toJson, toPage } from '../command.ts';
import type { AuditEventTable, Tables } from '../schema/tables.ts';
import { counted, lookThrough, MOST_ROWS } from './look-through.ts';

const toEvent = (r: AuditEventTable): AuditEvent => ({
  id: r.id as AuditEvent['id'],
  projectId: r.project_id as AuditEvent['projectId'],
  actor: { kind: r.actor_kind, id: r.actor_id } as AuditActor,
  operation: r.operation,
  target: r.target,
  address: r.address,
  at: r.at,
  fields: fromJson(r.fields) as string[],
  outcome: r.outcome,
  ...(r.refused === null ? {} : { refused: fromJson(r.refused) as NonNullable<AuditEvent['refused']> }),
});
function isMeant({ actor, operation, from, to }: AuditFilter, row: AuditEventTable): boolean {
  return (
    (actor === undefined || row.actor_id === actor) &&
    (operation === undefined || row.operation === operation) &&
    (from === undefined || row.at >= from) &&
    (to === undefined || row.at < to)
  );
}

export function auditReader(db: Kysely<Tables>, ask: Ask): AuditReader {
  return {
    async countAuditEvents(project) {
      const rows = db
        .selectFrom('audit_event')
        .select('id')
        .where('project_id', '=', project)
        .limit(MOST_ROWS);
      return counted(
        await ask(db.selectFrom(rows.as('c')).select(({ fn }) => fn.countAll<number>().as('n'))),
      );
    },
    async auditEvents(project, filter, page) {
      const youngest = filter.to === undefined ? '~' : idsFrom(filter.to + DISORDER_MS);
      const oldest = filter.from === undefined ? 0 : filter.from - DISORDER_MS;
      const read = (below: string, limit: number) => {
        const query = db.selectFrom('audit_event').selectAll().where('project_id', '=', project);
        return ask(query.where('id', '<', below).orderBy('id', 'desc').limit(limit));
      };
      if (Object.keys(filter).length > 0)
        return lookThrough(page, {
          read: (below, limit) => read([below, youngest].sort()[0]!, limit),
          isMeant: (row) => isMeant(filter, row),
          isEnd: (row) => row.at < oldest,
          map: toEvent,
        });
      const rows = await read(decodeCursor(page.cursor), page.limit + 1);
      return toPage(rows, page.limit, (r) => r.id, toEvent);
    },
  };
}

export function auditTx(db: Kysely<Tables>, push: Push): AuditTx {
  return {
    insertAuditEvent: (e) =>
      push(
        command(
          db.insertInto('audit_event').values({
            project_id: e.projectId,
            id: e.id,
            actor_kind: e.actor.kind,
            actor_id: e.actor.id,
            operation: e.operation,
            target: e.target,
            address: e.address,
            at: e.at,
            fields: JSON.stringify(e.fields),
            outcome: e.outcome,
            refused: toJson(e.refused),
          }),
        ),
      ),
  };
}
