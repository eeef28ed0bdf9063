/** /mta/v1: DKIM keys, and records set at the DNS provider, as the reference has them. */
import { EXAMPLE, EXAMPLE_DNS, EXAMPLE_PRIVATE_KEY, exampleSelf } from './example-ids.ts';
import type { Reference } from './reference.ts';

const domain = { id: 'domain' } as const;
const key = { id: 'domain', key: 'dkimKey' } as const;
const account = { id: 'dnsAccount' } as const;
const accountSelf = exampleSelf('/mta/v1/dns_accounts', 'dnsAccount');
/** Whatever is asked of a provider may fail so. */
const PROVIDER = [
  'dns-provider-credentials',
  'dns-provider-ambiguous-zone',
  'dns-provider-blocked-address',
  'dns-provider-refused',
  'dns-provider-unreachable',
] as const;
const CHANGE = ['dns-changed', 'dns-partly-changed', 'dns-change-unknown', ...PROVIDER] as const;

export const mtaDnsReference: Reference = {
  'GET /mta/v1/domains/{id}/dkim_keys': {
    id: 'mta.dkim_keys.list',
    summary: 'DKIM keys and the records to publish',
    params: domain,
    answers: { 200: { list: 'DkimKey' } },
  },
  'POST /mta/v1/domains/{id}/dkim_keys': {
    id: 'mta.dkim_keys.create',
    summary: 'makes a key, or takes one of your own; it signs once its record has been seen long enough',
    description:
      'The new key takes over from the active one of its algorithm, whose record must then stay until `record_may_go_at` (null: for good). A delegated key is published by the service: two CNAME records for each algorithm, set once, lead to it, and rotation needs nobody.',
    params: domain,
    answers: { 201: 'DkimKey' },
    problems: ['too-many-keys'],
    examples: {
      made: { summary: 'a new RSA key of 2,048 bits', value: {} },
      txt: { summary: 'a key you publish as a TXT record in any case', value: { delegated: false } },
      kind: { summary: 'of another kind', value: { algorithm: 'ed25519' } },
      own: {
        summary: 'a key of your own',
        value: { selector: 'mail1', private_key: EXAMPLE_PRIVATE_KEY },
      },
    },
  },
  'GET /mta/v1/domains/{id}/dkim_keys/{key}': {
    id: 'mta.dkim_keys.get',
    summary: 'one DKIM key, its state and what is to be done',
    params: key,
    answers: { 200: 'DkimKey' },
  },
  'DELETE /mta/v1/domains/{id}/dkim_keys/{key}': {
    id: 'mta.dkim_keys.delete',
    summary: 'removes a DKIM key; it signs nothing from then on',
    params: key,
    answers: { 204: null },
  },
  'GET /mta/v1/domains/{id}/dns': {
    id: 'mta.domains.dns.get',
    needs: 'mta.domains.get',
    summary: 'the records to publish, those that may go, and what the last check found',
    params: domain,
    answers: { 200: 'DomainDns' },
  },
  'POST /mta/v1/domains/{id}/dns/check': {
    id: 'mta.domains.dns.check',
    needs: 'mta.domains.update',
    summary: 'looks at DNS now',
    params: domain,
    answers: { 200: 'DomainDns' },
  },
  'POST /mta/v1/domains/{id}/dns/plan': {
    id: 'mta.domains.dns.plan',
    needs: 'mta.domains.update',
    summary: 'says what would be changed at the DNS provider; changes nothing',
    description: 'The plan can be applied within the hour. It also needs mta.dns_accounts.get.',
    params: domain,
    answers: { 200: 'DnsPlan' },
    problems: ['dns-zone-not-found', ...PROVIDER],
    examples: { plan: { summary: 'with an account', value: { account: accountSelf } } },
  },
  'POST /mta/v1/domains/{id}/dns/apply': {
    id: 'mta.domains.dns.apply',
    needs: 'mta.domains.update',
    summary: 'makes the changes of a plan, if DNS is still as it was',
    description: 'A plan is used once. It also needs mta.dns_accounts.update.',
    params: domain,
    answers: { 200: 'AppliedDnsChange' },
    problems: ['dns-plan-expired', 'mx-replacement-unconfirmed', ...CHANGE],
    examples: {
      replace: {
        summary: 'MX of others are replaced',
        value: { account: accountSelf, plan_id: EXAMPLE.dnsPlan, replace_mx: true },
      },
    },
  },
  'POST /mta/v1/domains/{id}/dns/undo': {
    id: 'mta.domains.dns.undo',
    needs: 'mta.domains.update',
    summary: 'takes a change back, if DNS is still as it left it',
    description: 'It also needs mta.dns_accounts.update.',
    params: domain,
    answers: { 200: 'AppliedDnsChange' },
    problems: ['dns-account-gone', 'dns-change-running', ...CHANGE],
    examples: { undo: { summary: 'a change', value: { change_id: EXAMPLE.dnsChange } } },
  },
  'GET /mta/v1/domains/{id}/dns/changes': {
    id: 'mta.domains.dns.changes',
    needs: 'mta.domains.get',
    summary: 'what was changed at the DNS provider, newest first',
    params: domain,
    answers: { 200: { list: 'DnsChange' } },
  },
  'GET /mta/v1/dns_accounts': {
    id: 'mta.dns_accounts.list',
    summary: 'accounts at DNS providers, without their credentials',
    answers: { 200: { list: 'DnsAccount' } },
  },
  'POST /mta/v1/dns_accounts': {
    id: 'mta.dns_accounts.create',
    summary: 'keeps the credentials of an account at a DNS provider; they are never shown again',
    answers: { 201: 'DnsAccount' },
    examples: {
      gehirn: {
        summary: 'Gehirn DNS',
        value: { provider: 'gehirn', name: 'zones at Gehirn', settings: EXAMPLE_DNS },
      },
      rfc2136: {
        summary: 'a name server that takes signed updates (RFC 2136, RFC 8945)',
        value: {
          provider: 'rfc2136',
          name: 'own name server',
          settings: {
            server: 'ns1.example.com',
            port: 53,
            key_name: 'hikyaku',
            algorithm: 'hmac-sha256',
            secret: 'c2hvd24gaW4gZG9jdW1lbnRz',
          },
        },
      },
      cloudflare: {
        summary: 'Cloudflare',
        value: { provider: 'cloudflare', name: 'zones at Cloudflare', settings: { api_token: 'token' } },
      },
      route53: {
        summary: 'Amazon Route 53',
        value: {
          provider: 'route53',
          name: 'zones at Route 53',
          settings: { access_key_id: 'id', secret_access_key: 'secret' },
        },
      },
    },
  },
  'GET /mta/v1/dns_accounts/{id}': {
    id: 'mta.dns_accounts.get',
    summary: 'one account, without its credentials',
    params: account,
    answers: { 200: 'DnsAccount' },
  },
  'PATCH /mta/v1/dns_accounts/{id}': {
    id: 'mta.dns_accounts.update',
    summary: 'changes the name, or all settings at once',
    params: account,
    answers: { 200: 'DnsAccount' },
    examples: {
      name: { summary: 'another name', value: { name: 'zones of the shop' } },
      settings: { summary: 'new credentials', value: { settings: EXAMPLE_DNS } },
    },
  },
  'DELETE /mta/v1/dns_accounts/{id}': {
    id: 'mta.dns_accounts.delete',
    summary: 'forgets an account and its credentials; records stay as they are',
    params: account,
    answers: { 204: null },
  },
  'POST /mta/v1/dns_accounts/{id}/test': {
    id: 'mta.dns_accounts.test',
    needs: 'mta.dns_accounts.update',
    summary: 'tries the credentials and finds the zones of the domains',
    params: account,
    answers: { 200: 'DnsAccountTest' },
  },
};
