/** Projects, API clients, static keys and owned domains, as queries for both engines. */
import { type Kysely, sql } from 'kysely';
import { isRole } from '../../iam/policy.ts';
import type {
  ApiClient,
  IamReader,
  IamTx,
  OwnedDomain,
  OwnershipProof,
  StaticKey,
} from '../../iam/projects.ts';
import type { Domain } from '../../mail/domain.ts';
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
import { one, toProject, toRole } from '../rows/people.ts';
import type { ApiClientTable, OwnedDomainTable, StaticKeyTable, Tables } from '../schema/tables.ts';

const toClient = (r: ApiClientTable): ApiClient => ({
  id: r.id as ApiClient['id'],
  projectId: r.project_id as ApiClient['projectId'],
  name: r.name,
  roles: fromJson(r.roles) as string[],
  createdAt: r.created_at,
});
const toKey = (r: StaticKeyTable): StaticKey => ({
  id: r.id as StaticKey['id'],
  projectId: r.project_id as StaticKey['projectId'],
  apiClientId: r.api_client_id as StaticKey['apiClientId'],
  expiresAt: r.expires_at,
  createdAt: r.created_at,
  lastUsedAt: r.last_used_at,
  verifier: {
    keyedHash: toBuffer(r.keyed_hash),
    scram: {
      salt: toBuffer(r.scram_salt),
      iterations: r.scram_iterations,
      storedKey: toBuffer(r.scram_stored_key),
      serverKey: toBuffer(r.scram_server_key),
    },
  },
});
const toOwned = (r: OwnedDomainTable): OwnedDomain => ({
  id: r.id as OwnedDomain['id'],
  projectId: r.project_id as OwnedDomain['projectId'],
  name: r.name as Domain,
  challenge: r.challenge,
  verifiedAt: r.verified_at,
  proof: fromJson(r.proof) as OwnershipProof | null,
  createdAt: r.created_at,
});
export function iamReader(db: Kysely<Tables>, ask: Ask): IamReader {
  async function findApiClient(id: string) {
    const client = one(await ask(db.selectFrom('api_client').selectAll().where('id', '=', id)), toClient);
    if (client === null) return null;
    const project = one(
      await ask(db.selectFrom('project').selectAll().where('id', '=', client.projectId)),
      toProject,
    );
    if (project === null) return null;
    const custom = client.roles.filter((role) => !isRole(role));
    const roles =
      custom.length === 0
        ? []
        : await ask(
            db
              .selectFrom('role')
              .selectAll()
              .where('project_id', '=', client.projectId)
              .where('name', 'in', custom)
              .orderBy('id'),
          );
    return { client, project, roles: roles.map(toRole) };
  }
  return {
    async findKey(id) {
      const key = one(await ask(db.selectFrom('static_key').selectAll().where('id', '=', id)), toKey);
      if (key === null) return null;
      const owner = await findApiClient(key.apiClientId);
      return owner === null ? null : { key, ...owner };
    },
    findApiClient,
    async operatorClients() {
      const rows = await ask(
        db
          .selectFrom('api_client')
          .innerJoin('project', 'project.id', 'api_client.project_id')
          .where('project.closed_at', 'is', null)
          .where('api_client.roles', 'like', '%"operator"%')
          .orderBy('api_client.created_at')
          .orderBy('api_client.id')
          .selectAll('api_client'),
      );
      return rows.map(toClient).filter(({ roles }) => roles.includes('operator'));
    },
    project: async (id) =>
      one(await ask(db.selectFrom('project').selectAll().where('id', '=', id)), toProject),
    async projects({ limit, cursor }) {
      const query = db.selectFrom('project').selectAll().where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toProject);
    },
    projectsByName: async (name) =>
      (
        await ask(
          db.selectFrom('project').selectAll().where('name', '=', name).orderBy('created_at').limit(100),
        )
      ).map(toProject),
    async apiClients(project, { limit, cursor }) {
      const query = db
        .selectFrom('api_client')
        .selectAll()
        .where('project_id', '=', project)
        .where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toClient);
    },
    apiClient: async (project, id) =>
      one(
        await ask(
          db.selectFrom('api_client').selectAll().where('project_id', '=', project).where('id', '=', id),
        ),
        toClient,
      ),
    async staticKeys(project, client, { limit, cursor }) {
      const query = db
        .selectFrom('static_key')
        .selectAll()
        .where('project_id', '=', project)
        .where('api_client_id', '=', client);
      const rows = await ask(
        query
          .where('id', '<', decodeCursor(cursor))
          .orderBy('id', 'desc')
          .limit(limit + 1),
      );
      return toPage(rows, limit, (r) => r.id, toKey);
    },
    async ownedDomains(project, { limit, cursor }) {
      const query = db
        .selectFrom('owned_domain')
        .selectAll()
        .where('project_id', '=', project)
        .where('id', '<', decodeCursor(cursor));
      return toPage(await ask(query.orderBy('id', 'desc').limit(limit + 1)), limit, (r) => r.id, toOwned);
    },
    ownedDomain: async (project, id) =>
      one(
        await ask(
          db.selectFrom('owned_domain').selectAll().where('project_id', '=', project).where('id', '=', id),
        ),
        toOwned,
      ),
    ownedDomainByName: async (project, name) =>
      one(
        await ask(
          db
            .selectFrom('owned_domain')
            .selectAll()
            .where('project_id', '=', project)
            .where('name', '=', name),
        ),
        toOwned,
      ),
    verifiedOwner: async (name) =>
      one(
        await ask(
          db
            .selectFrom('owned_domain')
            .selectAll()
            .where('name', '=', name)
            .where('verified_at', 'is not', null),
        ),
        toOwned,
      ),
    verifiedDomains: async (after, limit) =>
      (
        await ask(
          db
            .selectFrom('owned_domain')
            .selectAll()
            .where('verified_at', 'is not', null)
            .where('id', '>', after ?? '')
            .orderBy('id')
            .limit(limit),
        )
      ).map(toOwned),
  };
}

/** `pushQuietly`: for writes that do not change the directory. */
export function iamTx(db: Kysely<Tables>, push: Push, pushQuietly: Push): IamTx {
  const proved = (project: string, id: string, values: { proof: string | null; verified_at?: null }) =>
    db
      .updateTable('owned_domain')
      .set(values)
      .where('project_id', '=', project)
      .where('id', '=', id)
      .where('verified_at', 'is not', null);
  return {
    insertProject: (p) =>
      push(
        command(
          db.insertInto('project').values({
            id: p.id,
            name: p.name,
            sandbox: toBit(p.sandbox),
            created_at: p.createdAt,
            closed_at: p.closedAt,
          }),
        ),
      ),
    renameProject: (id, name) =>
      push(command(db.updateTable('project').set({ name }).where('id', '=', id), { must: true })),
    closeProject: (id, at) =>
      push(
        command(
          db
            .updateTable('project')
            .set({ closed_at: at })
            .where('id', '=', id)
            .where('closed_at', 'is', null),
          { must: true },
        ),
      ),
    reopenProject: (id, closedAt) =>
      push(
        command(
          db
            .updateTable('project')
            .set({ closed_at: null })
            .where('id', '=', id)
            .where('closed_at', '=', closedAt),
          { must: true },
        ),
      ),
    insertApiClient: (c) =>
      push(
        command(
          db.insertInto('api_client').values({
            project_id: c.projectId,
            id: c.id,
            name: c.name,
            roles: JSON.stringify(c.roles),
            created_at: c.createdAt,
          }),
        ),
      ),
    updateApiClient: (c) =>
      push(
        command(
          db
            .updateTable('api_client')
            .set(changed(c.id, { name: c.name, roles: c.roles && JSON.stringify(c.roles) }))
            .where('project_id', '=', c.projectId)
            .where('id', '=', c.id),
          { must: true },
        ),
      ),
    deleteApiClient: (project, id) =>
      push(command(db.deleteFrom('api_client').where('project_id', '=', project).where('id', '=', id))),
    insertStaticKey: (k) =>
      push(
        command(
          db.insertInto('static_key').values({
            project_id: k.projectId,
            id: k.id,
            api_client_id: k.apiClientId,
            expires_at: k.expiresAt,
            created_at: k.createdAt,
            last_used_at: k.lastUsedAt,
            keyed_hash: k.verifier.keyedHash,
            scram_salt: k.verifier.scram.salt,
            scram_iterations: k.verifier.scram.iterations,
            scram_stored_key: k.verifier.scram.storedKey,
            scram_server_key: k.verifier.scram.serverKey,
          }),
        ),
      ),
    deleteStaticKey: (project, id) =>
      push(command(db.deleteFrom('static_key').where('project_id', '=', project).where('id', '=', id))),
    setKeyedHash: (project, id, keyedHash) =>
      push(
        command(
          db
            .updateTable('static_key')
            .set({ keyed_hash: keyedHash })
            .where('project_id', '=', project)
            .where('id', '=', id)
            .where('keyed_hash', '=', Buffer.alloc(0)),
        ),
      ),
    noteKeyUse: (project, id, day) =>
      pushQuietly(
        command(
          db
            .updateTable('static_key')
            .set({ last_used_at: day })
            .where('project_id', '=', project)
            .where('id', '=', id),
        ),
      ),
    insertOwnedDomain: (d) =>
      push(
        command(
          db.insertInto('owned_domain').values({
            project_id: d.projectId,
            id: d.id,
            name: d.name,
            challenge: d.challenge,
            verified_at: d.verifiedAt,
            proof: toJson(d.proof),
            created_at: d.createdAt,
          }),
        ),
      ),
    verifyOwnedDomain: (project, id, at, proof) =>
      push(
        command(
          db
            .updateTable('owned_domain')
            .set({ verified_at: at, ...(proof === undefined ? {} : { proof: toJson(proof) }) })
            .where('project_id', '=', project)
            .where('id', '=', id),
          { must: true },
        ),
      ),
    noteProof: (project, id, proof) =>
      push(command(proved(project, id, { proof: toJson(proof) }), { must: true })),
    releaseOwnedDomain(project, id, proof) {
      push(command(proved(project, id, { proof: toJson(proof), verified_at: null }), { must: true }));
      const { at, reason } = proof.ended ?? { at: proof.checkedAt, reason: 'lost' };
      const setUp = db
        .selectFrom('mta_domain')
        .select((e) => [
          'project_id',
          'id',
          'name',
          e.val(reason).as('reason'),
          'created_at',
          sql<number>`CAST(${at} AS bigint)`.as('removed_at'),
        ])
        .where('project_id', '=', project)
        .where('owned_domain_id', '=', id);
      const removed = db
        .insertInto('removed_domain')
        .columns(['project_id', 'id', 'name', 'reason', 'created_at', 'removed_at']);
      push(command(removed.expression(setUp)));
      push(
        command(
          db.deleteFrom('mta_domain').where('project_id', '=', project).where('owned_domain_id', '=', id),
        ),
      );
    },
    deleteOwnedDomain: (project, id) =>
      push(
        command(db.deleteFrom('owned_domain').where('project_id', '=', project).where('id', '=', id), {
          foreign: 'owned_domain.in_use',
        }),
      ),
  };
}
