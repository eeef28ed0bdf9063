/** The interface for publishing events of a project itself (about its domains and limits). Types only. */
import type { EventContent } from '../contract/event-contents.ts';
import type { ProjectEventName } from '../contract/events.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';

export interface ProjectEvents<Tx> {
  /**
   * Writes the event in the transaction of the change: to the topics of the project's event rules that name
   * it, and to `topic`; each topic once. The commit wakes everyone who waits for the event. `summary` has at
   * most 8 KiB.
   */
  record<N extends ProjectEventName>(
    tx: Tx,
    name: N,
    content: EventContent<N>,
    about: { readonly summary: string; readonly topic?: TopicId | null },
  ): void;
}
/**
 * Reads what publishing needs: the project's event rules and its retention time. Rejects if the store does.
 */
export type PrepareProjectEvents<Tx> = (project: ProjectId) => Promise<ProjectEvents<Tx>>;
