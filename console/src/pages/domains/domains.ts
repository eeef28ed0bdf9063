/** What is asked of the service about domains: the owned domain (first) and what MTA makes of it (second). */
import { api, ask } from '../../api/client.ts';
import { type Page, useList, useResource } from '../../api/queries.ts';
import { idOf, type MtaDomain } from '../../api/resources.ts';

const AT_ONCE = 200;

export function useOwnedDomains() {
  return useList(['domains', 'owned'], (cursor, signal) =>
    ask(api.GET('/iam/v1/domains', { params: { query: { cursor, limit: AT_ONCE } }, signal })),
  );
}
export function useOwnedDomain(id: string) {
  return useResource(['domains', 'owned', id], (signal) =>
    ask(api.GET('/iam/v1/domains/{id}', { params: { path: { id } }, signal })),
  );
}
/** MTA domains by the id of the owned domain they rest on. */
export function useMtaDomains() {
  return useResource(['domains', 'mta'], async (signal) => {
    const found = new Map<string, MtaDomain>();
    let cursor: string | undefined;
    do {
      const page: Page<MtaDomain> = await ask(
        api.GET('/mta/v1/domains', { params: { query: { cursor, limit: AT_ONCE } }, signal }),
      );
      for (const domain of page.items) found.set(idOf(domain.domain), domain);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  });
}
/** One MTA domain with what it lacks. */
export function useMtaDomain(id: string) {
  return useResource(['domains', 'mta', id], (signal) =>
    ask(api.GET('/mta/v1/domains/{id}', { params: { path: { id } }, signal })),
  );
}
