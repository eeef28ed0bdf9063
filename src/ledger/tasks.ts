/** Records about calls: tasks, idempotency keys, counters of failed AUTH. */
import type { ProjectId, TaskId } from '../runtime/ids.ts';

export interface Task {
  readonly id: TaskId;
  readonly projectId: ProjectId;
  readonly service: 'mta' | 'edj';
  readonly procedure: string;
  readonly status: 'queued' | 'succeeded' | 'failed';
  readonly result: unknown;
  readonly error: unknown;
  readonly createdAt: number;
  readonly completedAt: number | null;
}
export interface IdempotencyRecord {
  readonly projectId: ProjectId;
  /** The scope and the caller's key, such as 'http:mta.domains.send send_message:abc'. */
  readonly key: string;
  /** SHA-256 of the request. */
  readonly requestHash: Buffer;
  /** null while the first call is running. */
  readonly response: { readonly status: number; readonly body: string } | null;
  readonly createdAt: number;
}
export interface LedgerReader {
  task(project: ProjectId, id: TaskId): Promise<Task | null>;
  idempotency(project: ProjectId, key: string): Promise<IdempotencyRecord | null>;
  /** Wall ms of the `nth` newest failed attempt of the scope up to `until` (1 is the newest); null if there are fewer. */
  authFailure(scope: string, nth: number, until: number): Promise<number | null>;
  /** Wall ms of the last sign-in of the scope; null if never or long ago. */
  authSuccess(scope: string): Promise<number | null>;
}
export interface LedgerTx {
  insertTask(task: Task): void;
  updateTask(task: Task): void;
  /** Throws ConflictError 'idempotency.key'. */
  insertIdempotency(record: IdempotencyRecord): void;
  completeIdempotency(project: ProjectId, key: string, response: { status: number; body: string }): void;
  deleteIdempotency(project: ProjectId, key: string): void;
  /** Deletes the key of a call that has no answer and was begun at `begunBy` (wall ms) or before. */
  forgetUnanswered(project: ProjectId, key: string, begunBy: number): void;
  insertAuthFailure(scope: string, at: number, attempt: string): void;
  deleteAuthFailure(scope: string, attempt: string): void;
  setAuthSuccess(scope: string, at: number): void;
}
