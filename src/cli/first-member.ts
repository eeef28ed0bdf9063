/**
 * Makes the member that `bootstrap --email` names, if there is none, and makes the member an owner of the
 * project. With `--operator` the member also becomes an operator of the instance. The result contains a one-time
 * link if the member cannot sign in yet.
 */
import { memberEmail } from '../iam/email.ts';
import { newMember, recordLink, signInUrl } from '../iam/links.ts';
import type { Member, PeopleReader, PeopleTx } from '../iam/people-records.ts';
import { missingOf } from '../iam/sign-in.ts';
import type { AuditTx } from '../ledger/audit.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { UsageError } from './usage.ts';

export interface FirstMemberDeps {
  readonly read: PeopleReader;
  readonly transactor: Transactor<PeopleTx & AuditTx>;
  readonly clock: Clock;
  readonly random: Random;
}
export interface MemberOut {
  readonly email: string;
  /** null if the member can already sign in. */
  readonly sign_in_url: string | null;
  /** Whether the member is an operator of the instance. */
  readonly operator: boolean;
}

/** Throws UsageError if the text is not an e-mail address. */
export function emailOption(text: string): string {
  const email = memberEmail(text);
  if (email === null) throw new UsageError(`'${text}' is not an e-mail address`);
  return email;
}
export async function ownerOf(
  deps: FirstMemberDeps,
  project: ProjectId,
  { email, operator }: { readonly email: string; readonly operator: boolean },
  publicUrl: string,
): Promise<MemberOut> {
  const { read, transactor, clock, random } = deps;
  const now = clock.now();
  const known = await read.memberByEmail(email);
  const member = known ?? newMember({ random, now }, email, { instanceRoles: operator ? ['operator'] : [] });
  const membership = known === null ? null : await read.membership(project, known.id);
  const needsLink = known === null || (await missingOf(read, known)).length > 0;
  let token: string | null = null;
  await transactor.transact(project, (tx) => {
    if (known === null) tx.insertMember(member);
    if (membership === null)
      tx.insertMembership({ projectId: project, memberId: member.id, roles: ['owner'], createdAt: now });
    if (operator && known !== null) recordOperator(tx, known);
    if (needsLink) token = recordLink(tx, { random, now }, member.id);
    tx.insertAuditEvent({
      id: random.id(),
      projectId: project,
      actor: { kind: 'command', id: null },
      operation: 'command.bootstrap',
      target: `/iam/v1/members/${member.id}`,
      address: null,
      at: now,
      fields: operator ? ['email', 'operator'] : ['email'],
      outcome: 'succeeded',
    });
  });
  return {
    email,
    sign_in_url: token === null ? null : signInUrl(publicUrl, token),
    operator: operator || member.instanceRoles.includes('operator'),
  };
}
function recordOperator(tx: PeopleTx, { id, instanceRoles }: Member): void {
  tx.setInstanceRoles(id, [...new Set([...instanceRoles, 'operator'])]);
}
/** Makes an existing member an operator; false if there is no such member. */
export async function makeOperator(deps: FirstMemberDeps, email: string): Promise<boolean> {
  const { read, transactor, clock, random } = deps;
  const member = await read.memberByEmail(email);
  if (member === null) return false;
  await transactor.transact(INSTANCE, (tx) => {
    recordOperator(tx, member);
    tx.insertAuditEvent({
      id: random.id(),
      projectId: INSTANCE,
      actor: { kind: 'command', id: null },
      operation: 'command.bootstrap',
      target: `/iam/v1/members/${member.id}`,
      address: null,
      at: clock.now(),
      fields: ['operator'],
      outcome: 'succeeded',
    });
  });
  return true;
}
