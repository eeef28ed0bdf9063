/** The permissions that a role may hold: those that the operations require, in the order of the operations. */
import { grantsOf, nameOf, type OperationSpec } from './operation.ts';
import { OPERATIONS } from './operations/index.ts';

function asksFor({ id, access = 'project', permission = id, permissions = [] }: OperationSpec) {
  if (access === 'open' || access === 'account') return [];
  return [...grantsOf(permission), ...permissions];
}
const GRANTS = OPERATIONS.flatMap(asksFor);

/** Permissions for the whole instance. Only `operator` holds them; a project's role cannot. */
export const OPERATOR_PERMISSIONS: readonly string[] = [
  ...new Set(GRANTS.filter((grant) => typeof grant !== 'string').map(nameOf)),
];
/** Permissions that a project's role may hold. */
export const PERMISSIONS: readonly string[] = [
  ...new Set(GRANTS.filter((grant) => typeof grant === 'string')),
];
