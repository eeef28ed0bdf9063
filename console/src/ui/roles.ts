/** The roles of the project, predefined and custom. */
import { api, ask } from '../api/client.ts';
import { useResource } from '../api/queries.ts';

export function useRoles() {
  return useResource(['roles'], (signal) =>
    ask(api.GET('/iam/v1/roles', { params: { query: { limit: 200 } }, signal })),
  );
}
/** The roles that can be given in a project. `operator` is not one of them: it is a role of the instance. */
export function useRoleNames(): string[] {
  const names = useRoles().data?.items.map(({ name }) => name) ?? [];
  return names.filter((name) => name !== 'operator');
}
