/** Queries: the accounts at DNS providers, and the list of providers. */
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';

export function useDnsProviders() {
  return useList(['dns-providers'], (cursor, signal) =>
    ask(api.GET('/mta/v1/dns_providers', { params: { query: { cursor } }, signal })),
  );
}
export function useDnsAccounts() {
  return useList(['dns-accounts'], (cursor, signal) =>
    ask(api.GET('/mta/v1/dns_accounts', { params: { query: { cursor, limit: 200 } }, signal })),
  );
}
