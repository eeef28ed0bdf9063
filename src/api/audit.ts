/** /iam/v1/audit_events: the audit log of the project; for operators also that of the instance. */

import * as ops from '../contract/operations/access.ts';
import type { Resources } from '../contract/resources/index.ts';
import type { AuditEvent, AuditFilter } from '../ledger/audit.ts';
import { INSTANCE } from '../runtime/ids.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { list } from './pages.ts';
import { iso, timeOf } from './times.ts';

export function auditView(event: AuditEvent): Resources['AuditEvent'] {
  return {
    id: event.id,
    actor: { type: ACTORS[event.actor.kind], id: event.actor.id },
    operation: event.operation,
    target: event.target,
    address: event.address,
    fields: event.fields,
    outcome: event.outcome,
    reason: event.refused?.reason ?? null,
    times: event.refused?.times ?? 1,
    at: iso(event.at),
  };
}
const ACTORS = { key: 'api_client', member: 'member', command: 'command', unknown: 'unknown' } as const;

export function auditRoutes(handle: Handle, deps: ApiDeps): void {
  handle(ops.listAuditEvents, async ({ query, principal }) => {
    const filter: AuditFilter = {
      ...(query.actor === undefined ? {} : { actor: query.actor }),
      ...(query.operation === undefined ? {} : { operation: query.operation }),
      ...(query.from === undefined ? {} : { from: timeOf(query.from, 'from') }),
      ...(query.to === undefined ? {} : { to: timeOf(query.to, 'to') }),
    };
    const project = query.instance === true || principal === null ? INSTANCE : principal.projectId;
    const nameOf = createNames(deps.read);
    return list(
      (page) => deps.read.auditEvents(project, filter, page),
      async (event) => {
        const { actor, ...view } = auditView(event);
        return { ...view, actor: { ...actor, name: await nameOf(event) } };
      },
      { of: () => deps.read.countAuditEvents(project) },
    );
  });
}
/** The present names of actors: e-mail addresses of members, names of API clients. Each is read once. */
function createNames(read: ApiDeps['read']): (event: AuditEvent) => Promise<string | null> {
  const names = new Map<string, string | null>();
  return async ({ actor, projectId }) => {
    if (actor.id === null) return null;
    const known = names.get(actor.id);
    if (known !== undefined) return known;
    const name =
      actor.kind === 'member'
        ? (await read.member(actor.id))?.email
        : (await read.apiClient(projectId, actor.id))?.name;
    names.set(actor.id, name ?? null);
    return name ?? null;
  };
}
