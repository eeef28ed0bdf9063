/** DKIM keys, the DNS records that a domain needs, and changes at DNS providers: /mta/v1. */
import Type from 'typebox';
import { EXAMPLE, EXAMPLE_DNS, EXAMPLE_PRIVATE_KEY, exampleSelf } from '../example-ids.ts';
import { Kind, kindName, settingsOfKind } from '../kinds.ts';
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
/** Problems of every request to a provider. */
const PROVIDER = [
  'dns-provider-credentials',
  'dns-provider-ambiguous-zone',
  'dns-provider-blocked-address',
  'dns-provider-refused',
  'dns-provider-unreachable',
] as const satisfies readonly ProblemName[];
const CHANGE = ['dns-changed', 'dns-partly-changed', 'dns-change-unknown', ...PROVIDER] as const;
const MakeKey = closed({
  algorithm: Type.Optional(
    Type.Enum(KEY_KINDS, { description: 'algorithm of the new key; default: rsa-2048' }),
  ),
  selector: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'required for a key of your own; default: a new selector',
    }),
  ),
  delegated: Type.Optional(
    Type.Boolean({
      description:
        'true: the service publishes the key, and a CNAME record points to it; default: true if this service has a zone for keys (`dkim_zone` of the DNS state) and neither selector nor private_key is given',
    }),
  ),
  private_key: Type.Optional(
    Type.String({ minLength: 1, maxLength: 20_000, description: 'PEM; the API never returns it' }),
  ),
});
const ProviderSettings = settingsOfKind('dns_provider', {
  description: 'depend on the provider; the API never returns credentials',
});
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
      description:
        'true: replaces MX records of other services; false: leaves the MX records unchanged; required if there are MX records of other services',
    }),
  ),
});

export const listDkimKeys = op({
  id: 'mta.dkim_keys.list',
  method: 'GET',
  path: '/mta/v1/domains/{id}/dkim_keys',
  summary: 'lists the DKIM keys of a domain, with the records to publish',
  params: domain,
  query: WholeQuery,
  answers: { 200: { list: DkimKey } },
});
export const createDkimKey = op({
  id: 'mta.dkim_keys.create',
  method: 'POST',
  path: '/mta/v1/domains/{id}/dkim_keys',
  summary:
    'creates a DKIM key or imports one; the key signs after its record has been visible in DNS for long enough',
  description:
    'The new key replaces the active key of the same algorithm. The record of the replaced key must stay until `record_may_go_at` (null: permanently). The service publishes a delegated key itself: you set two CNAME records for each algorithm once, and later rotations need no change by you.',
  params: domain,
  body: MakeKey,
  answers: { 201: DkimKey },
  problems: ['too-many-keys'],
  examples: {
    made: { summary: 'a new RSA key of 2,048 bits', value: {} },
    txt: { summary: 'a key that you publish as a TXT record', value: { delegated: false } },
    kind: { summary: 'an Ed25519 key', value: { algorithm: 'ed25519' } },
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
  summary: 'returns one DKIM key, its state and the next step',
  params: key,
  answers: { 200: DkimKey },
});
export const deleteDkimKey = op({
  id: 'mta.dkim_keys.delete',
  method: 'DELETE',
  path: '/mta/v1/domains/{id}/dkim_keys/{key}',
  summary: 'removes a DKIM key; it stops signing',
  params: key,
  answers: { 204: null },
});
export const replaceDkimKey = op({
  id: 'mta.dkim_keys.replace',
  method: 'POST',
  path: '/mta/v1/domains/{id}/dkim_keys/{key}/replace',
  summary: 'revokes a DKIM key that others may have, at once, and returns the key that takes over',
  description:
    'The key never signs again, and its private half is deleted. The service publishes an empty key in its place if the key is delegated; otherwise you change or remove its TXT record. Mail that it signed and that other servers still hold no longer verifies with it; mail in the queue here is signed when it is sent, by the other keys. The new key signs as soon as its record is seen in DNS; until then, mail has the signatures of the other algorithm only, or none.',
  params: key,
  answers: { 200: DkimKey },
});
export const getDomainDns = op({
  id: 'mta.domains.dns.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/dns',
  permission: 'mta.domains.get',
  summary:
    'returns the records to publish, the records that may be removed, and the result of the last check',
  params: domain,
  answers: { 200: DomainDns },
});
export const checkDomainDns = op({
  id: 'mta.domains.dns.check',
  method: 'POST',
  path: '/mta/v1/domains/{id}/dns/check',
  permission: 'mta.domains.update',
  summary: 'checks the DNS records of a domain now',
  params: domain,
  answers: { 200: DomainDns },
});
export const planDomainDns = op({
  id: 'mta.domains.dns.plan',
  permissions: ['mta.dns_accounts.get'],
  method: 'POST',
  path: '/mta/v1/domains/{id}/dns/plan',
  permission: 'mta.domains.update',
  summary: 'plans the changes at the DNS provider; changes nothing',
  description:
    'The plan can be applied within one hour. The call also needs the operation mta.dns_accounts.get.',
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
  summary: 'applies a plan if the records are unchanged since it was made',
  description: 'A plan can be applied once. The call also needs the operation mta.dns_accounts.update.',
  params: domain,
  body: Apply,
  answers: { 200: AppliedDnsChange },
  problems: ['dns-plan-expired', 'mx-replacement-unconfirmed', ...CHANGE],
  examples: {
    replace: {
      summary: 'replacing MX records of other services',
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
  summary: 'undoes a change if the records are unchanged since then',
  description: 'The call also needs the operation mta.dns_accounts.update.',
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
  summary: 'lists the changes at the DNS provider, newest first',
  params: domain,
  query: PageQuery,
  answers: { 200: { list: DnsChange } },
});
export const listDnsAccounts = op({
  id: 'mta.dns_accounts.list',
  method: 'GET',
  path: '/mta/v1/dns_accounts',
  summary: 'lists the accounts at DNS providers, without their credentials',
  query: PageQuery,
  answers: { 200: { list: DnsAccount } },
});
export const listDnsProviders = op({
  id: 'mta.dns_providers.list',
  method: 'GET',
  path: '/mta/v1/dns_providers',
  permission: 'mta.dns_accounts.list',
  summary: 'lists the DNS providers, with the settings that an account at each needs',
  query: WholeQuery,
  answers: { 200: { list: Kind } },
});
export const createDnsAccount = op({
  id: 'mta.dns_accounts.create',
  method: 'POST',
  path: '/mta/v1/dns_accounts',
  summary: 'stores an account at a DNS provider; the API never returns its credentials',
  body: MakeAccount,
  answers: { 201: DnsAccount },
});
export const getDnsAccount = op({
  id: 'mta.dns_accounts.get',
  method: 'GET',
  path: '/mta/v1/dns_accounts/{id}',
  summary: 'returns one account, without its credentials',
  params: account,
  answers: { 200: DnsAccount },
});
export const updateDnsAccount = op({
  id: 'mta.dns_accounts.update',
  method: 'PATCH',
  path: '/mta/v1/dns_accounts/{id}',
  summary: 'changes the name, or replaces all settings',
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
  summary: 'removes an account and its credentials; the DNS records stay unchanged',
  params: account,
  answers: { 204: null },
});
export const testDnsAccount = op({
  id: 'mta.dns_accounts.test',
  method: 'POST',
  path: '/mta/v1/dns_accounts/{id}/test',
  permission: 'mta.dns_accounts.update',
  summary: 'tests the credentials and finds the zones of the domains',
  params: account,
  answers: { 200: DnsAccountTest },
});
