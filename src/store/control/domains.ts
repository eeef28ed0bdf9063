/** MTA domains, DKIM keys and rules, as queries for both engines. */
import type { Kysely } from 'kysely';
import type {
  DkimKey,
  DnsCheck,
  DomainReader,
  DomainTx,
  MtaDomain,
  RemovedDomain,
} from '../../domains/mta-domains.ts';
import type { Domain } from '../../mail/domain.ts';
import type { Rule, RuleOf, RuleReader, RuleTx } from '../../rules/rules.ts';
import type { DomainId, ProjectId } from '../../runtime/ids.ts';
import type { PageRequest } from '../../runtime/transactor.ts';
import {
  type Ask,
  changed,
  command,
  decodeCursor,
  fromJson,
  type Push,
  toBit,
  toBuffer,
  toJson,
  toPage,
} from '../command.ts';
import type {
  DkimKeyTable,
  MtaDomainTable,
  RemovedDomainTable,
  RuleTable,
  Tables,
} from '../schema/tables.ts';
import { cap } from './caps.ts';

const toDomain = (r: MtaDomainTable): MtaDomain => ({
  id: r.id as MtaDomain['id'],
  projectId: r.project_id as MtaDomain['projectId'],
  ownedDomainId: r.owned_domain_id as MtaDomain['ownedDomainId'],
  name: r.name as Domain,
  defaultTopicId: r.default_topic_id as MtaDomain['defaultTopicId'],
  receiving: r.receiving === 1,
  mxSeen: r.mx_seen === 1,
  dkimEnabled: r.dkim_enabled === 1,
  dkimRotationDays: r.dkim_rotation_days,
  limitPerMinute: r.limit_per_minute,
  limitPerDay: r.limit_per_day,
  dns: fromJson(r.dns) as DnsCheck | null,
  createdAt: r.created_at,
});
/** The fields that people change. */
export function changeable(d: MtaDomain) {
  return {
    default_topic_id: d.defaultTopicId,
    receiving: toBit(d.receiving),
    dkim_enabled: toBit(d.dkimEnabled),
    dkim_rotation_days: d.dkimRotationDays,
    limit_per_minute: d.limitPerMinute,
    limit_per_day: d.limitPerDay,
  };
}
function given(d: Partial<MtaDomain>): Partial<ReturnType<typeof changeable>> {
  return {
    default_topic_id: d.defaultTopicId,
    receiving: d.receiving === undefined ? undefined : toBit(d.receiving),
    dkim_enabled: d.dkimEnabled === undefined ? undefined : toBit(d.dkimEnabled),
    dkim_rotation_days: d.dkimRotationDays,
    limit_per_minute: d.limitPerMinute,
    limit_per_day: d.limitPerDay,
  };
}
const toDkimKey = (r: DkimKeyTable): DkimKey => ({
  id: r.id as DkimKey['id'],
  projectId: r.project_id as DkimKey['projectId'],
  domainId: r.domain_id as DkimKey['domainId'],
  selector: r.selector,
  algorithm: r.algorithm,
  publicRecord: r.public_record,
  sealedPrivateKey: toBuffer(r.sealed_private_key),
  state: r.state,
  seenSince: r.seen_since,
  changedAt: r.changed_at ?? r.created_at,
  createdAt: r.created_at,
});
const toRemoved = (r: RemovedDomainTable): RemovedDomain => ({
  id: r.id as RemovedDomain['id'],
  projectId: r.project_id as RemovedDomain['projectId'],
  name: r.name as Domain,
  reason: r.reason,
  createdAt: r.created_at,
  removedAt: r.removed_at,
});
function fromState(k: DkimKey): Pick<DkimKeyTable, 'active' | 'state' | 'seen_since' | 'changed_at'> {
  return {
    active: toBit(k.state === 'active'),
    state: k.state,
    seen_since: k.seenSince,
    changed_at: k.changedAt,
  };
}
function toRule(r: RuleTable): Rule {
  const base = {
    id: r.id,
    projectId: r.project_id,
    topicId: r.topic_id,
    createdAt: r.created_at,
    domainId: r.domain_id,
  };
  if (r.family === 'incoming')
    return { ...base, family: r.family, type: r.type, localPart: r.local_part } as Rule;
  if (r.family === 'outgoing') return { ...base, family: r.family } as Rule;
  return { ...base, family: r.family, names: fromJson(r.names) } as Rule;
}
export function fromRule(rule: Rule): Omit<RuleTable, 'project_id' | 'id' | 'created_at'> {
  return {
    family: rule.family,
    domain_id: rule.domainId,
    topic_id: rule.topicId,
    type: rule.family === 'incoming' ? rule.type : null,
    local_part: rule.family === 'incoming' ? rule.localPart : null,
    names: rule.family === 'event' ? JSON.stringify(rule.names) : null,
  };
}

/** Above every rule without a cursor; below every rule if the cursor is not ours. */
function placeOf(cursor: string | null): readonly [createdAt: number, id: string] {
  if (cursor === null) return [Number.MAX_SAFE_INTEGER, ''];
  const place = /^(\d{1,15}) ([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  return place === null ? [0, ''] : [Number(place[1]), place[2]!];
}

export function domainReader(db: Kysely<Tables>, ask: Ask): DomainReader & RuleReader {
  const domains = () => db.selectFrom('mta_domain').selectAll();
  const rules = (project: string, domain: string | null, family: Rule['family']) =>
    db
      .selectFrom('rule')
      .selectAll()
      .where('project_id', '=', project)
      .where('domain_id', domain === null ? 'is' : '=', domain)
      .where('family', '=', family);
  const removed = () => db.selectFrom('removed_domain').selectAll();
  return {
    async findDomain(name) {
      const open = domains()
        .where('name', '=', name)
        .where((e) =>
          e.not(
            e.exists(
              e
                .selectFrom('project')
                .select('project.id')
                .whereRef('project.id', '=', 'mta_domain.project_id')
                .where('project.closed_at', 'is not', null),
            ),
          ),
        );
      const [row] = await ask(open);
      return row === undefined ? null : toDomain(row);
    },
    async domain(project, id) {
      const [row] = await ask(domains().where('project_id', '=', project).where('id', '=', id));
      return row === undefined ? null : toDomain(row);
    },
    async domains(project, { limit, cursor }) {
      const query = domains().where('project_id', '=', project).where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toDomain);
    },
    async dkimKeys(project, domain) {
      const query = db
        .selectFrom('dkim_key')
        .selectAll()
        .where('project_id', '=', project)
        .where('domain_id', '=', domain);
      return (await ask(query.orderBy('created_at').orderBy('id'))).map(toDkimKey);
    },
    async domainsForCheck(after, limit) {
      return (
        await ask(
          domains()
            .where('id', '>', after ?? '')
            .orderBy('id')
            .limit(limit),
        )
      ).map(toDomain);
    },
    async removedDomain(project, id) {
      const [row] = await ask(removed().where('project_id', '=', project).where('id', '=', id));
      return row === undefined ? null : toRemoved(row);
    },
    async removedDomains(project, { limit, cursor }) {
      const query = removed().where('project_id', '=', project).where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toRemoved);
    },
    async rules(project, domain, family) {
      const rows = await ask(rules(project, domain, family).orderBy('created_at').orderBy('id'));
      return rows.map((row) => toRule(row) as RuleOf<typeof family>);
    },
    async rulePage<F extends Rule['family']>(
      project: ProjectId,
      domain: DomainId | null,
      family: F,
      { limit, cursor }: PageRequest,
    ) {
      const [at, id] = placeOf(cursor);
      const query = rules(project, domain, family)
        .where((e) => e(e.refTuple('created_at', 'id'), '<', e.tuple(at, id)))
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc');
      return toPage(
        await ask(query.limit(limit + 1)),
        limit,
        (r) => `${r.created_at} ${r.id}`,
        (row) => toRule(row) as RuleOf<F>,
      );
    },
    async rule(project, id) {
      const [row] = await ask(
        db.selectFrom('rule').selectAll().where('project_id', '=', project).where('id', '=', id),
      );
      return row === undefined ? null : toRule(row);
    },
  };
}

export function domainTx(db: Kysely<Tables>, push: Push): DomainTx & RuleTx {
  const ofDomain = (project: string, id: string) =>
    db.updateTable('mta_domain').where('project_id', '=', project).where('id', '=', id);
  return {
    insertDomain: (d) =>
      push(
        command(
          db.insertInto('mta_domain').values({
            project_id: d.projectId,
            id: d.id,
            owned_domain_id: d.ownedDomainId,
            name: d.name,
            mx_seen: toBit(d.mxSeen),
            dns: toJson(d.dns),
            created_at: d.createdAt,
            ...changeable(d),
          }),
        ),
      ),
    updateDomain: (d) =>
      push(command(ofDomain(d.projectId, d.id).set(changed(d.id, given(d))), { must: true })),
    noteDnsCheck(project, id, { dns, mxSeen, signs }) {
      const values = { dns: toJson(dns), mx_seen: toBit(mxSeen), ...(signs ? { dkim_enabled: 1 } : {}) };
      push(command(ofDomain(project, id).set(values), { must: true }));
    },
    deleteDomain: (project, id) =>
      push(command(db.deleteFrom('mta_domain').where('project_id', '=', project).where('id', '=', id))),
    insertRemovedDomain: (d) =>
      push(
        command(
          db.insertInto('removed_domain').values({
            project_id: d.projectId,
            id: d.id,
            name: d.name,
            reason: d.reason,
            created_at: d.createdAt,
            removed_at: d.removedAt,
          }),
        ),
      ),
    moveDkimKey: (k, from) =>
      push(
        command(
          db
            .updateTable('dkim_key')
            .set({
              ...fromState(k),
              sealed_private_key: k.sealedPrivateKey,
              public_record: k.publicRecord,
            })
            .where('project_id', '=', k.projectId)
            .where('domain_id', '=', k.domainId)
            .where('id', '=', k.id)
            .where('state', '=', from),
          { must: true },
        ),
      ),
    capDkimKeys(project, domain, most, mostWithRetired) {
      const keys = db
        .selectFrom('dkim_key')
        .where('project_id', '=', project)
        .where('domain_id', '=', domain);
      const owner = { table: 'mta_domain', id: domain } as const;
      cap(
        db,
        push,
        owner,
        keys.where('state', '!=', 'retired').select(({ fn }) => fn.countAll<number>().as('n')),
        most,
      );
      cap(
        db,
        push,
        owner,
        keys.select(({ fn }) => fn.countAll<number>().as('n')),
        mostWithRetired,
      );
    },
    insertDkimKey: (k) =>
      push(
        command(
          db.insertInto('dkim_key').values({
            project_id: k.projectId,
            id: k.id,
            domain_id: k.domainId,
            selector: k.selector,
            algorithm: k.algorithm,
            public_record: k.publicRecord,
            sealed_private_key: k.sealedPrivateKey,
            ...fromState(k),
            created_at: k.createdAt,
          }),
        ),
      ),
    deleteDkimKey: (project, domain, id) =>
      push(
        command(
          db
            .deleteFrom('dkim_key')
            .where('project_id', '=', project)
            .where('domain_id', '=', domain)
            .where('id', '=', id),
        ),
      ),
    insertRule: (r) =>
      push(
        command(
          db
            .insertInto('rule')
            .values({ project_id: r.projectId, id: r.id, created_at: r.createdAt, ...fromRule(r) }),
        ),
      ),
    updateRule: (r) =>
      push(
        command(
          db
            .updateTable('rule')
            .set(fromRule(r))
            .where('project_id', '=', r.projectId)
            .where('id', '=', r.id),
          { must: true },
        ),
      ),
    deleteRule: (project, id) =>
      push(command(db.deleteFrom('rule').where('project_id', '=', project).where('id', '=', id))),
  };
}
