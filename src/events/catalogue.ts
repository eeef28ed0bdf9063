/** The event catalogue: every name that can leave through EDJ, by service. Pure. */
export const MESSAGE_EVENTS = ['incoming', 'outgoing'] as const;
export const DELIVERY_EVENTS = [
  'accepted',
  'delivered',
  'deferred',
  'bounced',
  'bounced_late',
  'expired',
  'suppressed',
  'held',
  'cancelled',
  'complained',
] as const;
export const PROJECT_EVENTS = [
  'domain.verified',
  'domain.dns_error',
  'domain.dns_recovered',
  'dkim.rotated',
  'limit.approaching',
  'limit.exceeded',
  'limit.raised',
  'suppression.added',
  'suppression.removed',
] as const;
export const EDJ_EVENTS = ['subscriber.failing', 'subscriber.paused', 'publish'] as const;

export type MessageEventName = (typeof MESSAGE_EVENTS)[number];
export type DeliveryEventName = (typeof DELIVERY_EVENTS)[number];
export type ProjectEventName = (typeof PROJECT_EVENTS)[number];
export type EdjEventName = (typeof EDJ_EVENTS)[number];
export type EventName = MessageEventName | DeliveryEventName | ProjectEventName | EdjEventName;

/** `content` of a delivery event. */
export interface DeliveryEventContent {
  readonly id: string;
  readonly message_id: string;
  readonly domain: { readonly id: string; readonly name: string } | null;
  readonly recipient: { readonly id: string; readonly address: string };
  readonly sender: string;
  readonly attempt: number;
  readonly remote?: { readonly host: string; readonly address: string; readonly port: number };
  readonly tls?: { readonly version: string; readonly cipher: string; readonly verified: boolean } | null;
  readonly reply?: { readonly code: number; readonly enhanced: string | null; readonly text: string };
  readonly classification?: string;
  readonly cause?: string;
  /** ISO 8601 */
  readonly next_attempt_at?: string;
}
/** `content` of limit.approaching and limit.exceeded. */
export interface LimitEventContent {
  readonly window: 'minute' | 'day';
  readonly scope: 'project' | 'domain';
  readonly domain: { readonly id: string; readonly name: string } | null;
  readonly limit: number;
  /** Recipients the window held. */
  readonly used: number;
  /** ISO 8601 */
  readonly at: string;
  /** ISO 8601: approaching: the first of what is counted leaves the window; exceeded: what did not fit would. */
  readonly room_returns_at: string;
}
/** `content` of limit.raised: the project's limits before and from now on; 0 = none. */
export interface LimitRaisedContent {
  readonly scope: 'project';
  readonly before: { readonly per_minute: number; readonly per_day: number };
  readonly after: { readonly per_minute: number; readonly per_day: number };
  readonly windows: readonly {
    readonly window: 'minute' | 'day';
    readonly limit: number;
    readonly used: number;
    /** ISO 8601; null: there is room now. */
    readonly room_returns_at: string | null;
  }[];
  /** The request that was approved, where there was one. */
  readonly request: { readonly id: string } | null;
}
