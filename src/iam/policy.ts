/**
 * Operations (`service.resource.verb`) and the predefined roles that permit them. What the operator of the instance alone
 * may do is in no role of a project but `operator`.
 */
const CRUD = ['list', 'get', 'create', 'update', 'delete'] as const;

function resource(name: string, ...more: string[]): string[] {
  return [...CRUD, ...more].map((verb) => `${name}.${verb}`);
}

export const OPERATIONS: readonly string[] = [
  'iam.projects.list',
  'iam.projects.get',
  'iam.projects.update',
  'iam.projects.delete',
  'iam.projects.export',
  ...resource('iam.members'),
  ...resource('iam.invitations'),
  ...resource('iam.roles'),
  'iam.audit_events.list',
  ...resource('iam.api_clients'),
  ...resource('iam.static_keys'),
  ...resource('iam.domains'),
  ...resource('mta.domains', 'send'),
  ...resource('mta.incoming_rules'),
  ...resource('mta.outgoing_rules'),
  ...resource('mta.event_rules'),
  ...resource('mta.dkim_keys'),
  ...resource('mta.dns_accounts'),
  ...resource('mta.messages'),
  ...resource('mta.queues'),
  'mta.limits.get',
  'mta.usage.get',
  ...resource('mta.limit_requests'),
  'mta.settings.get',
  'mta.settings.update',
  ...resource('mta.tasks'),
  ...resource('edj.topics', 'publish', 'replay'),
  ...resource('edj.subscribers'),
  ...resource('edj.events'),
  ...resource('edj.deliveries'),
  ...resource('edj.tasks'),
];

/** What is done to the instance for all projects: in no role of a project, held by `operator` alone. */
export const OPERATOR_OPERATIONS: readonly string[] = [
  'iam.projects.create',
  'iam.projects.list_all',
  'iam.members.reset',
  'iam.audit_events.list_all',
  'mta.limits.update',
  'mta.limit_requests.approve',
  'mta.retention.get',
];
const ALL_OPERATIONS = new Set([...OPERATIONS, ...OPERATOR_OPERATIONS]);
const PROJECT_OPERATIONS = OPERATIONS.filter((operation) => !OPERATOR_OPERATIONS.includes(operation));
/** Closing a project, and opening it again, is its owners'. */
const OWNER_ONLY = new Set(['iam.projects.delete']);

/** Sending needs all three, by SMTP and HTTP. */
export const SEND_OPERATIONS = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'] as const;

export const ROLES: Readonly<Record<string, ReadonlySet<string>>> = {
  owner: new Set(PROJECT_OPERATIONS),
  admin: new Set(PROJECT_OPERATIONS.filter((operation) => !OWNER_ONLY.has(operation))),
  sender: new Set(SEND_OPERATIONS),
  reader: new Set(OPERATIONS.filter((operation) => /\.(list|get)$/.test(operation))),
  /** Of the instance; given by `hikyaku bootstrap --role operator`, or by whoever holds it. */
  operator: new Set([
    ...OPERATOR_OPERATIONS,
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
  return ALL_OPERATIONS.has(text);
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
