/**
 * Events of a project itself (about its domains and limits). They go to the topics of the project's event
 * rules that name the event and have no domain, and to one further topic if the event has one; each topic
 * once. They are written in the transaction of the change that they report.
 */
import { recordPublish } from '../edj/publish.ts';
import type { EdjTx } from '../edj/topics.ts';
import { keptMs, type LimitReader } from '../limits/usage.ts';
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { RuleReader } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import { afterCommit } from '../runtime/effects.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';

export interface ProjectEventDeps {
  readonly read: Pick<LimitReader, 'sendingSettings'> & Pick<RuleReader, 'rules'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called after the commit: these topics of the project have new events. */
  readonly published: (project: ProjectId, topics: readonly TopicId[]) => void;
}

export function createProjectEvents({
  read,
  clock,
  random,
  published,
}: ProjectEventDeps): PrepareProjectEvents<Pick<EdjTx, 'insertEvent'>> {
  return async (project) => {
    const [settings, rules] = await Promise.all([
      read.sendingSettings(project),
      read.rules(project, null, 'event'),
    ]);
    const kept = keptMs(settings);
    return {
      record(tx, name, content, { summary, topic = null }) {
        const heard = rules.filter(({ names }) => names.includes(name)).map(({ topicId }) => topicId);
        const topics = [...new Set([...heard, ...(topic === null ? [] : [topic])])];
        if (topics.length > 0) afterCommit(() => published(project, topics));
        for (const topicId of topics) {
          recordPublish(
            tx,
            { random, now: clock.now() },
            { project, topicId, service: 'mta', name, content, summary, keptMs: kept },
          );
        }
      },
    };
  };
}
