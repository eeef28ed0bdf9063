/** /iam/v1/roles: custom roles of a project, and what there is to choose from. The predefined ones are listed with them. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { isRole, OPERATIONS, OPERATOR_OPERATIONS, ROLES } from '../iam/policy.ts';
import type { Role } from '../iam/types.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { StaleError } from '../runtime/transactor.ts';
import { found, pathId, permitted } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { knownOperations, mayHandOut } from './granting.ts';
import { type ReadPage, sendList, sendWhole } from './pages.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery, WholeQuery } from './schemas.ts';

const Operations = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 500 });
const MOST_ROLES = 200;

export function roleRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { read, transactor, random, clock } = deps;
  const view = (role: Role) => ({
    id: role.id,
    self: `${deps.publicUrl()}/iam/v1/roles/${role.id}`,
    name: role.name,
    predefined: false,
    operations: role.operations,
    created_at: new Date(role.createdAt).toISOString(),
  });
  const predefined = Object.entries(ROLES).map(([name, operations]) => ({
    id: null,
    name,
    predefined: true,
    operations: [...operations],
  }));

  type Listed = { readonly custom: Role } | { readonly predefined: (typeof predefined)[number] };
  /** The custom roles, and behind the last of them the predefined ones. */
  const rolesOf =
    (project: ProjectId): ReadPage<Listed> =>
    async (request) => {
      const { items, cursors, nextCursor } = await read.roles(project, request);
      const custom = items.map((role) => ({ custom: role }));
      if (nextCursor !== null) return { items: custom, cursors, nextCursor };
      const behind = predefined.map((role) => ({ predefined: role }));
      return { items: [...custom, ...behind], cursors: [...cursors, ...behind.map(() => '')], nextCursor };
    };

  const known = [...new Set([...OPERATIONS, ...OPERATOR_OPERATIONS])].map((name, place) => ({ name, place }));
  app.get(
    '/operations',
    { schema: { querystring: WholeQuery, response: { 200: List } } },
    async (request, reply) => {
      permitted(request, 'iam.roles.list');
      const keyOf = ({ place }: { place: number }) => String(place).padStart(4, '0');
      return sendWhole(request, reply, { items: known, keyOf, order: 'up' }, ({ name }) => ({
        name,
        operator: OPERATOR_OPERATIONS.includes(name),
      }));
    },
  );
  app.get(
    '/roles',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.roles.list');
      return sendList(request, reply, rolesOf(projectId), (role) =>
        'custom' in role ? view(role.custom) : role.predefined,
      );
    },
  );
  app.post(
    '/roles',
    {
      config: { operation: 'iam.roles.create' },
      schema: {
        body: Type.Object(
          {
            name: Type.String({
              pattern: '^[a-z][a-z0-9-]{0,62}$',
              description: 'does not change: members and API clients hold the role by it',
            }),
            operations: Operations,
          },
          { additionalProperties: false },
        ),
        response: { 201: AnyObject },
      },
    },
    async (request, reply) => {
      const principal = permitted(request, 'iam.roles.create');
      const { name, operations } = request.body as { name: string; operations: string[] };
      if (isRole(name)) throw invalid('name', 'is a predefined role');
      knownOperations(operations);
      mayHandOut(principal, operations);
      const { projectId } = principal;
      if ((await read.roles(projectId, { limit: MOST_ROLES, cursor: null })).items.length >= MOST_ROLES)
        throw conflict('too-many-roles', `a project has at most ${MOST_ROLES} roles`);
      const role: Role = {
        id: random.id(),
        projectId,
        name,
        operations: [...new Set(operations)],
        createdAt: clock.now(),
      };
      await transactor.transact(projectId, (tx) => tx.insertRole(role));
      return reply.code(201).send(view(role));
    },
  );
  app.get('/roles/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'iam.roles.get');
    return view(found(await read.role(projectId, pathId(request))));
  });
  app.patch(
    '/roles/:id',
    {
      schema: {
        params: IdParams,
        body: Type.Object({ operations: Operations }, { additionalProperties: false }),
        response: { 200: AnyObject },
      },
    },
    async (request) => {
      const principal = permitted(request, 'iam.roles.update');
      const { projectId } = principal;
      const before = found(await read.role(projectId, pathId(request)));
      const { operations } = request.body as { operations: string[] };
      knownOperations(operations);
      // Neither given nor taken by those who hold less.
      mayHandOut(principal, [...operations, ...before.operations]);
      const conditional = ifMatch(request, view(before));
      const role = { ...before, operations: [...new Set(operations)] };
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectRole(before);
        tx.updateRole(role);
      });
      return view(role);
    },
  );
  app.delete('/roles/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const principal = permitted(request, 'iam.roles.delete');
    const { projectId } = principal;
    const role = found(await read.role(projectId, pathId(request)));
    mayHandOut(principal, role.operations);
    const conditional = ifMatch(request, view(role));
    try {
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectRole(role);
        tx.deleteRole(role);
      });
    } catch (error) {
      const now = error instanceof StaleError ? await read.role(projectId, role.id) : null;
      // Changed or gone meanwhile: that is another answer.
      if (now === null || JSON.stringify(now) !== JSON.stringify(role)) throw error;
      throw conflict('role-in-use', 'a member, an API client or an invitation has the role');
    }
    return reply.code(204).send();
  });
}
