/** Short names for what the documents describe, and for those parts of it that have no name there. */
import type { components as Edj } from './edj.d.ts';
import type { components as Iam } from './iam.d.ts';
import type { components as Mta } from './mta.d.ts';

/** The id at the end of a `self` URL. */
export function idOf({ self }: { readonly self: string }): string {
  return self.slice(self.lastIndexOf('/') + 1);
}

export type Topic = Edj['schemas']['Topic'];
export type Subscriber = Edj['schemas']['Subscriber'];
export type NewSubscriber = Edj['schemas']['NewSubscriber'];
export type TopicEvent = Edj['schemas']['Event'];

export type OwnedDomain = Iam['schemas']['OwnedDomain'];
export type MtaDomain = Mta['schemas']['MtaDomain'];
export type DnsState = Mta['schemas']['DomainDns'];
export type DnsRecord = DnsState['records'][number];
/** A sentence that says what to do, in both languages. */
export type Words = Pick<DnsRecord, 'message' | 'message_ja'>;
export type DkimKey = Mta['schemas']['DkimKey'];
export type IncomingRule = Mta['schemas']['IncomingRule'];
export type OutgoingRule = Mta['schemas']['OutgoingRule'];
export type EventRule = Mta['schemas']['EventRule'];
export type Rule = IncomingRule | OutgoingRule | EventRule;

export type Project = Iam['schemas']['Project'];
export type SendingSettings = Mta['schemas']['Settings'];
export type ApiClient = Iam['schemas']['ApiClient'];
export type NewStaticKey = Iam['schemas']['NewStaticKey'];

export type ProjectUsage = Mta['schemas']['ProjectUsage'];
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
export type LimitRequest = Mta['schemas']['LimitRequest'];

export type Role = Iam['schemas']['Role'];
/** One of the project's own, or a predefined one; the client's types leave out what is always null, as its id is. */
export type ListedRole = Role | Omit<Extract<Iam['schemas']['ListedRole'], { predefined: true }>, 'id'>;
export type ProjectMember = Iam['schemas']['Member'];
export type NewInvitation = Iam['schemas']['NewInvitation'];

export type DnsAccount = Mta['schemas']['DnsAccount'];
export type DnsProvider = DnsAccount['provider'];
export const DNS_PROVIDERS = [
  'gehirn',
  'rfc2136',
  'cloudflare',
  'route53',
] as const satisfies readonly DnsProvider[];
export type DnsAccountTest = Mta['schemas']['DnsAccountTest'];
export type DnsPlan = Mta['schemas']['DnsPlan'];
export type DnsSetChange = Mta['schemas']['DnsChange']['changes'][number];
