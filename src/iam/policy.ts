/**
 * The predefined roles, and what roles permit. A permission is called `service.resource.verb`; the contract says which
 * there are. What the operators of the instance alone may do is in no role of a project but `operator`.
 */
import { OPERATOR_PERMISSIONS, PERMISSIONS } from '../contract/permissions.ts';

const ALL = new Set([...PERMISSIONS, ...OPERATOR_PERMISSIONS]);
/** Closing a project, and opening it again, is its owners'. */
const OWNER_ONLY = new Set(['iam.projects.delete']);

/** Sending needs all three, by SMTP and HTTP. */
export const SEND_OPERATIONS = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'] as const;

export const ROLES: Readonly<Record<string, ReadonlySet<string>>> = {
  owner: new Set(PERMISSIONS),
  admin: new Set(PERMISSIONS.filter((operation) => !OWNER_ONLY.has(operation))),
  sender: new Set(SEND_OPERATIONS),
  reader: new Set(PERMISSIONS.filter((operation) => /\.(list|get)$/.test(operation))),
  /** Of the instance; given by `hikyaku bootstrap --role operator`, or by whoever holds it. */
  operator: new Set([
    ...OPERATOR_PERMISSIONS,
    'mta.limits.get',
    'mta.limit_requests.list',
    'mta.limit_requests.get',
  ]),
};
/** What a member may still do in a closed project: look at it, take an export, open it again. */
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
/** Whether the text names a predefined role, or one operation (a role of just that). */
export function isRole(text: string): boolean {
  return Object.hasOwn(ROLES, text) || isOperation(text);
}

/** What one predefined role permits: most callers have just one, and are asked about at each connection. */
const PERMITTED: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(ROLES).map(([role, operations]) => [role, new Set(operations)]),
);

/** The union of what the roles permit, custom ones by their names; unknown names permit nothing. */
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
