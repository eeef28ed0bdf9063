/** Short names for the resources of the contract, and for parts of them that have no name there. */
import type { Static } from 'typebox';
import type { QueueRequest } from '../../../src/contract/operations/mta-mail.ts';
import type { RESOURCES } from '../../../src/contract/resources/index.ts';

export type Resource<N extends keyof typeof RESOURCES> = Static<(typeof RESOURCES)[N]>;

/** The id at the end of a `self` URL. */
export function idOf({ self }: { readonly self: string }): string {
  return self.slice(self.lastIndexOf('/') + 1);
}

export type Topic = Resource<'Topic'>;
export type Subscriber = Resource<'Subscriber'>;
export type NewSubscriber = Resource<'NewSubscriber'>;
export type SubscriberPreview = Resource<'SubscriberPreview'>;
export type SubscriberTest = Resource<'SubscriberTest'>;
export type TopicEvent = Resource<'Event'>;

export type OwnedDomain = Resource<'OwnedDomain'>;
export type MtaDomain = Resource<'MtaDomain'>;
export type DnsState = Resource<'DomainDns'>;
export type DnsRecord = DnsState['records'][number];
/** A sentence that says what to do, in both languages. */
export type Words = Pick<DnsRecord, 'message' | 'message_ja'>;
export type DkimKey = Resource<'DkimKey'>;
export type IncomingRule = Resource<'IncomingRule'>;
export type OutgoingRule = Resource<'OutgoingRule'>;
export type EventRule = Resource<'EventRule'>;
export type Rule = IncomingRule | OutgoingRule | EventRule;

export type Project = Resource<'Project'>;
export type SendingSettings = Resource<'Settings'>;
export type ApiClient = Resource<'ApiClient'>;
export type NewStaticKey = Resource<'NewStaticKey'>;

export type ProjectUsage = Resource<'ProjectUsage'>;
export type Usage = ProjectUsage['project'];
export type UsageWindow = Usage['per_minute'];
export type TrafficPoint = ProjectUsage['series']['hours'][number];
export const TRAFFIC_KINDS = [
  'accepted',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'held',
  'received',
] as const satisfies readonly Exclude<keyof TrafficPoint, 'start'>[];
export type LimitRequest = Resource<'LimitRequest'>;

export type Role = Resource<'Role'>;
/** A role of the project or a predefined role. The client's types leave out fields that are always null, like its id. */
export type ListedRole = Role | Omit<Extract<Resource<'ListedRole'>, { predefined: true }>, 'id'>;
export type ProjectMember = Resource<'Member'>;
export type NewInvitation = Resource<'NewInvitation'>;

export type DnsAccount = Resource<'DnsAccount'>;
/** A kind of an open list, with its settings. */
export type Kind = Resource<'Kind'>;
export type DnsAccountTest = Resource<'DnsAccountTest'>;
export type DnsPlan = Resource<'DnsPlan'>;
export type DnsSetChange = Resource<'DnsChange'>['changes'][number];

export type QueueLane = Resource<'Queues'>['items'][number];
export type Suspension = Resource<'Suspension'>;
export type QueueChange = Static<typeof QueueRequest>;
export type QueueChanged = Resource<'QueueResult'>;
