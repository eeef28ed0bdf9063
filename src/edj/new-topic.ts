/** A new topic that has only a name. */
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import type { Topic } from './topics.ts';

/** `createdAt`: wall ms. */
export function newTopic(id: TopicId, projectId: ProjectId, name: string, createdAt: number): Topic {
  return { id, projectId, name, createdAt };
}
