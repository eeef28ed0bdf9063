/**
 * Conditions on rows: an update that changes nothing and must match the row as it was read. If any node has
 * changed the row in the meantime, the whole transaction fails with StaleError. The row stays locked until
 * the commit.
 */
import type { Kysely } from 'kysely';
import type { DnsAccountExpectations } from '../../domains/dns-providers/provider.ts';
import type { DomainExpectations } from '../../domains/mta-domains.ts';
import type { EdjExpectations } from '../../edj/topics.ts';
import type { AccessExpectations } from '../../iam/people-records.ts';
import type { IamExpectations } from '../../iam/projects.ts';
import { DEFAULT_SENDING, type SettingsExpectations } from '../../limits/usage.ts';
import type { RuleExpectations } from '../../rules/rules.ts';
import { command, type Push, toJson } from '../command.ts';
import type { Tables } from '../schema/tables.ts';
import { changeable, fromRule } from './domains.ts';
import { fromSettings } from './ledger.ts';
import { topicValues } from './topics.ts';

type Table =
  | 'dkim_key'
  | 'dns_account'
  | 'api_client'
  | 'owned_domain'
  | 'mta_domain'
  | 'rule'
  | 'topic'
  | 'subscriber'
  | 'role';

export function expectations(
  db: Kysely<Tables>,
  push: Push,
): IamExpectations &
  DnsAccountExpectations &
  AccessExpectations &
  DomainExpectations &
  RuleExpectations &
  EdjExpectations &
  SettingsExpectations {
  /** Every table here has a creation time, which never changes. */
  function expectRow<T extends Table>(
    table: T,
    { projectId, id }: { readonly projectId: string; readonly id: string },
    columns: Partial<Tables[T]>,
  ): void {
    let query = db
      .updateTable(table as 'topic')
      .set((row) => ({ created_at: row.ref('created_at') }))
      .where('project_id', '=', projectId)
      .where('id', '=', id);
    for (const [column, value] of Object.entries(columns))
      query = query.where(column as 'name', value === null ? 'is' : '=', value as string);
    push(command(query, { must: true }));
  }
  return {
    expectApiClient: (c) => expectRow('api_client', c, { name: c.name, roles: JSON.stringify(c.roles) }),
    expectClientRoles: (c) => expectRow('api_client', c, { roles: JSON.stringify(c.roles) }),
    expectOwnedDomain: (d) =>
      expectRow('owned_domain', d, { name: d.name, challenge: d.challenge, verified_at: d.verifiedAt }),
    expectDomain: (d) => expectRow('mta_domain', d, changeable(d)),
    expectDkimKey: (k) =>
      expectRow('dkim_key', k, { domain_id: k.domainId, state: k.state, seen_since: k.seenSince }),
    expectDnsAccount: (a) => expectRow('dns_account', a, { name: a.name, sealed_settings: a.sealedSettings }),
    expectProject(p) {
      const query = db
        .updateTable('project')
        .set((row) => ({ created_at: row.ref('created_at') }))
        .where('id', '=', p.id)
        .where('name', '=', p.name)
        .where('closed_at', p.closedAt === null ? 'is' : '=', p.closedAt);
      push(command(query, { must: true }));
    },
    expectMembership(m) {
      const query = db
        .updateTable('membership')
        .set((row) => ({ created_at: row.ref('created_at') }))
        .where('project_id', '=', m.projectId)
        .where('member_id', '=', m.memberId)
        .where('roles', '=', JSON.stringify(m.roles));
      push(command(query, { must: true }));
    },
    expectRole: (r) => expectRow('role', r, { operations: JSON.stringify(r.operations) }),
    expectRule: (r) => expectRow('rule', r, fromRule(r)),
    expectTopic: (t) => expectRow('topic', t, topicValues(t)),
    expectSubscriber: (s) =>
      expectRow('subscriber', s, {
        settings: toJson(s.settings)!,
        sealed_settings: s.sealedSettings,
        paused_at: s.pausedAt ?? null,
      }),
    expectProjectLimits(project, limits) {
      if (limits === null) {
        // No settings were stored. This stores some; if others have stored some in the meantime, it matches
        // nothing.
        const query = db
          .insertInto('project_limits')
          .values({ project_id: project, per_minute: 0, per_day: 0 });
        push(
          command(
            query.onConflict((c) => c.column('project_id').doNothing()),
            { must: true },
          ),
        );
        return;
      }
      const query = db
        .updateTable('project_limits')
        .set((row) => ({ per_day: row.ref('per_day') }))
        .where('project_id', '=', project)
        .where('per_minute', '=', limits.perMinute)
        .where('per_day', '=', limits.perDay);
      push(command(query, { must: true }));
    },
    expectSendingSettings(project, settings) {
      if (settings === null) {
        // No settings were stored. This stores some; if others have stored some in the meantime, it matches
        // nothing.
        const query = db
          .insertInto('sending_settings')
          .values({ project_id: project, ...fromSettings(DEFAULT_SENDING) });
        push(
          command(
            query.onConflict((c) => c.column('project_id').doNothing()),
            { must: true },
          ),
        );
        return;
      }
      let query = db
        .updateTable('sending_settings')
        .set((row) => ({ retention_days: row.ref('retention_days') }))
        .where('project_id', '=', project);
      for (const [column, value] of Object.entries(fromSettings(settings)))
        query = query.where(column as 'over_limit', '=', value as 'reject');
      push(command(query, { must: true }));
    },
  };
}
