/** Roles in requests: checks the names, and that callers grant only operations that they hold themselves. */
import { isOperation, isRole, operationsOf } from '../iam/policy.ts';
import type { Principal, Role } from '../iam/projects.ts';
import type { ApiDeps } from './deps.ts';
import { invalid, Problem } from './problems.ts';

/** Throws a Problem if the principal lacks one of the operations. */
export function mayHandOut(principal: Principal, operations: Iterable<string>): void {
  for (const operation of operations) {
    if (!principal.operations.has(operation))
      throw new Problem(
        'operation-not-permitted',
        `the role lacks the operation ${operation}, so it cannot be granted`,
      );
  }
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
/** Throws a Problem unless the principal may grant all of the named roles. */
export async function mayGrant(
  read: ApiDeps['read'],
  principal: Principal,
  names: readonly string[],
): Promise<void> {
  const custom = await customRoles(read, principal, names);
  names.forEach((name, i) => {
    if (!isRole(name) && !custom.some((role) => role.name === name))
      throw invalid(`roles[${i}]`, 'is neither a role nor an operation');
  });
  mayHandOut(principal, operationsOf(names, custom));
}
/** Throws a Problem if the holder of these roles has operations that the principal lacks. */
export async function mayChangeHolder(
  read: ApiDeps['read'],
  principal: Principal,
  names: readonly string[],
): Promise<void> {
  mayHandOut(principal, operationsOf(names, await customRoles(read, principal, names)));
}
export function knownOperations(operations: readonly string[]): void {
  operations.forEach((operation, i) => {
    if (!isOperation(operation)) throw invalid(`operations[${i}]`, 'is not an operation');
  });
}
