/**
 * Makes the member that `bootstrap --email` names, if there is none, and makes the member an owner of the
 * project. The first member of the instance becomes its operator. The result contains a one-time link if the
 * member cannot sign in yet.
 */
import { memberEmail } from '../iam/email.ts';
import { newMember, recordLink, signInUrl } from '../iam/links.ts';
import type { PeopleReader, PeopleTx } from '../iam/people-records.ts';
import { missingOf } from '../iam/sign-in.ts';
import type { AuditTx } from '../ledger/audit.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ProjectId } from '../runtime/ids.ts';
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
  email: string,
  publicUrl: string,
): Promise<MemberOut> {
  const { read, transactor, clock, random } = deps;
  const now = clock.now();
  const known = await read.memberByEmail(email);
  const first = (await read.firstOperator()) === null;
  const member = known ?? newMember({ random, now }, email, { instanceRoles: first ? ['operator'] : [] });
  const membership = known === null ? null : await read.membership(project, known.id);
  const needsLink = known === null || (await missingOf(read, known)).length > 0;
  let token: string | null = null;
  await transactor.transact(project, (tx) => {
    if (known === null) tx.insertMember(member);
    if (membership === null)
      tx.insertMembership({ projectId: project, memberId: member.id, roles: ['owner'], createdAt: now });
    if (needsLink) token = recordLink(tx, { random, now }, member.id);
    tx.insertAuditEvent({
      id: random.id(),
      projectId: project,
      actor: { kind: 'command', id: null },
      operation: 'command.bootstrap',
      target: `/iam/v1/members/${member.id}`,
      address: null,
      at: now,
      fields: ['email'],
      outcome: 'succeeded',
    });
  });
  return { email, sign_in_url: token === null ? null : signInUrl(publicUrl, token) };
}
