/** The resources as the service shows them; its documents describe requests exactly, and answers only as objects. */
export interface Reference {
  readonly self: string;
}
/** The id at the end of a `self` URL. */
export function idOf({ self }: Reference): string {
  return self.slice(self.lastIndexOf('/') + 1);
}

export interface Topic extends Reference {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
}
export interface Subscriber extends Reference {
  readonly id: string;
  readonly type: string;
  readonly url: string;
  readonly inline: boolean;
  readonly created_at: string;
  /** Only in the answer that made it; null in a repeated answer. */
  readonly secret?: string | null;
}
export interface Delivery {
  readonly id: string;
  readonly event_id: string;
  readonly state: string;
  readonly attempts: number;
  readonly next_attempt_at: string | null;
  readonly last_result: unknown;
  readonly created_at: string;
}
export interface TopicEvent {
  readonly id: string;
  readonly service: string;
  readonly name: string;
  readonly summary: string;
  readonly content: unknown;
  readonly created_at: string;
}

/** A sentence that says what to do, in both languages. */
export interface Words {
  readonly message?: string;
  readonly message_ja?: string;
}
export interface OwnedDomain extends Reference {
  readonly id: string;
  /** A-labels; `unicode_name` is for people. */
  readonly name: string;
  readonly unicode_name: string;
  /** The name could be taken for another one. */
  readonly warning: Words | null;
  readonly verified: boolean;
  readonly verified_at: string | null;
  readonly ownership: { readonly name: string; readonly type: string; readonly value: string } & Words;
  readonly created_at: string;
}
export interface MtaDomain extends Reference {
  readonly id: string;
  readonly name: string;
  readonly domain: Reference;
  readonly default_topic: Reference;
  readonly receiving: boolean;
  readonly mx_seen: boolean;
  readonly dkim_enabled: boolean;
  /** Days after which a key gets a successor; null: never by itself. */
  readonly dkim: { readonly enabled: boolean; readonly rotation_days: number | null };
  /** What is still missing; only where one domain is asked for. */
  readonly next_step?: Words | null;
  readonly limits: { readonly per_minute: number | null; readonly per_day: number | null };
  readonly created_at: string;
}
export interface DnsRecord extends Words {
  readonly purpose: string;
  readonly type: string;
  readonly name: string;
  readonly value: string;
  readonly zone_value: string;
  readonly required: boolean;
  readonly state: string;
  readonly found: readonly string[];
}
export interface DnsState {
  readonly records: readonly DnsRecord[];
  /** Of keys that are retired: they may go. */
  readonly obsolete_records: readonly ({ readonly type: string; readonly name: string } & Words)[];
  readonly last_check: { readonly checked_at: string } | null;
}
export interface DkimKey extends Words {
  readonly id: string;
  readonly selector: string;
  readonly algorithm: string;
  readonly bits: number | null;
  readonly state: 'pending' | 'active' | 'retiring' | 'retired';
  readonly record: { readonly name: string; readonly type: string; readonly value: string };
  readonly created_at: string;
}
export interface Rule extends Reference {
  readonly id: string;
  readonly type?: 'account' | 'all' | 'catch_all';
  readonly local_part?: string | null;
  readonly names?: readonly string[];
  readonly topic: Reference;
  readonly created_at: string;
}

export interface Project extends Reference {
  readonly id: string;
  readonly name: string;
  readonly sandbox: boolean;
  /** Nothing is sent or received since then; null: open. */
  readonly closed_at: string | null;
  readonly created_at: string;
}
export interface ApiClient extends Reference {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly created_at: string;
}
export interface StaticKey extends Reference {
  readonly id: string;
  readonly expires_at: string | null;
  readonly created_at: string;
  /** Only in the answer that made it; null in a repeated answer. */
  readonly secret?: string | null;
}

export interface UsageWindow {
  readonly used: number;
  /** 0: none. */
  readonly limit: number;
  readonly remaining: number | null;
  readonly room_at: string | null;
  readonly resets_at: string | null;
}
export interface Usage {
  readonly per_minute: UsageWindow;
  readonly per_day: UsageWindow;
}
export const TRAFFIC_KINDS = [
  'accepted',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'held',
  'received',
] as const;
export type TrafficPoint = { readonly start: string } & Readonly<
  Record<(typeof TRAFFIC_KINDS)[number], number>
>;
export interface ProjectUsage {
  readonly project: Usage;
  readonly series: Readonly<Record<'minutes' | 'hours' | 'days', readonly TrafficPoint[]>>;
}
export interface LimitRequest extends Reference {
  readonly id: string;
  readonly project: Reference;
  readonly state: 'open' | 'approved' | 'approved_in_part' | 'refused' | 'cancelled';
  readonly per_minute: number | null;
  readonly per_day: number | null;
  readonly reason: string;
  readonly notify: string | null;
  readonly granted: { readonly per_minute: number | null; readonly per_day: number | null };
  readonly note: string | null;
  readonly created_at: string;
  readonly decided_at: string | null;
}

export interface Operation {
  readonly name: string;
  /** Held by operators of the instance alone. */
  readonly operator: boolean;
}
export interface Role {
  readonly id: string | null;
  readonly name: string;
  readonly operations: readonly string[];
  readonly predefined: boolean;
}
export interface ProjectMember extends Reference {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly created_at: string;
}
export interface Invitation extends Reference {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly expires_at: string;
  readonly created_at: string;
  /** Only in the answer that made it, like the link; that is null in a repeated answer. */
  readonly mailed?: boolean;
  readonly sign_in_url?: string | null;
}
export interface Passkey extends Reference {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly last_used_at: string | null;
}
export interface OwnSession extends Reference {
  readonly id: string;
  readonly state: string;
  readonly current: boolean;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly address: string;
  readonly agent: string;
}
export interface AuditEvent {
  readonly id: string;
  readonly actor: { readonly type: string; readonly id: string | null };
  readonly operation: string;
  readonly target: string;
  readonly address: string | null;
  readonly at: string;
  readonly fields: readonly string[];
  readonly outcome: string;
}
export interface SendingSettings {
  readonly retry_for_seconds: number;
  readonly over_limit: 'reject' | 'hold';
  readonly retention_days: number;
}

export const DNS_PROVIDERS = ['gehirn', 'rfc2136', 'cloudflare', 'route53'] as const;
export type DnsProvider = (typeof DNS_PROVIDERS)[number];
export interface DnsAccount extends Reference {
  readonly id: string;
  readonly provider: DnsProvider;
  readonly name: string;
  /** Those that are no credentials. */
  readonly settings: Readonly<Record<string, string>>;
  readonly created_at: string;
}
export interface DnsAccountTest {
  readonly ok: boolean;
  readonly error: Words | null;
  readonly domains: readonly { readonly name: string; readonly zone: string | null }[];
}
export interface DnsSetChange {
  readonly name: string;
  readonly type: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}
export interface DnsPlan {
  readonly id: string;
  readonly zone: string;
  readonly changes: readonly (DnsSetChange & Words)[];
  readonly kept: readonly Words[];
  readonly conflicts: readonly Words[];
  /** Mail would no longer go there. */
  readonly replaces_mx: readonly string[];
}
export interface DnsChange {
  readonly id: string;
  readonly kind: 'apply' | 'undo';
  readonly zone: string;
  readonly state: string;
  readonly changes: readonly DnsSetChange[];
  readonly created_at: string;
}
