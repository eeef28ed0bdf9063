/**
 * Events of a project itself: to the topics of its event rules that name them, and to a topic of their own where there is
 * one, each topic once; in the transaction of what they tell of. Used by the wiring alone.
 */
import type { Announcement, DomainEventContent, DomainEventName } from './domains/announce.ts';
import { recordPublish } from './edj/publish.ts';
import type { EdjTx } from './edj/types.ts';
import { keptMs, type LimitReader } from './limits/types.ts';
import type { RuleReader } from './rules/types.ts';
import type { Clock } from './runtime/clock.ts';
import type { ProjectId, TopicId } from './runtime/ids.ts';
import type { Random } from './runtime/random.ts';

export interface ProjectEventDeps {
  readonly read: Pick<LimitReader, 'sendingSettings'> & Pick<RuleReader, 'rules'>;
  readonly clock: Clock;
  readonly random: Random;
  /** After the commit: these topics have new events. */
  readonly published: (project: ProjectId, topics: readonly TopicId[]) => void;
}

export function createDomainAnnouncer({ read, clock, random, published }: ProjectEventDeps) {
  return async (project: ProjectId): Promise<Announcement<EdjTx>> => {
    const [settings, rules] = await Promise.all([
      read.sendingSettings(project),
      read.rules(project, null, 'event'),
    ]);
    const kept = keptMs(settings);
    const told = new Set<TopicId>();
    return {
      record(tx: EdjTx, name: DomainEventName, content: DomainEventContent, topic: TopicId | null) {
        const heard = rules.filter(({ names }) => names.includes(name)).map(({ topicId }) => topicId);
        const topics = new Set([...heard, ...(topic === null ? [] : [topic])]);
        const { message } = content;
        const summary = `${name}: ${content.domain}${message === undefined ? '' : `\n${message}`}`;
        for (const topicId of topics) {
          told.add(topicId);
          recordPublish(
            tx,
            { random, now: clock.now() },
            { project, topicId, service: 'mta', name, content, summary, keptMs: kept },
          );
        }
      },
      committed: () => published(project, [...told]),
    };
  };
}
