/**
 * Changes that are judged by what was read. Their transaction has exactly what was judged as its condition. If others
 * have changed that in the meantime, the change is judged again; what it then may not do has the answer of that. After
 * five times it fails with StaleError. Changes of one project take turns on a node, so that only other nodes can be
 * faster: a caller who changes something without end does not keep others from their change.
 */
import type { ProjectId } from '../runtime/ids.ts';
import { StaleError } from '../runtime/transactor.ts';

const TIMES = 5;

/** `change` reads and judges anew each time. */
export async function judgedAgain<T>(change: () => Promise<T>): Promise<T> {
  for (let time = 1; time < TIMES; time += 1)
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof StaleError)) throw error;
    }
  return change();
}

export type InTurn = <T>(project: ProjectId, change: () => Promise<T>) => Promise<T>;

/** One for all routes that change the roles of a holder, or the operations of a role. */
export function createInTurn(): InTurn {
  const last = new Map<ProjectId, Promise<unknown>>();
  return async (project, change) => {
    const mine = (last.get(project) ?? Promise.resolve()).then(() => judgedAgain(change));
    const ended = mine.catch(() => null);
    last.set(project, ended);
    try {
      return await mine;
    } finally {
      if (last.get(project) === ended) last.delete(project);
    }
  };
}
