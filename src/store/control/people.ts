/**
 * Members, their second factors, sessions and one-time links, as queries for both engines. Roles are in
 * access.ts.
 */
import type { Kysely } from 'kysely';
import { STEPS_AHEAD } from '../../iam/one-time-codes.ts';
import type { Passkey, PeopleReader, PeopleTx, Session, SignInLink } from '../../iam/people-records.ts';
import {
  type Ask,
  changed,
  command,
  decodeCursor,
  fromJson,
  type Push,
  toBuffer,
  toPage,
} from '../command.ts';
import { one, toMember } from '../rows/people.ts';
import type { MemberTable, PasskeyTable, SessionTable, SignInLinkTable, Tables } from '../schema/tables.ts';
import type { AccessReader, AccessTx } from './access.ts';
import { cap } from './caps.ts';

const toPasskey = (r: PasskeyTable): Passkey => ({
  id: r.id as Passkey['id'],
  memberId: r.member_id as Passkey['memberId'],
  credentialId: r.credential_id,
  name: r.name,
  publicKey: toBuffer(r.public_key),
  counter: r.counter,
  transports: fromJson(r.transports) as string[],
  createdAt: r.created_at,
  lastUsedAt: r.last_used_at,
});
const toSession = (r: SessionTable): Session => ({
  id: r.id as Session['id'],
  hash: r.hash,
  memberId: r.member_id as Session['memberId'],
  state: r.state,
  createdAt: r.created_at,
  lastUsedAt: r.last_used_at,
  expiresAt: r.expires_at,
  address: r.address,
  agent: r.agent,
  challenge: r.challenge,
  sealedTotp: r.sealed_totp === null ? null : toBuffer(r.sealed_totp),
});
const toLink = (r: SignInLinkTable): SignInLink => ({
  hash: r.hash,
  memberId: r.member_id as SignInLink['memberId'],
  createdAt: r.created_at,
  expiresAt: r.expires_at,
});

export function peopleReader(db: Kysely<Tables>, ask: Ask): Omit<PeopleReader, keyof AccessReader> {
  const members = () => db.selectFrom('member').selectAll();
  const sessions = () => db.selectFrom('session').selectAll();
  return {
    member: async (id) => one(await ask(members().where('id', '=', id)), toMember),
    memberByEmail: async (email) => one(await ask(members().where('email', '=', email)), toMember),
    async anyOperatorIsReady() {
      const ready = db
        .selectFrom('member as m')
        .select('m.id')
        .where('m.instance_roles', 'like', '%"operator"%')
        .where('m.password', 'is not', null)
        .where((e) =>
          e.or([
            e('m.sealed_totp', 'is not', null),
            e.exists(e.selectFrom('passkey as p').select('p.id').whereRef('p.member_id', '=', 'm.id')),
          ]),
        );
      return (await ask(ready.limit(1))).length > 0;
    },
    firstOperator: async () =>
      one(
        await ask(
          members()
            .where('instance_roles', 'like', '%"operator"%')
            .orderBy('created_at')
            .orderBy('id')
            .limit(1),
        ),
        toMember,
      ),
    async operatorWithLink(now) {
      const rows = await ask(
        db
          .selectFrom('member as m')
          .innerJoin('sign_in_link as l', 'l.member_id', 'm.id')
          .where('m.instance_roles', 'like', '%"operator"%')
          .where('l.expires_at', '>', now)
          .orderBy('m.created_at')
          .orderBy('m.id')
          .selectAll('m')
          .select('l.expires_at as link_expires_at')
          .limit(1),
      );
      const [row] = rows;
      return row === undefined ? null : { member: toMember(row), expiresAt: row.link_expires_at };
    },
    async hasOperator(project) {
      const found = await ask(
        db
          .selectFrom('membership')
          .innerJoin('member', 'member.id', 'membership.member_id')
          .where('membership.project_id', '=', project)
          .where('member.instance_roles', 'like', '%"operator"%')
          .select('member.id')
          .limit(1),
      );
      return found.length > 0;
    },
    passkeys: async (member) =>
      (await ask(db.selectFrom('passkey').selectAll().where('member_id', '=', member).orderBy('id'))).map(
        toPasskey,
      ),
    recoveryCodesLeft: async (member) =>
      (await ask(db.selectFrom('recovery_code').select('hash').where('member_id', '=', member))).length,
    session: async (hash) => one(await ask(sessions().where('hash', '=', hash)), toSession),
    sessionOf: async (member, id) =>
      one(await ask(sessions().where('member_id', '=', member).where('id', '=', id)), toSession),
    async sessions(member, { now, idleBefore }, { limit, cursor }) {
      const rows = await ask(
        sessions()
          .where('member_id', '=', member)
          .where('id', '<', decodeCursor(cursor))
          .where('expires_at', '>', now)
          .where('last_used_at', '>', idleBefore)
          .orderBy('id', 'desc')
          .limit(limit + 1),
      );
      return toPage(rows, limit, (r) => r.id, toSession);
    },
    signInLink: async (hash) =>
      one(await ask(db.selectFrom('sign_in_link').selectAll().where('hash', '=', hash)), toLink),
  };
}

export function peopleTx(db: Kysely<Tables>, push: Push): Omit<PeopleTx, keyof AccessTx> {
  const change = (id: string, to: Partial<MemberTable>) =>
    push(command(db.updateTable('member').set(to).where('id', '=', id), { must: true }));
  /** Transactions that remove a factor of a member run one after the other. */
  const inTurn = (id: string) => change(id, { id });
  return {
    insertMember: (m) =>
      push(
        command(
          db.insertInto('member').values({
            id: m.id,
            email: m.email,
            name: m.name,
            language: m.language,
            instance_roles: JSON.stringify(m.instanceRoles),
            password: m.password,
            sealed_totp: m.totp?.sealedSecret ?? null,
            totp_step: m.totp?.lastStep ?? null,
            created_at: m.createdAt,
          }),
        ),
      ),
    updateMember: (id, { name, language }) => change(id, changed(id, { name, language })),
    setInstanceRoles: (id, roles) => change(id, { instance_roles: JSON.stringify(roles) }),
    setPassword: (id, password) => change(id, { password }),
    setTotp: (id, { sealedSecret, lastStep }) =>
      change(id, { sealed_totp: sealedSecret, totp_step: lastStep }),
    takeTotpStep: (id, step) =>
      push(
        command(
          db
            .updateTable('member')
            .set({ totp_step: step })
            .where('id', '=', id)
            .where((e) => e.or([e('totp_step', '<', step), e('totp_step', '>', step + STEPS_AHEAD)])),
          { must: true },
        ),
      ),
    deleteTotp(id) {
      inTurn(id);
      push(
        command(
          db
            .updateTable('member')
            .set({ sealed_totp: null, totp_step: null })
            .where('id', '=', id)
            .where((e) => e.exists(e.selectFrom('passkey').select('passkey.id').where('member_id', '=', id))),
          { must: true },
        ),
      );
    },
    clearFactors(id) {
      change(id, { sealed_totp: null, totp_step: null });
      push(command(db.deleteFrom('passkey').where('member_id', '=', id)));
      push(command(db.deleteFrom('recovery_code').where('member_id', '=', id)));
    },
    capPasskeys(member, most) {
      const counted = db.selectFrom('passkey').where('member_id', '=', member);
      cap(
        db,
        push,
        { table: 'member', id: member },
        counted.select(({ fn }) => fn.countAll<number>().as('n')),
        most,
      );
    },
    insertPasskey: (p) =>
      push(
        command(
          db.insertInto('passkey').values({
            member_id: p.memberId,
            id: p.id,
            credential_id: p.credentialId,
            name: p.name,
            public_key: p.publicKey,
            counter: p.counter,
            transports: JSON.stringify(p.transports),
            created_at: p.createdAt,
            last_used_at: p.lastUsedAt,
          }),
        ),
      ),
    renamePasskey: (member, id, name) =>
      push(
        command(
          db.updateTable('passkey').set({ name }).where('member_id', '=', member).where('id', '=', id),
          { must: true },
        ),
      ),
    usePasskey: (member, id, counter, at) =>
      push(
        command(
          db
            .updateTable('passkey')
            .set({ counter, last_used_at: at })
            .where('member_id', '=', member)
            .where('id', '=', id)
            // WebAuthn §6.1.1: an authenticator without a counter always sends 0
            .where((e) => (counter === 0 ? e('counter', '=', 0) : e('counter', '<', counter))),
          { must: true },
        ),
      ),
    deletePasskey(member, id) {
      inTurn(member);
      push(
        command(
          db
            .deleteFrom('passkey')
            .where('member_id', '=', member)
            .where('id', '=', id)
            .where((e) =>
              e.or([
                e.exists(
                  e
                    .selectFrom('member')
                    .select('member.id')
                    .where('member.id', '=', member)
                    .where('member.sealed_totp', 'is not', null),
                ),
                e.exists(
                  e
                    .selectFrom('passkey as other')
                    .select('other.id')
                    .where('other.member_id', '=', member)
                    .where('other.id', '!=', id),
                ),
              ]),
            ),
          { must: true },
        ),
      );
    },
    setRecoveryCodes(member, hashes) {
      push(command(db.deleteFrom('recovery_code').where('member_id', '=', member)));
      for (const hash of hashes)
        push(command(db.insertInto('recovery_code').values({ member_id: member, hash })));
    },
    takeRecoveryCode: (member, hash) =>
      push(
        command(db.deleteFrom('recovery_code').where('member_id', '=', member).where('hash', '=', hash), {
          must: true,
        }),
      ),
    ...sessionTx(db, push),
  };
}

type SessionTx = Pick<
  PeopleTx,
  | 'insertSession'
  | 'touchSession'
  | 'setPending'
  | 'endSession'
  | 'deleteSession'
  | 'deleteSessions'
  | 'deleteOtherSessions'
  | 'insertSignInLink'
  | 'takeSignInLink'
  | 'takeOwnerLinks'
  | 'deleteSignInLinks'
>;
function sessionTx(db: Kysely<Tables>, push: Push): SessionTx {
  const links = () => db.deleteFrom('sign_in_link');
  return {
    insertSession: (s) =>
      push(
        command(
          db.insertInto('session').values({
            hash: s.hash,
            id: s.id,
            member_id: s.memberId,
            state: s.state,
            created_at: s.createdAt,
            last_used_at: s.lastUsedAt,
            expires_at: s.expiresAt,
            address: s.address,
            agent: s.agent,
            challenge: s.challenge,
            sealed_totp: s.sealedTotp,
          }),
        ),
      ),
    touchSession: (hash, { lastUsedAt, address, agent }) =>
      push(
        command(
          db
            .updateTable('session')
            .set({ last_used_at: lastUsedAt, address, agent })
            .where('hash', '=', hash),
        ),
      ),
    setPending: (hash, { challenge, sealedTotp }) =>
      push(
        command(
          db.updateTable('session').set({ challenge, sealed_totp: sealedTotp }).where('hash', '=', hash),
          { must: true },
        ),
      ),
    endSession: (hash) => push(command(db.deleteFrom('session').where('hash', '=', hash), { must: true })),
    deleteSession: (member, id) =>
      push(command(db.deleteFrom('session').where('member_id', '=', member).where('id', '=', id))),
    deleteOtherSessions: (member, kept) =>
      push(command(db.deleteFrom('session').where('member_id', '=', member).where('id', '!=', kept))),
    deleteSessions: (member) => push(command(db.deleteFrom('session').where('member_id', '=', member))),
    insertSignInLink: (l) =>
      push(
        command(
          db.insertInto('sign_in_link').values({
            hash: l.hash,
            member_id: l.memberId,
            created_at: l.createdAt,
            expires_at: l.expiresAt,
          }),
        ),
      ),
    takeSignInLink: (hash) => push(command(links().where('hash', '=', hash), { must: true })),
    takeOwnerLinks: () => push(command(links().where('member_id', 'is', null), { must: true })),
    deleteSignInLinks: (member) => push(command(links().where('member_id', '=', member))),
  };
}
