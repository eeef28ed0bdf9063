/**
 * The predefined roles and their permissions. A permission is named `service.resource.verb`; the contract
 * lists all of them. Among the roles of a project, only `operator` contains the permissions that are reserved
 * for operators of the instance.
 */
import { OPERATOR_PERMISSIONS, PERMISSIONS } from '../contract/permissions.ts';

const ALL = new Set([...PERMISSIONS, ...OPERATOR_PERMISSIONS]);
/** Only owners may close a project and open it again. */
const OWNER_ONLY = new Set(['iam.projects.delete']);

/** Sending needs all three, by SMTP and by HTTP. */
export const SEND_OPERATIONS = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'] as const;

export const ROLES: Readonly<Record<string, ReadonlySet<string>>> = {
  owner: new Set(PERMISSIONS),
  admin: new Set(PERMISSIONS.filter((operation) => !OWNER_ONLY.has(operation))),
  sender: new Set(SEND_OPERATIONS),
  reader: new Set(PERMISSIONS.filter((operation) => /\.(list|get)$/.test(operation))),
  /**
   * A role of the instance. `hikyaku bootstrap --role operator` gives it, and operators can give it to
   * others.
   */
  operator: new Set([
    ...OPERATOR_PERMISSIONS,
    'mta.limits.get',
    'mta.limit_requests.list',
    'mta.limit_requests.get',
  ]),
};
/** What a member may still do in a closed project: read it, export its data, open it again. */
export function inClosedProject(operations: ReadonlySet<string>): ReadonlySet<string> {
  return new Set(
    [...operations].filter(
      (operation) => /\.(list|get)$/.test(operation) || /^iam\.projects\.(delete|export)$/.test(operation),
    ),
  );
}

export function isOperation(text: string): boolean {
  return ALL.has(text);
}
/** Whether the text names a predefined role or one operation (a role with just that operation). */
export function isRole(text: string): boolean {
  return Object.hasOwn(ROLES, text) || isOperation(text);
}

/**
 * The permissions of each single predefined role, computed once: most callers have one role, and the check
 * runs at each connection.
 */
const PERMITTED: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(ROLES).map(([role, operations]) => [role, new Set(operations)]),
);

/**
 * All permissions that the roles give together, including custom roles by their names. Unknown names give no
 * permission.
 */
export function operationsOf(
  roles: readonly string[],
  custom: readonly { readonly name: string; readonly operations: readonly string[] }[] = [],
): ReadonlySet<string> {
  const only = roles.length === 1 ? PERMITTED.get(roles[0]!) : undefined;
  if (only !== undefined) return only;
  const permitted = new Set<string>();
  for (const role of roles) {
    if (Object.hasOwn(ROLES, role)) for (const operation of ROLES[role]!) permitted.add(operation);
    else if (isOperation(role)) permitted.add(role);
    else
      for (const { name, operations } of custom)
        if (name === role) for (const operation of operations.filter(isOperation)) permitted.add(operation);
  }
  return permitted;
}
