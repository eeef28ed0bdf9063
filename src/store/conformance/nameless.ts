/**
 * For the tests of migration 12 on both engines: rows with names that have no behaviour, and what the
 * migration makes of them.
 */
import assert from 'node:assert/strict';
import type { ProjectId, TopicId } from '../../runtime/ids.ts';
import type { Store } from '../store.ts';

const idOf = (n: number) => `0190eeee-0000-7000-8000-${String(n).padStart(12, '0')}`;
const [P, T, C, M] = [idOf(1), idOf(2), idOf(3), idOf(4)];
/** In columns that the schemas of both engines have. */
export const NAMELESS_ROWS = `
INSERT INTO project (id, name, sandbox, created_at) VALUES ('${P}', 'named', 0, 1);
INSERT INTO topic (project_id, id, name, created_at) VALUES ('${P}', '${T}', 'named', 1);
INSERT INTO rule (project_id, id, family, domain_id, topic_id, names, created_at) VALUES
  ('${P}', '${idOf(10)}', 'event', NULL, '${T}', '["limit.exceeded"]', 1),
  ('${P}', '${idOf(11)}', 'event', NULL, '${T}', '["suppression.added","limit.raised","suppression.removed","limit.exceeded"]', 2),
  ('${P}', '${idOf(12)}', 'event', NULL, '${T}', '["suppression.added"]', 3);
INSERT INTO role (project_id, id, name, operations, created_at) VALUES
  ('${P}', '${idOf(20)}', 'watcher', '["mta.queues.list","mta.queues.get","mta.messages.list"]', 1),
  ('${P}', '${idOf(21)}', 'nothing', '["edj.topics.replay","mta.queues.get"]', 2),
  ('${P}', '${idOf(22)}', 'empty', '[]', 3);
INSERT INTO member (id, email, name, language, password, sealed_totp, totp_step, instance_roles, created_at)
  VALUES ('${M}', 'named@example.test', 'named', 'en', NULL, NULL, NULL, '[]', 1);
INSERT INTO membership (project_id, member_id, roles, created_at) VALUES ('${P}', '${M}', '["nothing","watcher","empty","mta.tasks.list"]', 1);
INSERT INTO api_client (project_id, id, name, roles, created_at) VALUES ('${P}', '${C}', 'named', '["mta.queues.get","nothing"]', 1);
`;

export async function namelessAreGone({ read }: Pick<Store, 'read'>): Promise<void> {
  const project = P as ProjectId;
  const rules = await read.rules(project, null, 'event');
  assert.deepEqual(
    rules.map(({ names }) => names),
    [['limit.exceeded'], ['limit.raised', 'limit.exceeded']],
  );
  const page = { limit: 50, cursor: null };
  assert.deepEqual(
    (await read.roles(project, page)).items.map(({ name, operations }) => [name, operations]).sort(),
    [
      ['empty', []],
      ['watcher', ['mta.queues.list', 'mta.messages.list']],
    ],
  );
  assert.deepEqual(
    (await read.projectMembers(project, page)).items.map(({ membership }) => membership.roles),
    [['watcher', 'empty']],
  );
  assert.deepEqual(
    (await read.apiClients(project, page)).items.map(({ roles }) => roles),
    [[]],
  );
  const audited = (await read.auditEvents(project, {}, page)).items;
  assert.deepEqual(
    audited.map(({ operation, target, actor, outcome }) => [operation, target, actor.kind, outcome]).sort(),
    [
      ['iam.roles.delete', `/iam/v1/roles/${idOf(21)}`, 'command', 'succeeded'],
      ['mta.event_rules.delete', `/mta/v1/event_rules/${idOf(12)}`, 'command', 'succeeded'],
    ],
  );
  for (const { id, at } of audited) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    assert.ok(Math.abs(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) - at) < 1000);
  }
  // A conditional change compares a rule's text, so the text must be exactly as the program writes it.
  assert.equal((await read.rule(project, rules[1]!.id))?.topicId, T as TopicId);
}
