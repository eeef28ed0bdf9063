/**
 * Events of a project as a whole (its limits, domains, subscribers): to the topics of its event rules without a domain,
 * in the transaction of whoever makes them.
 */
import { recordPublish } from '../edj/publish.ts';
import type { EdjTx } from '../edj/types.ts';
import type { PrepareProjectEvent } from '../limits/alert-publisher.ts';
import { keptMs, type LimitReader } from '../limits/types.ts';
import type { RuleReader } from '../rules/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';

export interface ProjectEventDeps {
  readonly read: RuleReader & Pick<LimitReader, 'sendingSettings'>;
  readonly clock: Clock;
  readonly random: Random;
  /** After the commit: these topics of the project have new events. */
  readonly published: (project: ProjectId, topics: readonly TopicId[]) => void;
}
/** Rejects where the store does. */
export function createProjectEvents(deps: ProjectEventDeps): PrepareProjectEvent<Pick<EdjTx, 'insertEvent'>> {
  const { read, clock, random, published } = deps;
  return async (project, name) => {
    const rules = (await read.rules(project, null, 'event')).filter(({ names }) => names.includes(name));
    const kept = keptMs(await read.sendingSettings(project));
    return {
      record(tx, content, summary) {
        for (const { topicId } of rules)
          recordPublish(
            tx,
            { random, now: clock.now() },
            { project, topicId, service: 'mta', name, content, summary, keptMs: kept },
          );
      },
      committed() {
        if (rules.length > 0)
          published(
            project,
            rules.map(({ topicId }) => topicId),
          );
      },
    };
  };
}
