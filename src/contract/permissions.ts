/** What roles are made of: the permissions that the operations ask for, in their order. None is there without a call. */
import { grantsOf, nameOf, type OperationSpec } from './operation.ts';
import { OPERATIONS } from './operations/index.ts';

function asksFor({ id, access = 'project', permission = id, permissions = [] }: OperationSpec) {
  if (access === 'open' || access === 'account') return [];
  return [...grantsOf(permission), ...permissions];
}
const GRANTS = OPERATIONS.flatMap(asksFor);

/** What is done to the instance for all projects: in no role of a project, held by `operator` alone. */
export const OPERATOR_PERMISSIONS: readonly string[] = [
  ...new Set(GRANTS.filter((grant) => typeof grant !== 'string').map(nameOf)),
];
/** What a role of a project may hold. */
export const PERMISSIONS: readonly string[] = [
  ...new Set(GRANTS.filter((grant) => typeof grant === 'string')),
];
