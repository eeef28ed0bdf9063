/** The accounts at DNS providers, and which settings each provider takes. */
import { api, ask } from '../../api/client.ts';
import { useList } from '../../api/queries.ts';
import type { DnsProvider } from '../../api/resources.ts';

export interface Setting {
  readonly name: string;
  readonly secret?: true;
  readonly optional?: true;
}
export const SETTINGS: Readonly<Record<DnsProvider, readonly Setting[]>> = {
  gehirn: [{ name: 'token_id' }, { name: 'secret', secret: true }, { name: 'api_url', optional: true }],
  rfc2136: [
    { name: 'server' },
    { name: 'port', optional: true },
    { name: 'key_name' },
    { name: 'algorithm', optional: true },
    { name: 'secret', secret: true },
  ],
  cloudflare: [
    { name: 'api_token', secret: true },
    { name: 'api_url', optional: true },
  ],
  route53: [
    { name: 'access_key_id' },
    { name: 'secret_access_key', secret: true },
    { name: 'session_token', secret: true, optional: true },
    { name: 'endpoint', optional: true },
  ],
};
export function useDnsAccounts() {
  return useList(['dns-accounts'], (cursor, signal) =>
    ask(api.GET('/mta/v1/dns_accounts', { params: { query: { cursor, limit: 200 } }, signal })),
  );
}
