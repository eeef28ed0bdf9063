/** /iam/v1/roles: the predefined roles and the custom roles of a project, and the operations that a role can hold. */

import * as ops from '../contract/operations/access.ts';
import { OPERATOR_PERMISSIONS, PERMISSIONS } from '../contract/permissions.ts';
import type { Resources } from '../contract/resources/index.ts';
import { isRole, ROLES } from '../iam/policy.ts';
import type { Role } from '../iam/projects.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { StaleError } from '../runtime/transactor.ts';
import { found } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { knownOperations, mayHandOut } from './granting.ts';
import type { Handle } from './handle.ts';
import type { InTurn } from './judged.ts';
import { list, type ReadPage, wholeList } from './pages.ts';
import { invalid, Problem } from './problems.ts';
import { iso } from './times.ts';
import { withinCap } from './within-cap.ts';

const MOST_ROLES = 200;

type Predefined = Extract<Resources['ListedRole'], { predefined: true }>;

export function roleRoutes(handle: Handle, deps: ApiDeps, inTurn: InTurn): void {
  const { read, transactor, random, clock } = deps;
  const view = (role: Role): Resources['Role'] => ({
    id: role.id,
    self: `${deps.publicUrl()}/iam/v1/roles/${role.id}`,
    name: role.name,
    predefined: false,
    operations: role.operations.filter((one) => PERMISSIONS.includes(one)),
    created_at: iso(role.createdAt),
  });
  const predefined = Object.entries(ROLES).map(
    ([name, operations]): Predefined => ({
      id: null,
      name,
      predefined: true,
      operations: [...operations],
    }),
  );

  type Listed = { readonly custom: Role } | { readonly predefined: Predefined };
  /** The custom roles, followed by the predefined roles. */
  const rolesOf =
    (project: ProjectId): ReadPage<Listed> =>
    async (request) => {
      const { items, cursors, nextCursor } = await read.roles(project, request);
      const custom = items.map((role) => ({ custom: role }));
      if (nextCursor !== null) return { items: custom, cursors, nextCursor };
      const behind = predefined.map((role) => ({ predefined: role }));
      return { items: [...custom, ...behind], cursors: [...cursors, ...behind.map(() => '')], nextCursor };
    };

  const known = [...new Set([...PERMISSIONS, ...OPERATOR_PERMISSIONS])].map((name, place) => ({
    name,
    place,
  }));
  handle(ops.listPermissions, async () => {
    const keyOf = ({ place }: { place: number }) => String(place).padStart(4, '0');
    return wholeList({ items: known, keyOf, order: 'up' }, ({ name }) => ({
      name,
      operator: OPERATOR_PERMISSIONS.includes(name),
    }));
  });
  handle(ops.listRoles, async ({ projectId }) => {
    return list(rolesOf(projectId), (role) => ('custom' in role ? view(role.custom) : role.predefined));
  });
  handle(ops.createRole, async ({ body, principal, projectId }) => {
    const { name, operations } = body;
    if (isRole(name)) throw invalid('name', 'is a predefined role');
    knownOperations(operations);
    mayHandOut(principal, operations);
    const role: Role = {
      id: random.id(),
      projectId,
      name,
      operations: [...new Set(operations)],
      createdAt: clock.now(),
    };
    const insert = () =>
      transactor.transact(projectId, (tx) => {
        tx.capRoles(projectId, MOST_ROLES);
        // Whoever still names a role that is gone would have the new one unasked.
        tx.expectUnheld(projectId, name);
        tx.insertRole(role);
      });
    try {
      await withinCap(insert, {
        reached: async () =>
          (await read.roles(projectId, { limit: MOST_ROLES, cursor: null })).items.length >= MOST_ROLES,
        problem: () => new Problem('too-many-roles', `a project has at most ${MOST_ROLES} roles`),
      });
    } catch (error) {
      if (!(error instanceof StaleError)) throw error;
      throw new Problem(
        'role-in-use',
        'a member, an API client or an invitation still names a removed role of this name: set its roles anew, or take another name',
      );
    }
    return view(role);
  });
  handle(ops.getRole, async ({ params, projectId }) => {
    return view(found(await read.role(projectId, params.id)));
  });
  handle(ops.updateRole, ({ body, params, principal, projectId, ifMatch }) =>
    inTurn(projectId, async () => {
      const before = found(await read.role(projectId, params.id));
      const { operations } = body;
      knownOperations(operations);
      // A caller must hold every operation that is added or removed.
      mayHandOut(principal, [...operations, ...view(before).operations]);
      ifMatch(view(before));
      const role = { ...before, operations: [...new Set(operations)] };
      await transactor.transact(projectId, (tx) => {
        tx.expectRole(before);
        tx.updateRole(role);
      });
      return view(role);
    }),
  );
  handle(ops.deleteRole, ({ params, principal, projectId, ifMatch }) =>
    inTurn(projectId, async () => {
      const role = found(await read.role(projectId, params.id));
      mayHandOut(principal, view(role).operations);
      ifMatch(view(role));
      try {
        await transactor.transact(projectId, (tx) => {
          tx.expectRole(role);
          tx.deleteRole(role);
        });
      } catch (error) {
        const now = error instanceof StaleError ? await read.role(projectId, role.id) : null;
        // The row was changed or removed in the meantime; it is judged again.
        if (now === null || JSON.stringify(now) !== JSON.stringify(role)) throw error;
        throw new Problem('role-in-use', 'a member, an API client or an invitation has the role');
      }
    }),
  );
}
