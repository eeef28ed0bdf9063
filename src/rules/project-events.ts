/** How events of a project itself (of its domains and limits) are published: the seam for who makes them. Types only. */
import type { EventContent } from '../contract/event-contents.ts';
import type { ProjectEventName } from '../contract/events.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';

export interface ProjectEvents<Tx> {
  /**
   * In the transaction of what it tells of: to the topics of the project's event rules that name it, and to `topic`, each
   * once. Once it is committed, who waits for it is woken. `summary` has at most 8 KiB.
   */
  record<N extends ProjectEventName>(
    tx: Tx,
    name: N,
    content: EventContent<N>,
    about: { readonly summary: string; readonly topic?: TopicId | null },
  ): void;
}
/** Reads what publishing needs: the project's event rules, and how long it keeps things. Rejects where the store does. */
export type PrepareProjectEvents<Tx> = (project: ProjectId) => Promise<ProjectEvents<Tx>>;
