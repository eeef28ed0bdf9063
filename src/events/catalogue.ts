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
