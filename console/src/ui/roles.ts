/** The roles of the project, predefined and custom. */
import { api, ask } from '../api/client.ts';
import { type Page, useResource } from '../api/queries.ts';
import type { Role } from '../api/resources.ts';

export function useRoles() {
  return useResource(['roles'], (signal) =>
    ask<Page<Role>>(api.GET('/iam/v1/roles', { params: { query: { limit: 200 } }, signal })),
  );
}
/** Those that can be handed out in a project; `operator` is the instance's. */
export function useRoleNames(): string[] {
  const names = useRoles().data?.items.map(({ name }) => name) ?? [];
  return names.filter((name) => name !== 'operator');
}
