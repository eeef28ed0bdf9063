/** The queries about domains: owned domains (first step) and MTA domains (second step). */
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
/** MTA domains by the id of their owned domain. */
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
/** One MTA domain, with the things that it still lacks. */
export function useMtaDomain(id: string) {
  return useResource(['domains', 'mta', id], (signal) =>
    ask(api.GET('/mta/v1/domains/{id}', { params: { path: { id } }, signal })),
  );
}
