/**
 * What of the queue is in memory: rows under a number, octets of messages under another, both shared by project, since
 * rows for silent sites stay for minutes. Half of a project's rows are kept for new mail: what is read back from the
 * store takes the other half, and more is read when half of that has left.
 */
import type { ProjectId, RecipientId } from '../runtime/ids.ts';
import { createShares } from '../runtime/shares.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';

export interface Window {
  readonly rows: ReadonlySet<RecipientId>;
  hold(row: RecipientRow): void;
  /** False where it was not held. */
  release(row: RecipientRow): boolean;
  clear(): void;
  /** So many new rows of the project fit. */
  fits(project: ProjectId, rows: number): boolean;
  /** So many of its rows may be read back from the store now. */
  toRead(project: ProjectId): number;
  /** So much of what was read back has left that reading again is worth it. */
  isLow(project: ProjectId): boolean;
  /** Keeps the octets of a message, where they fit. */
  keep(message: StoredMessage): boolean;
  letGo(message: StoredMessage): void;
}

export function createWindow(sizes: { readonly rows: number; readonly octets: number }): Window {
  const held = new Set<RecipientId>();
  const rows = createShares(sizes.rows);
  const octets = createShares(sizes.octets);
  return {
    rows: held,
    hold({ id, projectId }) {
      if (held.has(id)) return;
      held.add(id);
      rows.enter(projectId);
    },
    release({ id, projectId }) {
      if (!held.delete(id)) return false;
      rows.leave(projectId);
      return true;
    },
    clear: () => held.clear(),
    fits: (project, count) => rows.hasRoom(project, count),
    toRead: (project) => Math.ceil(rows.most(project) / 2) - rows.of(project),
    isLow: (project) => rows.of(project) <= rows.most(project) / 4,
    keep({ projectId, raw }) {
      if (!octets.hasRoom(projectId, raw.length)) return false;
      octets.enter(projectId, raw.length);
      return true;
    },
    letGo: ({ projectId, raw }) => octets.leave(projectId, raw.length),
  };
}
