/** /iam/v1/audit_events: who did what in the project; of the whole instance for its operators. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { AuditEvent, AuditFilter } from '../ledger/audit.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { permitted, permittedOnInstance } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { sendList } from './pages.ts';
import { List, PageQuery } from './schemas.ts';
import { timeOf } from './times.ts';

const Time = Type.Optional(Type.String({ maxLength: 40, description: 'RFC 3339, with its zone' }));
const Query = Type.Object(
  {
    ...PageQuery.properties,
    actor: Type.Optional(Type.String({ maxLength: 36, description: 'id of a member or an API client' })),
    operation: Type.Optional(Type.String({ maxLength: 100 })),
    from: Time,
    to: Time,
    instance: Type.Optional(
      Type.Boolean({ description: "for operators: what is no project's, sign-ins among it" }),
    ),
  },
  { additionalProperties: false },
);

export function auditView(event: AuditEvent) {
  return {
    id: event.id,
    actor: { type: ACTORS[event.actor.kind], id: event.actor.id },
    operation: event.operation,
    target: event.target,
    address: event.address,
    fields: event.fields,
    outcome: event.outcome,
    at: new Date(event.at).toISOString(),
  };
}
const ACTORS = { key: 'api_client', member: 'member', command: 'command', unknown: 'unknown' } as const;

export function auditRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get(
    '/audit_events',
    { schema: { querystring: Query, response: { 200: List } } },
    async (request, reply) => {
      const query = request.query as {
        actor?: string;
        operation?: string;
        from?: string;
        to?: string;
        instance?: boolean;
      };
      const filter: AuditFilter = {
        ...(query.actor === undefined ? {} : { actor: query.actor }),
        ...(query.operation === undefined ? {} : { operation: query.operation }),
        ...(query.from === undefined ? {} : { from: timeOf(query.from, 'from') }),
        ...(query.to === undefined ? {} : { to: timeOf(query.to, 'to') }),
      };
      if (query.instance === true) permittedOnInstance(request, 'iam.audit_events.list_all');
      const project =
        query.instance === true ? INSTANCE : permitted(request, 'iam.audit_events.list').projectId;
      const nameOf = createNames(deps.read);
      return sendList(
        request,
        reply,
        (page) => deps.read.auditEvents(project, filter, page),
        async (event) => {
          const { actor, ...view } = auditView(event);
          return { ...view, actor: { ...actor, name: await nameOf(event) } };
        },
        { of: () => deps.read.countAuditEvents(project) },
      );
    },
  );
}
/** What actors are called now: members by their e-mail, API clients by their name. Each is asked for once. */
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
