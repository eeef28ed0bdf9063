/** DKIM keys, the records a domain needs, and records set at DNS providers: /mta/v1. */
import Type from 'typebox';
import { EXAMPLE, EXAMPLE_DNS, EXAMPLE_PRIVATE_KEY, exampleSelf } from '../example-ids.ts';
import { Kind, kindName } from '../kinds.ts';
import { op } from '../operation.ts';
import { closed, PageQuery, ResourceName, Self, WholeQuery } from '../parts.ts';
import type { ProblemName } from '../problems.ts';
import {
  AppliedDnsChange,
  DkimKey,
  DnsAccount,
  DnsAccountTest,
  DnsChange,
  DnsPlan,
  DomainDns,
} from '../resources/domains.ts';
import { KEY_KINDS } from '../values.ts';

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
] as const satisfies readonly ProblemName[];
const CHANGE = ['dns-changed', 'dns-partly-changed', 'dns-change-unknown', ...PROVIDER] as const;
const MakeKey = closed({
  algorithm: Type.Optional(Type.Enum(KEY_KINDS, { description: 'of the key that is made; rsa-2048' })),
  selector: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'needed for a key of your own; else a new one',
    }),
  ),
  delegated: Type.Optional(
    Type.Boolean({
      description:
        'whether the key is published here and led to by a CNAME record; true where this service has a zone for keys (`dkim_zone` of the DNS state) and neither selector nor private_key is given',
    }),
  ),
  private_key: Type.Optional(
    Type.String({ minLength: 1, maxLength: 20_000, description: 'PEM; never shown again' }),
  ),
});
const ProviderSettings = Type.Record(
  Type.String({ maxLength: 100 }),
  Type.Union([Type.String({ maxLength: 4096 }), Type.Integer()]),
  { maxProperties: 20, description: 'by provider; credentials are never shown again' },
);
const MakeAccount = closed({
  provider: kindName('dns_provider'),
  name: ResourceName,
  settings: ProviderSettings,
});
const Apply = closed({
  account: Self,
  plan_id: Type.String({ maxLength: 36 }),
  replace_mx: Type.Optional(
    Type.Boolean({
      description: 'true: foreign MX go away; false: MX is left alone; needed where there are any',
    }),
  ),
});

export const listDkimKeys = op({
  id: 'mta.dkim_keys.list',
  method: 'GET',
  path: '/mta/v1/domains/{id}/dkim_keys',
  summary: 'DKIM keys and the records to publish',
  params: domain,
  query: WholeQuery,
  answers: { 200: { list: DkimKey } },
});
export const createDkimKey = op({
  id: 'mta.dkim_keys.create',
  method: 'POST',
  path: '/mta/v1/domains/{id}/dkim_keys',
  summary: 'makes a key, or takes one of your own; it signs once its record has been seen long enough',
  description:
    'The new key takes over from the active one of its algorithm, whose record must then stay until `record_may_go_at` (null: for good). A delegated key is published by the service: two CNAME records for each algorithm, set once, lead to it, and rotation needs nobody.',
  params: domain,
  body: MakeKey,
  answers: { 201: DkimKey },
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
});
export const getDkimKey = op({
  id: 'mta.dkim_keys.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/dkim_keys/{key}',
  summary: 'one DKIM key, its state and what is to be done',
  params: key,
  answers: { 200: DkimKey },
});
export const deleteDkimKey = op({
  id: 'mta.dkim_keys.delete',
  method: 'DELETE',
  path: '/mta/v1/domains/{id}/dkim_keys/{key}',
  summary: 'removes a DKIM key; it signs nothing from then on',
  params: key,
  answers: { 204: null },
});
export const getDomainDns = op({
  id: 'mta.domains.dns.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/dns',
  permission: 'mta.domains.get',
  summary: 'the records to publish, those that may go, and what the last check found',
  params: domain,
  answers: { 200: DomainDns },
});
export const checkDomainDns = op({
  id: 'mta.domains.dns.check',
  method: 'POST',
  path: '/mta/v1/domains/{id}/dns/check',
  permission: 'mta.domains.update',
  summary: 'looks at DNS now',
  params: domain,
  answers: { 200: DomainDns },
});
export const planDomainDns = op({
  id: 'mta.domains.dns.plan',
  permissions: ['mta.dns_accounts.get'],
  method: 'POST',
  path: '/mta/v1/domains/{id}/dns/plan',
  permission: 'mta.domains.update',
  summary: 'says what would be changed at the DNS provider; changes nothing',
  description: 'The plan can be applied within the hour. It also needs mta.dns_accounts.get.',
  params: domain,
  body: closed({ account: Self }),
  answers: { 200: DnsPlan },
  problems: ['dns-zone-not-found', ...PROVIDER],
  examples: { plan: { summary: 'with an account', value: { account: accountSelf } } },
});
export const applyDomainDns = op({
  id: 'mta.domains.dns.apply',
  permissions: ['mta.dns_accounts.update'],
  method: 'POST',
  path: '/mta/v1/domains/{id}/dns/apply',
  permission: 'mta.domains.update',
  summary: 'makes the changes of a plan, if DNS is still as it was',
  description: 'A plan is used once. It also needs mta.dns_accounts.update.',
  params: domain,
  body: Apply,
  answers: { 200: AppliedDnsChange },
  problems: ['dns-plan-expired', 'mx-replacement-unconfirmed', ...CHANGE],
  examples: {
    replace: {
      summary: 'MX of others are replaced',
      value: { account: accountSelf, plan_id: EXAMPLE.dnsPlan, replace_mx: true },
    },
  },
});
export const undoDomainDns = op({
  id: 'mta.domains.dns.undo',
  permissions: ['mta.dns_accounts.update'],
  method: 'POST',
  path: '/mta/v1/domains/{id}/dns/undo',
  permission: 'mta.domains.update',
  summary: 'takes a change back, if DNS is still as it left it',
  description: 'It also needs mta.dns_accounts.update.',
  params: domain,
  body: closed({ change_id: Type.String({ maxLength: 36 }) }),
  answers: { 200: AppliedDnsChange },
  problems: ['dns-account-gone', 'dns-change-running', ...CHANGE],
  examples: { undo: { summary: 'a change', value: { change_id: EXAMPLE.dnsChange } } },
});
export const listDnsChanges = op({
  id: 'mta.domains.dns.changes',
  method: 'GET',
  path: '/mta/v1/domains/{id}/dns/changes',
  permission: 'mta.domains.get',
  summary: 'what was changed at the DNS provider, newest first',
  params: domain,
  query: PageQuery,
  answers: { 200: { list: DnsChange } },
});
export const listDnsAccounts = op({
  id: 'mta.dns_accounts.list',
  method: 'GET',
  path: '/mta/v1/dns_accounts',
  summary: 'accounts at DNS providers, without their credentials',
  query: PageQuery,
  answers: { 200: { list: DnsAccount } },
});
export const listDnsProviders = op({
  id: 'mta.dns_providers.list',
  method: 'GET',
  path: '/mta/v1/dns_providers',
  permission: 'mta.dns_accounts.list',
  summary: 'DNS providers, and the settings that an account at each takes',
  query: WholeQuery,
  answers: { 200: { list: Kind } },
});
export const createDnsAccount = op({
  id: 'mta.dns_accounts.create',
  method: 'POST',
  path: '/mta/v1/dns_accounts',
  summary: 'keeps the credentials of an account at a DNS provider; they are never shown again',
  body: MakeAccount,
  answers: { 201: DnsAccount },
});
export const getDnsAccount = op({
  id: 'mta.dns_accounts.get',
  method: 'GET',
  path: '/mta/v1/dns_accounts/{id}',
  summary: 'one account, without its credentials',
  params: account,
  answers: { 200: DnsAccount },
});
export const updateDnsAccount = op({
  id: 'mta.dns_accounts.update',
  method: 'PATCH',
  path: '/mta/v1/dns_accounts/{id}',
  summary: 'changes the name, or all settings at once',
  params: account,
  body: closed({ name: Type.Optional(ResourceName), settings: Type.Optional(ProviderSettings) }),
  answers: { 200: DnsAccount },
  examples: {
    name: { summary: 'another name', value: { name: 'zones of the shop' } },
    settings: { summary: 'new credentials', value: { settings: EXAMPLE_DNS } },
  },
});
export const deleteDnsAccount = op({
  id: 'mta.dns_accounts.delete',
  method: 'DELETE',
  path: '/mta/v1/dns_accounts/{id}',
  summary: 'forgets an account and its credentials; records stay as they are',
  params: account,
  answers: { 204: null },
});
export const testDnsAccount = op({
  id: 'mta.dns_accounts.test',
  method: 'POST',
  path: '/mta/v1/dns_accounts/{id}/test',
  permission: 'mta.dns_accounts.update',
  summary: 'tries the credentials and finds the zones of the domains',
  params: account,
  answers: { 200: DnsAccountTest },
});
