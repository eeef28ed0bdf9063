/** The audit as queries both engines can run. */
import type { Kysely } from 'kysely';
import type { AuditActor, AuditEvent, AuditReader, AuditTx } from '../../ledger/audit.ts';
import { type Ask, command, decodeCursor, fromJson, type Push, toPage } from '../command.ts';
import type { AuditEventTable, Tables } from '../schema/tables.ts';

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
});

export function auditReader(db: Kysely<Tables>, ask: Ask): AuditReader {
  return {
    async auditEvents(project, { actor, operation, from, to }, { limit, cursor }) {
      let query = db
        .selectFrom('audit_event')
        .selectAll()
        .where('project_id', '=', project)
        .where('id', '<', decodeCursor(cursor));
      if (actor !== undefined) query = query.where('actor_id', '=', actor);
      if (operation !== undefined) query = query.where('operation', '=', operation);
      if (from !== undefined) query = query.where('at', '>=', from);
      if (to !== undefined) query = query.where('at', '<', to);
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toEvent);
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
          }),
        ),
      ),
  };
}
