/** Accounts at DNS providers, plans and the history of changes, as queries for both engines. */
import type { Kysely } from 'kysely';
import type {
  DnsAccount,
  DnsAccountReader,
  DnsAccountTx,
  DnsChange,
  SetChange,
  SetKey,
  StoredPlan,
  Zone,
} from '../../domains/dns-providers/provider.ts';
import {
  type Ask,
  changed,
  command,
  decodeCursor,
  fromJson,
  type Push,
  shownSettings,
  toBuffer,
  toJson,
  toPage,
  toSettings,
} from '../command.ts';
import type { DnsAccountTable, DnsChangeTable, DnsPlanTable, Tables } from '../schema/tables.ts';

const toAccount = (r: DnsAccountTable): DnsAccount => ({
  id: r.id as DnsAccount['id'],
  projectId: r.project_id as DnsAccount['projectId'],
  provider: r.provider,
  name: r.name,
  ...shownSettings(() => toSettings(r.settings) as DnsAccount['settings']),
  sealedSettings: toBuffer(r.sealed_settings),
  createdAt: r.created_at,
});
const toPlan = (r: DnsPlanTable): StoredPlan => ({
  id: r.id as StoredPlan['id'],
  projectId: r.project_id as StoredPlan['projectId'],
  domainId: r.domain_id as StoredPlan['domainId'],
  accountId: r.account_id as StoredPlan['accountId'],
  zone: fromJson(r.zone) as Zone,
  plan: fromJson(r.plan) as StoredPlan['plan'],
  createdAt: r.created_at,
});
const toChange = (r: DnsChangeTable): DnsChange => ({
  id: r.id as DnsChange['id'],
  projectId: r.project_id as DnsChange['projectId'],
  domainId: r.domain_id as DnsChange['domainId'],
  accountId: r.account_id as DnsChange['accountId'],
  kind: r.kind,
  undoes: r.undoes as DnsChange['undoes'],
  zone: fromJson(r.zone) as Zone,
  changes: fromJson(r.changes) as SetChange[],
  state: r.state,
  done: fromJson(r.done) as SetKey[] | null,
  cause: r.cause,
  revert: r.revert,
  actor: r.actor,
  createdAt: r.created_at,
  completedAt: r.completed_at,
});

export function dnsAccountReader(db: Kysely<Tables>, ask: Ask): DnsAccountReader {
  return {
    async dnsAccount(project, id) {
      const [row] = await ask(
        db.selectFrom('dns_account').selectAll().where('project_id', '=', project).where('id', '=', id),
      );
      return row === undefined ? null : toAccount(row);
    },
    async dnsAccounts(project, { limit, cursor }) {
      const query = db
        .selectFrom('dns_account')
        .selectAll()
        .where('project_id', '=', project)
        .where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toAccount);
    },
    async dnsPlan(project, domain, id) {
      const query = db.selectFrom('dns_plan').selectAll().where('project_id', '=', project);
      const [row] = await ask(query.where('id', '=', id).where('domain_id', '=', domain));
      return row === undefined ? null : toPlan(row);
    },
    async dnsChange(project, domain, id) {
      const query = db.selectFrom('dns_change').selectAll().where('project_id', '=', project);
      const [row] = await ask(query.where('id', '=', id).where('domain_id', '=', domain));
      return row === undefined ? null : toChange(row);
    },
    async dnsChanges(project, domain, { limit, cursor }) {
      const query = db
        .selectFrom('dns_change')
        .selectAll()
        .where('project_id', '=', project)
        .where('domain_id', '=', domain);
      const rows = await ask(
        query
          .where('id', '<', decodeCursor(cursor))
          .orderBy('id', 'desc')
          .limit(limit + 1),
      );
      return toPage(rows, limit, (r) => r.id, toChange);
    },
  };
}

export function dnsAccountTx(db: Kysely<Tables>, push: Push): DnsAccountTx {
  const settingsOf = (a: DnsAccount) => ({
    name: a.name,
    settings: JSON.stringify(a.settings),
    sealed_settings: a.sealedSettings,
  });
  const endOf = (c: DnsChange) => ({
    state: c.state,
    done: toJson(c.done),
    cause: c.cause,
    revert: c.revert,
    completed_at: c.completedAt,
  });
  return {
    insertDnsAccount: (a) =>
      push(
        command(
          db.insertInto('dns_account').values({
            project_id: a.projectId,
            id: a.id,
            provider: a.provider,
            created_at: a.createdAt,
            ...settingsOf(a),
          }),
        ),
      ),
    updateDnsAccount: (a) =>
      push(
        command(
          db
            .updateTable('dns_account')
            .set(
              changed(a.id, {
                name: a.name,
                settings: a.settings && JSON.stringify(a.settings),
                sealed_settings: a.sealedSettings,
              }),
            )
            .where('project_id', '=', a.projectId)
            .where('id', '=', a.id),
          { must: true },
        ),
      ),
    deleteDnsAccount: (project, id) =>
      push(command(db.deleteFrom('dns_account').where('project_id', '=', project).where('id', '=', id))),
    insertDnsPlan: (p) =>
      push(
        command(
          db.insertInto('dns_plan').values({
            project_id: p.projectId,
            id: p.id,
            domain_id: p.domainId,
            account_id: p.accountId,
            zone: JSON.stringify(p.zone),
            plan: JSON.stringify(p.plan),
            created_at: p.createdAt,
          }),
        ),
      ),
    useDnsPlan: (project, domain, id) =>
      push(
        command(
          db
            .deleteFrom('dns_plan')
            .where('project_id', '=', project)
            .where('id', '=', id)
            .where('domain_id', '=', domain),
          { must: true },
        ),
      ),
    pruneDnsPlans: (project, domain, before) =>
      push(
        command(
          db
            .deleteFrom('dns_plan')
            .where('project_id', '=', project)
            .where('domain_id', '=', domain)
            .where('created_at', '<', before),
        ),
      ),
    insertDnsChange: (c) =>
      push(
        command(
          db.insertInto('dns_change').values({
            project_id: c.projectId,
            id: c.id,
            domain_id: c.domainId,
            account_id: c.accountId,
            kind: c.kind,
            undoes: c.undoes,
            zone: JSON.stringify(c.zone),
            changes: JSON.stringify(c.changes),
            actor: c.actor,
            created_at: c.createdAt,
            ...endOf(c),
          }),
        ),
      ),
    updateDnsChange: (c) =>
      push(
        command(
          db
            .updateTable('dns_change')
            .set(endOf(c))
            .where('project_id', '=', c.projectId)
            .where('id', '=', c.id),
          { must: true },
        ),
      ),
  };
}
