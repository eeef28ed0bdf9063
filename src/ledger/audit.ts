/**
 * Who did what: one event for every change by the API or a command, and for every step of a sign-in, taken or refused.
 * Invariants: an event is written in the transaction of the change it tells of, where that is a write to the store; it
 * holds the names of what changed, never values. Kept by the project's retention, at least 365 days.
 */
import type { ApiClientId, AuditEventId, MemberId, ProjectId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';

/** Days for which an event is kept at least. */
export const LEAST_AUDIT_DAYS = 365;

export type AuditActor =
  | { readonly kind: 'key'; readonly id: ApiClientId }
  | { readonly kind: 'member'; readonly id: MemberId }
  /** A command on the machine. */
  | { readonly kind: 'command'; readonly id: null }
  /** A sign-in that named nobody we know. */
  | { readonly kind: 'unknown'; readonly id: null };

export interface AuditEvent {
  readonly id: AuditEventId;
  /** INSTANCE where it is no project's. */
  readonly projectId: ProjectId;
  readonly actor: AuditActor;
  /** A policy name, or a step of a sign-in: `iam.sessions.totp`. */
  readonly operation: string;
  /** Path of the resource. */
  readonly target: string;
  /** null for a command. */
  readonly address: string | null;
  readonly at: number;
  /** Names of the fields that were given. */
  readonly fields: readonly string[];
  readonly outcome: 'succeeded' | 'failed';
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
  /** null: more than are counted, which are 10,000. */
  countAuditEvents(project: ProjectId): Promise<number | null>;
}
export interface AuditTx {
  insertAuditEvent(event: AuditEvent): void;
}
