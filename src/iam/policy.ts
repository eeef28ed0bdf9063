/** Operations (`service.resource.verb`) and the predefined roles that permit them. */
const CRUD = ['list', 'get', 'create', 'update', 'delete'] as const;

function resource(name: string, ...more: string[]): string[] {
  return [...CRUD, ...more].map((verb) => `${name}.${verb}`);
}

export const OPERATIONS: readonly string[] = [
  ...resource('iam.projects'),
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
  'mta.settings.get',
  'mta.settings.update',
  ...resource('mta.tasks'),
  ...resource('edj.topics', 'publish', 'replay'),
  ...resource('edj.subscribers'),
  ...resource('edj.events'),
  ...resource('edj.deliveries'),
  ...resource('edj.tasks'),
];

/** Sending needs all three, by SMTP and HTTP. */
export const SEND_OPERATIONS = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'] as const;

export const ROLES: Readonly<Record<string, ReadonlySet<string>>> = {
  owner: new Set(OPERATIONS),
  admin: new Set(OPERATIONS),
  sender: new Set(SEND_OPERATIONS),
  reader: new Set(OPERATIONS.filter((operation) => /\.(list|get)$/.test(operation))),
};

/** Whether the text names a predefined role, or one operation (a role of just that). */
export function isRole(text: string): boolean {
  return Object.hasOwn(ROLES, text) || OPERATIONS.includes(text);
}

/** The union of what the roles permit; unknown names permit nothing. */
export function operationsOf(roles: readonly string[]): ReadonlySet<string> {
  const permitted = new Set<string>();
  for (const role of roles) {
    if (Object.hasOwn(ROLES, role)) for (const operation of ROLES[role]!) permitted.add(operation);
    else if (OPERATIONS.includes(role)) permitted.add(role);
  }
  return permitted;
}
