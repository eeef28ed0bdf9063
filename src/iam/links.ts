/**
 * One-time links: for the first owner, for invited people, and for members who must sign in again from the
 * start. The token is in the URL's fragment, which no server and no log sees; the store has only its hash.
 * Invariants: a link works once, and the write that takes it creates the session; a link only permits setting
 * a password and a second factor; no link opens an account that another project relies on. A member who can
 * already sign in must sign in to accept an invitation.
 */
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type MemberId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import { ConflictError, StaleError, type Transactor } from '../runtime/transactor.ts';
import type { Invitation, Language, Member, PeopleReader, PeopleTx } from './people-records.ts';
import type { IamReader, Project } from './projects.ts';
import { type Begun, hashToken, newSession, newToken, type Origin } from './sessions.ts';
import { missingOf } from './sign-in.ts';

export const LINK_MS = 24 * 3_600_000;
export const INVITATION_MS = 7 * 24 * 3_600_000;

export interface LinkDeps {
  readonly read: PeopleReader & Pick<IamReader, 'projects'>;
  readonly transactor: Transactor<PeopleTx>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called with the member before anything is written. */
  readonly found?: (member: Member) => void;
}
/** What a new member enters about themselves; it is stored only if the member has none yet. */
export interface Introduction {
  readonly email?: string;
  readonly name?: string;
  readonly language?: Language;
}
export type Opened =
  | { readonly kind: 'ok'; readonly begun: Begun; readonly member: Member }
  /** Unknown, used or expired. */
  | { readonly kind: 'gone' }
  /** The link names nobody: the person who opens it enters an e-mail address. */
  | { readonly kind: 'email-needed' }
  /** The address belongs to a member who can already sign in. */
  | { readonly kind: 'sign-in-first' };

export const signInUrl = (publicUrl: string, token: string) => `${publicUrl}/#/link/${token}`;

export function newMember(
  deps: { readonly random: Random; readonly now: number },
  email: string,
  about: Introduction & { readonly instanceRoles?: readonly string[] } = {},
): Member {
  return {
    id: deps.random.id(),
    email,
    name: about.name ?? email.slice(0, email.lastIndexOf('@')),
    language: about.language ?? 'en',
    instanceRoles: about.instanceRoles ?? [],
    password: null,
    totp: null,
    createdAt: deps.now,
  };
}
/**
 * Stores a link to the account (null: to the first account). Give the token only to the person who may use
 * it.
 */
export function recordLink(
  tx: PeopleTx,
  { random, now }: { readonly random: Random; readonly now: number },
  memberId: MemberId | null,
): string {
  const token = newToken(random);
  if (memberId !== null) tx.deleteSignInLinks(memberId);
  tx.insertSignInLink({ hash: hashToken(token), memberId, createdAt: now, expiresAt: now + LINK_MS });
  return token;
}
/** Who can manage the instance. The start and `hikyaku doctor` say the same of it. */
export type OperatorStanding =
  /** Nobody: the start makes a link that makes the first operator. */
  | { readonly kind: 'none' }
  | { readonly kind: 'ready'; readonly member: Member }
  /** No operator can sign in yet, but one has a link that is still open. */
  | { readonly kind: 'has-link'; readonly member: Member; readonly expiresAt: number }
  /** No operator can sign in, and there is no link: the start makes one for this operator. */
  | { readonly kind: 'locked-out'; readonly member: Member };

export async function operatorStanding(
  read: Pick<PeopleReader, 'anyOperatorIsReady' | 'firstOperator' | 'operatorWithLink'>,
  now: number,
): Promise<OperatorStanding> {
  const member = await read.firstOperator();
  if (member === null) return { kind: 'none' };
  if (await read.anyOperatorIsReady()) return { kind: 'ready', member };
  const linked = await read.operatorWithLink(now);
  return linked === null ? { kind: 'locked-out', member } : { kind: 'has-link', ...linked };
}
export interface OwnerLink {
  readonly standing: OperatorStanding;
  /** null: no link was made. */
  readonly token: string | null;
}
/** Makes a link for the operator if no operator can sign in and none has a link: an open link stays valid. */
export async function offerOwnerLink({ read, transactor, clock, random }: LinkDeps): Promise<OwnerLink> {
  const now = clock.now();
  const standing = await operatorStanding(read, now);
  if (standing.kind === 'ready' || standing.kind === 'has-link') return { standing, token: null };
  let token = '';
  await transactor.transact(INSTANCE, (tx) => {
    token = recordLink(tx, { random, now }, standing.kind === 'none' ? null : standing.member.id);
  });
  return { standing, token };
}
export async function firstProject(read: Pick<IamReader, 'projects'>): Promise<Project | null> {
  let [first, cursor]: [Project | null, string | null] = [null, null];
  do {
    const page: Awaited<ReturnType<IamReader['projects']>> = await read.projects({ limit: 500, cursor });
    first = page.items.at(-1) ?? first;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return first;
}

/**
 * Opens what a token leads to. Throws ConflictError 'member.email' if two first owners come at the same time.
 */
export async function openLink(
  deps: LinkDeps,
  token: string,
  about: Introduction,
  origin: Origin,
): Promise<Opened> {
  const { read, clock } = deps;
  const hash = hashToken(token);
  try {
    const link = await read.signInLink(hash);
    if (link !== null) {
      if (link.expiresAt <= clock.now()) return { kind: 'gone' };
      return link.memberId === null
        ? await becomeOwner(deps, about, origin)
        : await beginAnew(deps, hash, link.memberId, origin);
    }
    const invitation = await read.invitationByHash(hash);
    if (invitation === null || invitation.expiresAt <= clock.now()) return { kind: 'gone' };
    return await comeInvited(deps, invitation, about, origin);
  } catch (error) {
    // Another request used the link in the meantime.
    if (error instanceof StaleError) return { kind: 'gone' };
    throw error;
  }
}

async function becomeOwner(deps: LinkDeps, about: Introduction, origin: Origin): Promise<Opened> {
  const { read, transactor, clock, random } = deps;
  if ((await read.firstOperator()) !== null) return { kind: 'gone' };
  if (about.email === undefined) return { kind: 'email-needed' };
  const now = clock.now();
  const member = newMember({ random, now }, about.email, { ...about, instanceRoles: ['operator'] });
  const project = await firstProject(read);
  const begun = newSession({ random, now }, member.id, 'set_up', origin);
  deps.found?.(member);
  await transactor.transact(INSTANCE, (tx) => {
    tx.takeOwnerLinks();
    tx.insertMember(member);
    if (project !== null)
      tx.insertMembership({
        projectId: project.id,
        memberId: member.id,
        roles: ['owner'],
        createdAt: now,
      });
    tx.insertSession(begun.session);
  });
  return { kind: 'ok', begun, member };
}

async function beginAnew(deps: LinkDeps, hash: string, id: MemberId, origin: Origin): Promise<Opened> {
  const { read, transactor, clock, random } = deps;
  const member = await read.member(id);
  if (member === null || (await missingOf(read, member)).length === 0) return { kind: 'gone' };
  const begun = newSession({ random, now: clock.now() }, id, 'set_up', origin);
  deps.found?.(member);
  await transactor.transact(INSTANCE, (tx) => {
    tx.takeSignInLink(hash);
    // A password that was not proved in this session is not trusted: it must be set again.
    tx.setPassword(id, null);
    tx.deleteSessions(id);
    tx.insertSession(begun.session);
  });
  return { kind: 'ok', begun, member: { ...member, password: null } };
}

async function comeInvited(
  deps: LinkDeps,
  invitation: Invitation,
  about: Introduction,
  origin: Origin,
): Promise<Opened> {
  const { read, transactor, clock, random } = deps;
  const { projectId, roles, email } = invitation;
  const now = clock.now();
  const known = await read.memberByEmail(email);
  if (known !== null && !(await isOnlyOf(read, known, projectId))) return { kind: 'sign-in-first' };
  const member = known ?? newMember({ random, now }, email, about);
  const before = known === null ? null : await read.membership(projectId, known.id);
  const begun = newSession({ random, now }, member.id, 'set_up', origin);
  deps.found?.(member);
  try {
    await transactor.transact(projectId, (tx) => {
      tx.deleteInvitation(projectId, invitation.id);
      if (known === null) tx.insertMember(member);
      else tx.deleteSessions(member.id);
      const membership = { projectId, memberId: member.id, roles, createdAt: now };
      if (before === null) tx.insertMembership(membership);
      else tx.updateMembership(membership);
      tx.insertSession(begun.session);
    });
  } catch (error) {
    if (error instanceof ConflictError && error.what === 'member.email') return { kind: 'sign-in-first' };
    throw error;
  }
  return { kind: 'ok', begun, member };
}
/** Whether nobody has used the account yet, and neither another project nor the instance relies on it. */
async function isOnlyOf(
  read: PeopleReader,
  member: Member,
  project: Invitation['projectId'],
): Promise<boolean> {
  if (member.password !== null || member.totp !== null || member.instanceRoles.length > 0) return false;
  if ((await read.passkeys(member.id)).length > 0) return false;
  return (await read.memberships(member.id)).every(({ membership }) => membership.projectId === project);
}

export type Accepted =
  | { readonly kind: 'ok'; readonly invitation: Invitation }
  | { readonly kind: 'gone' }
  | { readonly kind: 'member-already' };
/**
 * Accepts an invitation for a signed-in member. If the invitation is for another address, the answer is as if
 * it did not exist.
 */
export async function acceptInvitation(deps: LinkDeps, member: Member, token: string): Promise<Accepted> {
  const { read, transactor, clock } = deps;
  const invitation = await read.invitationByHash(hashToken(token));
  const now = clock.now();
  if (invitation === null || invitation.expiresAt <= now || invitation.email !== member.email)
    return { kind: 'gone' };
  const { projectId, roles } = invitation;
  try {
    await transactor.transact(projectId, (tx) => {
      tx.deleteInvitation(projectId, invitation.id);
      tx.insertMembership({ projectId, memberId: member.id, roles, createdAt: now });
    });
    return { kind: 'ok', invitation };
  } catch (error) {
    if (error instanceof StaleError) return { kind: 'gone' };
    if (error instanceof ConflictError) return { kind: 'member-already' };
    throw error;
  }
}
