/**
 * People: members of the instance, how each signs in, and what each may in a project. Interfaces the store implements.
 * Invariants: an e-mail is one member's; of every token, code and session id only a hash is kept; a project keeps an
 * owner; a member keeps a second factor. Where a condition is part of a write it fails with StaleError.
 */
import type { InvitationId, MemberId, PasskeyId, ProjectId, RoleId, SessionId } from '../runtime/ids.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import type { Project, Role } from './types.ts';

export const LANGUAGES = ['ja', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Member {
  readonly id: MemberId;
  /** Lower case. */
  readonly email: string;
  readonly name: string;
  readonly language: Language;
  /** Of the instance, not of a project: `operator`. */
  readonly instanceRoles: readonly string[];
  /** As iam/passwords.ts writes it, parameters beside the hash; null until set. */
  readonly password: string | null;
  readonly totp: Totp | null;
  readonly createdAt: number;
}
export interface Totp {
  readonly sealedSecret: Buffer;
  /** The last step (RFC 6238: 30 s since the epoch) whose code was taken. */
  readonly lastStep: number;
}
export interface Passkey {
  readonly id: PasskeyId;
  readonly memberId: MemberId;
  /** As the authenticator names it, base64url. */
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
 * second_factor: the password was right. set_up: came by a one-time link and may do nothing but set what is missing.
 * signed_in: both factors were proved.
 */
export type SessionState = 'second_factor' | 'set_up' | 'signed_in';
export interface Session {
  /** For people; the token in the cookie is another thing. */
  readonly id: SessionId;
  /** SHA-256 of the token. */
  readonly hash: string;
  readonly memberId: MemberId;
  readonly state: SessionState;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** Whatever is done with it. */
  readonly expiresAt: number;
  readonly address: string;
  readonly agent: string;
  /** Of a passkey ceremony that has begun, base64url. */
  readonly challenge: string | null;
  /** Of one-time codes that are being set up. */
  readonly sealedTotp: Buffer | null;
}
/** A one-time way in. `owner` without a member: whoever has it becomes the instance's first member. */
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
  /** Who invited, for people. */
  readonly invitedBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface PeopleReader {
  member(id: MemberId): Promise<Member | null>;
  memberByEmail(email: string): Promise<Member | null>;
  /** Whether anyone can sign in: has a password and a second factor. */
  anyoneIsReady(): Promise<boolean>;
  /** The operator who came first; null while there is none. */
  firstOperator(): Promise<Member | null>;
  passkeys(member: MemberId): Promise<readonly Passkey[]>;
  recoveryCodesLeft(member: MemberId): Promise<number>;
  session(hash: string): Promise<Session | null>;
  /** Whether an operator is a member of the project. */
  hasOperator(project: ProjectId): Promise<boolean>;
  /** Newest first. */
  /** Newest first; those that lasted beyond `now` and were used since `idleBefore`. */
  sessions(
    member: MemberId,
    since: { readonly now: number; readonly idleBefore: number },
    page: PageRequest,
  ): Promise<Page<Session>>;
  sessionOf(member: MemberId, id: SessionId): Promise<Session | null>;
  signInLink(hash: string): Promise<SignInLink | null>;
  /** Oldest project first. */
  memberships(member: MemberId): Promise<readonly { membership: Membership; project: Project }[]>;
  /** The same in pages. */
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
  /** ConflictError 'member.email'. */
  insertMember(member: Member): void;
  updateMember(id: MemberId, to: Pick<Member, 'name' | 'language'>): void;
  setPassword(id: MemberId, password: string | null): void;
  setTotp(id: MemberId, totp: Totp): void;
  /** StaleError where a code of this step or a later one was taken. */
  takeTotpStep(id: MemberId, step: number): void;
  /** StaleError where no passkey would remain. */
  deleteTotp(id: MemberId): void;
  /** One-time codes, passkeys and recovery codes. */
  clearFactors(id: MemberId): void;
  /** ConflictError 'passkey.credential_id'. */
  insertPasskey(passkey: Passkey): void;
  renamePasskey(member: MemberId, id: PasskeyId, name: string): void;
  /** StaleError where the counter did not grow (it may stay 0), or the passkey is gone. */
  usePasskey(member: MemberId, id: PasskeyId, counter: number, at: number): void;
  /** StaleError where it is the last second factor, or gone. */
  deletePasskey(member: MemberId, id: PasskeyId): void;
  /** Instead of those there were. */
  setRecoveryCodes(member: MemberId, hashes: readonly Buffer[]): void;
  /** StaleError where there is no such code any more. */
  takeRecoveryCode(member: MemberId, hash: Buffer): void;
  insertSession(session: Session): void;
  touchSession(hash: string, to: Pick<Session, 'lastUsedAt' | 'address' | 'agent'>): void;
  setPending(hash: string, to: Pick<Session, 'challenge' | 'sealedTotp'>): void;
  /** StaleError where it has ended already: only one of two steps taken at once goes on. */
  endSession(hash: string): void;
  /** No harm where it has ended. */
  deleteSession(member: MemberId, id: SessionId): void;
  deleteSessions(member: MemberId): void;
  deleteOtherSessions(member: MemberId, kept: SessionId): void;
  insertSignInLink(link: SignInLink): void;
  /** StaleError where it was used. */
  takeSignInLink(hash: string): void;
  /** All links that would make the first member; StaleError where there is none, so that only one is made. */
  takeOwnerLinks(): void;
  deleteSignInLinks(member: MemberId): void;
  /** ConflictError 'membership.member_id'. */
  insertMembership(membership: Membership): void;
  /** StaleError where it is gone, or the project would have no owner. */
  updateMembership(membership: Membership): void;
  deleteMembership(project: ProjectId, member: MemberId): void;
  /** ConflictError 'role.name'. */
  insertRole(role: Role): void;
  updateRole(role: Role): void;
  /** StaleError where a member, an API client or an invitation has it, or it is gone. */
  deleteRole(role: Role): void;
  insertInvitation(invitation: Invitation): void;
  /** StaleError where it was accepted or revoked. */
  deleteInvitation(project: ProjectId, id: InvitationId): void;
  pruneInvitations(project: ProjectId, now: number): void;
}
/** Conditions of a transaction: it fails with StaleError unless the row is, at the commit, as it is given here. */
export interface AccessExpectations {
  expectProject(project: Project): void;
  expectMembership(membership: Membership): void;
  expectRole(role: Role): void;
}
