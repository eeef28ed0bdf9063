/**
 * Which mail is suspended now. In memory, loaded at start; those whose time is over are forgotten when met. A recipient is
 * looked at beside the suspensions of its own project and of all projects, so that nobody's slow down others.
 */

import type { ProjectId, SuspensionId } from '../runtime/ids.ts';
import type { DueRecipient, Suspension } from '../spool/messages.ts';
import { matchesWaiting } from '../spool/waiting.ts';

export interface Suspensions {
  load(all: readonly Suspension[]): void;
  add(suspension: Suspension): void;
  remove(id: SuspensionId): void;
  /** The suspension that stops the recipient at wall time `now`, the longest one, or null. */
  match(recipient: DueRecipient, now: number): Suspension | null;
  readonly none: boolean;
  readonly ids: readonly SuspensionId[];
}

export function createSuspensions(): Suspensions {
  const known = new Map<SuspensionId, Suspension>();
  /** null: of all projects. */
  const byProject = new Map<ProjectId | null, Set<Suspension>>();

  function add(suspension: Suspension): void {
    remove(suspension.id);
    known.set(suspension.id, suspension);
    const { project } = suspension.filter;
    const of = byProject.get(project) ?? new Set();
    byProject.set(project, of.add(suspension));
  }
  function remove(id: SuspensionId): void {
    const suspension = known.get(id);
    if (suspension === undefined) return;
    known.delete(id);
    const { project } = suspension.filter;
    const of = byProject.get(project);
    of?.delete(suspension);
    if (of?.size === 0) byProject.delete(project);
  }
  return {
    load(all) {
      known.clear();
      byProject.clear();
      for (const suspension of all) add(suspension);
    },
    add,
    remove,
    match(recipient, now) {
      let found: Suspension | null = null;
      for (const project of [recipient.row.projectId, null])
        for (const suspension of byProject.get(project) ?? []) {
          if (suspension.expiresAt <= now) remove(suspension.id);
          else if (matchesWaiting({ ...suspension.filter, states: undefined }, recipient)) {
            if (found === null || suspension.expiresAt > found.expiresAt) found = suspension;
          }
        }
      return found;
    },
    get ids() {
      return [...known.keys()];
    },
    get none() {
      return known.size === 0;
    },
  };
}
