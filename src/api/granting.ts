/** Roles in requests: checks the names, and that callers grant only operations that they hold themselves. */
import { isOperation, isRole, operationsOf } from '../iam/policy.ts';
import type { Principal, Role } from '../iam/projects.ts';
import type { ApiDeps, ApiTx } from './deps.ts';
import { invalid, Problem } from './problems.ts';

function mustHold(principal: Principal, operations: Iterable<string>, otherwise: string): void {
  for (const operation of operations) {
    if (!principal.operations.has(operation))
      throw new Problem('operation-not-permitted', `the role lacks the operation ${operation}, ${otherwise}`);
  }
}
/** Throws a Problem if the principal lacks one of the operations. */
export function mayHandOut(principal: Principal, operations: Iterable<string>): void {
  mustHold(principal, operations, 'so it cannot be granted');
}
export async function customRoles(
  read: ApiDeps['read'],
  { projectId }: Pick<Principal, 'projectId'>,
  names: readonly string[],
): Promise<readonly Role[]> {
  return read.rolesByName(
    projectId,
    names.filter((name) => !isRole(name)),
  );
}
/** The names that this version knows. Another version may have stored others; they give no permission. */
export async function knownRoles(
  read: ApiDeps['read'],
  holder: { readonly projectId: Principal['projectId']; readonly roles: readonly string[] },
): Promise<readonly string[]> {
  const custom = await customRoles(read, holder, holder.roles);
  return holder.roles.filter((name) => isRole(name) || custom.some((role) => role.name === name));
}
/**
 * What a judgement about roles was made from: the roles of the project among them. A transaction expects them to be the
 * same still: one that was removed cannot be granted, and one that has more operations needs another judgement.
 */
export type Judged = readonly Role[];
/** In the order of their ids, so that transactions of several nodes do not wait for each other. */
export function expectJudged(tx: Pick<ApiTx, 'expectRole'>, ...judged: readonly Judged[]): void {
  const roles = new Map(judged.flat().map((role) => [JSON.stringify(role), role]));
  for (const role of [...roles.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) tx.expectRole(role);
}
/** Throws a Problem unless the principal may grant all of the named roles. */
export async function mayGrant(
  read: ApiDeps['read'],
  principal: Principal,
  names: readonly string[],
): Promise<Judged> {
  const custom = await customRoles(read, principal, names);
  names.forEach((name, i) => {
    if (!isRole(name) && !custom.some((role) => role.name === name))
      throw invalid(`roles[${i}]`, 'is neither a role nor an operation');
  });
  mayHandOut(principal, operationsOf(names, custom));
  return custom;
}
/**
 * Throws a Problem if the holder of these roles has operations that the principal lacks. It stands before every
 * change and every removal of a holder and of what it signs in with. That it still has these roles is a condition of
 * the caller's.
 */
export async function mayChangeHolder(
  read: ApiDeps['read'],
  principal: Principal,
  names: readonly string[],
): Promise<Judged> {
  const custom = await customRoles(read, principal, names);
  const held = operationsOf(names, custom);
  mustHold(principal, held, 'so it cannot change or remove a holder of it');
  return custom;
}
export function knownOperations(operations: readonly string[]): void {
  operations.forEach((operation, i) => {
    if (!isOperation(operation)) throw invalid(`operations[${i}]`, 'is not an operation');
  });
}
