/**
 * Branded identifiers: all are 36-character lower-case UUIDs. An id of one kind cannot be passed as another
 * kind.
 */
declare const brand: unique symbol;
export type Id<Kind extends string> = string & { readonly [brand]: Kind };

export type ProjectId = Id<'project'>;
/** The ownership of a domain (iam) and its setup in MTA are two resources with two ids. */
export type OwnedDomainId = Id<'owned-domain'>;
export type DomainId = Id<'mta-domain'>;
export type ApiClientId = Id<'api-client'>;
export type StaticKeyId = Id<'static-key'>;
export type DkimKeyId = Id<'dkim-key'>;
export type RuleId = Id<'rule'>;
export type TopicId = Id<'topic'>;
export type SubscriberId = Id<'subscriber'>;
export type EventId = Id<'event'>;
export type DeliveryId = Id<'subscriber-delivery'>;
export type MessageId = Id<'message'>;
export type RecipientId = Id<'recipient'>;
export type TaskId = Id<'task'>;
export type SuspensionId = Id<'suspension'>;
export type QueueOperationId = Id<'queue-operation'>;
export type DnsAccountId = Id<'dns-account'>;
export type DnsPlanId = Id<'dns-plan'>;
export type DnsChangeId = Id<'dns-change'>;
export type LimitRequestId = Id<'limit-request'>;
export type MemberId = Id<'member'>;
export type PasskeyId = Id<'passkey'>;
export type SessionId = Id<'session'>;
export type RoleId = Id<'role'>;
export type InvitationId = Id<'invitation'>;
export type AuditEventId = Id<'audit-event'>;

/** Takes the place of a project id if something belongs to the instance itself. */
export const INSTANCE = '' as ProjectId;

/**
 * ms by which the order of rows may differ from the order of their ids. An id is made before its row is
 * committed; when many transactions wait for the writer, that has taken seconds.
 */
export const DISORDER_MS = 60_000;
/** Wall ms at which the id was made (UUIDv7, RFC 9562 §5.7). */
export function madeAt(id: Id<string>): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
/** A text that sorts after all ids made before `ms` and before all others. */
export function idsFrom(ms: number): string {
  const hex = Math.max(0, Math.min(ms, 2 ** 48 - 1))
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
/** The text that sorts right before the id among all ids. */
export function idBefore(id: Id<string>): string {
  const hex = (BigInt(`0x${id.replaceAll('-', '')}`) - 1n).toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id, or null if the text is not a UUID (upper case is folded). */
export function parseId<K extends string>(text: string): Id<K> | null {
  const lower = text.toLowerCase();
  return UUID.test(lower) ? (lower as Id<K>) : null;
}
