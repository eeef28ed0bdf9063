/** Which mail is suspended now. In memory, loaded at start; those whose time is over are forgotten when met. */

import type { SuspensionId } from '../runtime/ids.ts';
import type { DueRecipient, Suspension } from '../spool/types.ts';
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
  return {
    load(all) {
      known.clear();
      for (const suspension of all) known.set(suspension.id, suspension);
    },
    add: (suspension) => void known.set(suspension.id, suspension),
    remove: (id) => void known.delete(id),
    match(recipient, now) {
      let found: Suspension | null = null;
      for (const suspension of known.values()) {
        if (suspension.expiresAt <= now) known.delete(suspension.id);
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
