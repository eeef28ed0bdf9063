/**
 * The audit log: one event for every change by the API or a command, and for every sign-in step, whether it
 * succeeded or was refused. Refused calls of known callers are counted (api/refusals.ts). Invariants: if the change is a write to the store, the event is written in the
 * same transaction; an event has the names of changed fields, never their values. Events are kept for the
 * project's retention time, but at least 365 days.
 */
import type { ApiClientId, AuditEventId, MemberId, ProjectId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

/** The least number of days for which an event is kept. */
export const LEAST_AUDIT_DAYS = 365;

export type AuditActor =
  | { readonly kind: 'key'; readonly id: ApiClientId }
  | { readonly kind: 'member'; readonly id: MemberId }
  /** A command on the machine. */
  | { readonly kind: 'command'; readonly id: null }
  /** A sign-in that named no known member. */
  | { readonly kind: 'unknown'; readonly id: null };

export interface AuditEvent {
  readonly id: AuditEventId;
  /** INSTANCE if it belongs to no project. */
  readonly projectId: ProjectId;
  readonly actor: AuditActor;
  /** A permission name, or a sign-in step such as `iam.sessions.totp`. */
  readonly operation: string;
  /** Path of the resource. */
  readonly target: string;
  /** null for a command. */
  readonly address: string | null;
  readonly at: number;
  /** Names of the fields that were given. */
  readonly fields: readonly string[];
  readonly outcome: 'succeeded' | 'failed';
  /** Present if the caller was known and might not do it. */
  readonly refused?: Refusal;
}
/** Why the caller was refused, and how many attempts the event stands for. */
export interface Refusal {
  readonly reason: string;
  readonly times: number;
}
export interface AuditFilter {
  readonly actor?: string;
  readonly operation?: string;
  /** Wall ms, inclusive. */
  readonly from?: number;
  /** Wall ms, exclusive. */
  readonly to?: number;
}
export interface AuditReader {
  /** Newest first. */
  auditEvents(project: ProjectId, filter: AuditFilter, page: PageRequest): Promise<Page<AuditEvent>>;
  /** null if there are more than 10,000, the most that are counted. */
  countAuditEvents(project: ProjectId): Promise<number | null>;
}
export interface AuditTx {
  insertAuditEvent(event: AuditEvent): void;
}
