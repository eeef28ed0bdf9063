/**
 * People: members of the instance, how each signs in, and what each may do in a project. Interfaces that the
 * store implements. Invariants: an e-mail address belongs to one member; of each token, recovery code and
 * session id only a hash is stored; a project keeps an owner; a member keeps a second factor. If a write has
 * a condition that is not met, it fails with StaleError.
 */
import type { InvitationId, MemberId, PasskeyId, ProjectId, RoleId, SessionId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import type { Project, Role } from './projects.ts';

export const LANGUAGES = ['ja', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Member {
  readonly id: MemberId;
  /** Lower case. */
  readonly email: string;
  readonly name: string;
  readonly language: Language;
  /** Roles of the instance, not of a project: `operator`. */
  readonly instanceRoles: readonly string[];
  /** As iam/passwords.ts writes it, with the parameters next to the hash; null until set. */
  readonly password: string | null;
  readonly totp: Totp | null;
  readonly createdAt: number;
}
export interface Totp {
  readonly sealedSecret: Buffer;
  /** The last step (RFC 6238: 30 s since the epoch) whose code was accepted. */
  readonly lastStep: number;
}
export interface Passkey {
  readonly id: PasskeyId;
  readonly memberId: MemberId;
  /** The authenticator's own id, in base64url. */
  readonly credentialId: string;
  readonly name: string;
  /** COSE. */
  readonly publicKey: Buffer;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}
/**
 * second_factor: the password was right. set_up: opened with a one-time link; may only set what is missing.
 * signed_in: both factors were proved.
 */
export type SessionState = 'second_factor' | 'set_up' | 'signed_in';
export interface Session {
  /** An id for people; it is not the token in the cookie. */
  readonly id: SessionId;
  /** SHA-256 of the token. */
  readonly hash: string;
  readonly memberId: MemberId;
  readonly state: SessionState;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** The session ends then, even if it is in use. */
  readonly expiresAt: number;
  readonly address: string;
  readonly agent: string;
  /** Challenge of a passkey ceremony that has begun, in base64url. */
  readonly challenge: string | null;
  /** Secret of one-time codes that are being set up. */
  readonly sealedTotp: Buffer | null;
}
/** A one-time link. `owner` without a member: whoever has the link becomes the instance's first member. */
export interface SignInLink {
  readonly hash: string;
  readonly memberId: MemberId | null;
  readonly createdAt: number;
  readonly expiresAt: number;
}
export interface Membership {
  readonly projectId: ProjectId;
  readonly memberId: MemberId;
  readonly roles: readonly string[];
  readonly createdAt: number;
}
export interface Invitation {
  readonly id: InvitationId;
  readonly projectId: ProjectId;
  readonly email: string;
  readonly roles: readonly string[];
  readonly hash: string;
  /** Who sent the invitation, for people. */
  readonly invitedBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface PeopleReader {
  member(id: MemberId): Promise<Member | null>;
  memberByEmail(email: string): Promise<Member | null>;
  /** Whether any operator can sign in, that is, has a password and a second factor. */
  anyOperatorIsReady(): Promise<boolean>;
  /** The first operator; null if there is none. */
  firstOperator(): Promise<Member | null>;
  /** An operator with a one-time link that has not ended at `now`; null if there is none. */
  operatorWithLink(now: number): Promise<{ readonly member: Member; readonly expiresAt: number } | null>;
  passkeys(member: MemberId): Promise<readonly Passkey[]>;
  recoveryCodesLeft(member: MemberId): Promise<number>;
  session(hash: string): Promise<Session | null>;
  /** Whether an operator is a member of the project. */
  hasOperator(project: ProjectId): Promise<boolean>;
  /** Newest first. */
  /** Newest first; only sessions that do not end before `now` and were used since `idleBefore`. */
  sessions(
    member: MemberId,
    since: { readonly now: number; readonly idleBefore: number },
    page: PageRequest,
  ): Promise<Page<Session>>;
  sessionOf(member: MemberId, id: SessionId): Promise<Session | null>;
  signInLink(hash: string): Promise<SignInLink | null>;
  /** Oldest project first. */
  memberships(member: MemberId): Promise<readonly { membership: Membership; project: Project }[]>;
  /** The same, page by page. */
  membershipPage(
    member: MemberId,
    page: PageRequest,
  ): Promise<Page<{ readonly membership: Membership; readonly project: Project }>>;
  membership(project: ProjectId, member: MemberId): Promise<Membership | null>;
  projectMembers(
    project: ProjectId,
    page: PageRequest,
  ): Promise<Page<{ membership: Membership; member: Member }>>;
  role(project: ProjectId, id: RoleId): Promise<Role | null>;
  roles(project: ProjectId, page: PageRequest): Promise<Page<Role>>;
  rolesByName(project: ProjectId, names: readonly string[]): Promise<readonly Role[]>;
  invitation(project: ProjectId, id: InvitationId): Promise<Invitation | null>;
  invitations(project: ProjectId, page: PageRequest): Promise<Page<Invitation>>;
  /** Global directory look-up. */
  invitationByHash(hash: string): Promise<Invitation | null>;
}
export interface PeopleTx {
  /** Throws ConflictError 'member.email'. */
  insertMember(member: Member): void;
  /** Writes the fields that are given. */
  updateMember(id: MemberId, to: Partial<Pick<Member, 'name' | 'language'>>): void;
  setInstanceRoles(id: MemberId, roles: readonly string[]): void;
  setPassword(id: MemberId, password: string | null): void;
  setTotp(id: MemberId, totp: Totp): void;
  /** StaleError if a code of this step or a later one was accepted before. */
  takeTotpStep(id: MemberId, step: number): void;
  /** StaleError if no passkey would remain. */
  deleteTotp(id: MemberId): void;
  /** Removes one-time codes, passkeys and recovery codes. */
  clearFactors(id: MemberId): void;
  /** StaleError unless the member has fewer than `most` passkeys. Record it before the insert. */
  capPasskeys(member: MemberId, most: number): void;
  /** Throws ConflictError 'passkey.credential_id'. */
  insertPasskey(passkey: Passkey): void;
  renamePasskey(member: MemberId, id: PasskeyId, name: string): void;
  /** StaleError if the counter did not grow (it may stay 0), or if the passkey is gone. */
  usePasskey(member: MemberId, id: PasskeyId, counter: number, at: number): void;
  /** StaleError if it is the last second factor, or if it is gone. */
  deletePasskey(member: MemberId, id: PasskeyId): void;
  /** Replaces all recovery codes. */
  setRecoveryCodes(member: MemberId, hashes: readonly Buffer[]): void;
  /** StaleError if the code does not exist any more. */
  takeRecoveryCode(member: MemberId, hash: Buffer): void;
  insertSession(session: Session): void;
  touchSession(hash: string, to: Pick<Session, 'lastUsedAt' | 'address' | 'agent'>): void;
  setPending(hash: string, to: Pick<Session, 'challenge' | 'sealedTotp'>): void;
  /** StaleError if the session has already ended: of two steps taken at once, only one continues. */
  endSession(hash: string): void;
  /** Does nothing if the session has ended. */
  deleteSession(member: MemberId, id: SessionId): void;
  deleteSessions(member: MemberId): void;
  deleteOtherSessions(member: MemberId, kept: SessionId): void;
  insertSignInLink(link: SignInLink): void;
  /** StaleError if the link was used. */
  takeSignInLink(hash: string): void;
  /**
   * Takes all links that would make the first member. StaleError if there is none, so only one first member
   * is made.
   */
  takeOwnerLinks(): void;
  deleteSignInLinks(member: MemberId): void;
  /** Throws ConflictError 'membership.member_id'. */
  insertMembership(membership: Membership): void;
  /** StaleError if it is gone, or if the project would have no owner. */
  updateMembership(membership: Membership): void;
  deleteMembership(project: ProjectId, member: MemberId): void;
  /** StaleError unless the project has fewer than `most` roles. Record it before the insert. */
  capRoles(project: ProjectId, most: number): void;
  /** StaleError if a member, an API client or an invitation has the name among its roles. Record it before the insert. */
  expectUnheld(project: ProjectId, role: string): void;
  /** Throws ConflictError 'role.name'. */
  insertRole(role: Role): void;
  updateRole(role: Role): void;
  /** StaleError if it is gone, or if a member, an API client or an invitation has the role. */
  deleteRole(role: Role): void;
  /** StaleError unless fewer than `most` invitations of the project are open at `now`. Record it before the insert. */
  capInvitations(project: ProjectId, most: number, now: number): void;
  insertInvitation(invitation: Invitation): void;
  /** StaleError if it was accepted or revoked. */
  deleteInvitation(project: ProjectId, id: InvitationId): void;
  pruneInvitations(project: ProjectId, now: number): void;
}
/**
 * Conditions of a transaction. It fails with StaleError if, at the commit, the row differs from the one given
 * here.
 */
export interface AccessExpectations {
  expectProject(project: Project): void;
  expectMembership(membership: Membership): void;
  expectRole(role: Role): void;
}
