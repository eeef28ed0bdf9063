/**
 * Topics and subscribers, as queries for both engines. Each engine has its own queries for events and
 * deliveries.
 */
import type { Kysely } from 'kysely';
import type { EdjReader, EdjTx, Subscriber, Topic } from '../../edj/topics.ts';
import {
  type Ask,
  command,
  decodeCursor,
  type Push,
  shownSettings,
  toBuffer,
  toJson,
  toPage,
  toSettings,
} from '../command.ts';
import type { SubscriberTable, Tables, TopicTable } from '../schema/tables.ts';

const toTopic = (r: TopicTable): Topic => ({
  id: r.id as Topic['id'],
  projectId: r.project_id as Topic['projectId'],
  name: r.name,
  createdAt: r.created_at,
});
/** What of a topic can be changed, and what a condition on it compares. */
export const topicValues = (t: Topic): Omit<TopicTable, 'project_id' | 'id' | 'created_at'> => ({
  name: t.name,
});
/** For sending: throws if the row cannot be read. */
export const toSubscriber = (r: SubscriberTable): Subscriber => ({
  ...toShown(r),
  settings: toSettings(r.settings),
});
const toShown = (r: SubscriberTable): Subscriber => ({
  id: r.id as Subscriber['id'],
  projectId: r.project_id as Subscriber['projectId'],
  topicId: r.topic_id as Subscriber['topicId'],
  type: r.type,
  ...shownSettings(() => toSettings(r.settings)),
  sealedSettings: toBuffer(r.sealed_settings),
  createdAt: r.created_at,
  ...(r.failing_since === null ? {} : { failingSince: r.failing_since }),
  ...(r.paused_at === null ? {} : { pausedAt: r.paused_at }),
  ...(r.resumed_at === null ? {} : { resumedAt: r.resumed_at }),
});
export type TopicReader = Pick<
  EdjReader,
  | 'topic'
  | 'topics'
  | 'firstTopic'
  | 'topicByName'
  | 'subscriber'
  | 'subscribers'
  | 'isHeard'
  | 'failingSubscribers'
>;
export type TopicTx = Omit<EdjTx, 'insertEvent' | 'moveDelivery' | 'moveFollowers'>;

export function topicReader(db: Kysely<Tables>, ask: Ask): TopicReader {
  return {
    async topic(project, id) {
      const [row] = await ask(
        db.selectFrom('topic').selectAll().where('project_id', '=', project).where('id', '=', id),
      );
      return row === undefined ? null : toTopic(row);
    },
    async topics(project, { limit, cursor }) {
      const query = db
        .selectFrom('topic')
        .selectAll()
        .where('project_id', '=', project)
        .where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toTopic);
    },
    async firstTopic(project) {
      const query = db.selectFrom('topic').selectAll().where('project_id', '=', project);
      const [row] = await ask(query.orderBy('created_at').orderBy('id').limit(1));
      return row === undefined ? null : toTopic(row);
    },
    async topicByName(project, name) {
      const [row] = await ask(
        db.selectFrom('topic').selectAll().where('project_id', '=', project).where('name', '=', name),
      );
      return row === undefined ? null : toTopic(row);
    },
    async subscriber(project, id) {
      const [row] = await ask(
        db.selectFrom('subscriber').selectAll().where('project_id', '=', project).where('id', '=', id),
      );
      return row === undefined ? null : toShown(row);
    },
    async subscribers(project, topic, { limit, cursor }) {
      const query = db
        .selectFrom('subscriber')
        .selectAll()
        .where('project_id', '=', project)
        .where('topic_id', '=', topic);
      const rows = await ask(
        query
          .where('id', '<', decodeCursor(cursor))
          .orderBy('id', 'desc')
          .limit(limit + 1),
      );
      return toPage(rows, limit, (r) => r.id, toShown);
    },
    async isHeard(project, topic) {
      const rows = await ask(
        db
          .selectFrom('subscriber')
          .select('id')
          .where('project_id', '=', project)
          .where('topic_id', '=', topic)
          .limit(1),
      );
      return rows.length > 0;
    },
    async failingSubscribers(after, limit) {
      const query = db
        .selectFrom('subscriber')
        .select(['id', 'project_id', 'failing_since'])
        .where('failing_since', 'is not', null);
      const rows = await ask(
        query
          .where('id', '>', after ?? '')
          .orderBy('id')
          .limit(limit),
      );
      return rows.map((r) => ({
        id: r.id as Subscriber['id'],
        projectId: r.project_id as Subscriber['projectId'],
        since: r.failing_since!,
      }));
    },
  };
}

export function topicTx(db: Kysely<Tables>, push: Push): TopicTx {
  const pauseOf = (project: string, id: string, values: Partial<SubscriberTable>) =>
    command(db.updateTable('subscriber').set(values).where('project_id', '=', project).where('id', '=', id), {
      must: true,
    });
  return {
    insertTopic: (t) =>
      push(
        command(
          db
            .insertInto('topic')
            .values({ project_id: t.projectId, id: t.id, ...topicValues(t), created_at: t.createdAt }),
        ),
      ),
    updateTopic: (t) =>
      push(
        command(
          db
            .updateTable('topic')
            .set(topicValues(t))
            .where('project_id', '=', t.projectId)
            .where('id', '=', t.id),
          { must: true },
        ),
      ),
    deleteTopic: (project, id) =>
      push(
        command(db.deleteFrom('topic').where('project_id', '=', project).where('id', '=', id), {
          foreign: 'topic.in_use',
        }),
      ),
    insertSubscriber: (s) =>
      push(
        command(
          db.insertInto('subscriber').values({
            project_id: s.projectId,
            id: s.id,
            topic_id: s.topicId,
            type: s.type,
            settings: toJson(s.settings)!,
            sealed_settings: s.sealedSettings,
            created_at: s.createdAt,
            failing_since: null,
            paused_at: null,
            resumed_at: null,
          }),
        ),
      ),
    updateSubscriber: (s) =>
      push(
        command(
          db
            .updateTable('subscriber')
            .set({ type: s.type, settings: toJson(s.settings)!, sealed_settings: s.sealedSettings })
            .where('project_id', '=', s.projectId)
            .where('id', '=', s.id),
          { must: true },
        ),
      ),
    pauseSubscriber: (project, id, at) => push(pauseOf(project, id, { paused_at: at })),
    resumeSubscriber: (project, id, at) => push(pauseOf(project, id, { paused_at: null, resumed_at: at })),
    subscriberFails: (project, id, since) =>
      push(
        command(
          db
            .updateTable('subscriber')
            .set({ failing_since: since })
            .where('project_id', '=', project)
            .where('id', '=', id)
            .where('failing_since', 'is', null),
        ),
      ),
    subscriberTakes: (project, id) =>
      push(
        command(
          db
            .updateTable('subscriber')
            .set({ failing_since: null })
            .where('project_id', '=', project)
            .where('id', '=', id)
            .where('failing_since', 'is not', null),
        ),
      ),
    deleteSubscriber: (project, id) =>
      push(command(db.deleteFrom('subscriber').where('project_id', '=', project).where('id', '=', id))),
  };
}
