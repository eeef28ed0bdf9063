/**
 * Names of events and permissions that lists contained although they had no behaviour. Migration 12 removes them
 * from stored rows.
 */
export const GONE_EVENTS = [
  'bounced_late',
  'suppressed',
  'complained',
  'suppression.added',
  'suppression.removed',
];
export const GONE_PERMISSIONS = [
  'iam.members.create',
  'iam.invitations.update',
  'iam.static_keys.get',
  'iam.static_keys.update',
  'mta.incoming_rules.update',
  'mta.outgoing_rules.update',
  'mta.event_rules.update',
  'mta.dkim_keys.update',
  'mta.messages.create',
  'mta.messages.update',
  'mta.messages.delete',
  'mta.queues.get',
  'mta.queues.create',
  'mta.queues.delete',
  'mta.limit_requests.delete',
  'mta.tasks.list',
  'mta.tasks.create',
  'mta.tasks.update',
  'mta.tasks.delete',
  'edj.topics.replay',
  'edj.subscribers.update',
  'edj.events.create',
  'edj.events.update',
  'edj.events.delete',
  'edj.deliveries.get',
  'edj.deliveries.create',
  'edj.deliveries.update',
  'edj.deliveries.delete',
  'edj.tasks.list',
  'edj.tasks.create',
  'edj.tasks.update',
  'edj.tasks.delete',
];
/** The names as a list in SQL. */
export const listed = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');
