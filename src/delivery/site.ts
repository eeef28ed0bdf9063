/**
 * The provider behind a set of MX hosts: what connection caps count. Large providers give every customer MX names of its
 * own; a suffix table folds them into one. No suffix is in it under which a provider lets customers run machines of their
 * own: one that never answers would count against the provider's servers, for everybody. Pure.
 */
const PROVIDERS: readonly string[] = [
  'olc.protection.outlook.com',
  'mail.protection.outlook.com',
  'mx.microsoft',
  'google.com',
  'googlemail.com',
  'yahoodns.net',
  'mail.icloud.com',
  'docomo.ne.jp',
  'au.com',
  'softbank.jp',
  'pphosted.com',
  'mimecast.com',
  'messagelabs.com',
  'mailgun.org',
  'zoho.com',
  'messagingengine.com',
];

/** Among customers' machines (`ec2-….compute.amazonaws.com`, `….ip.secureserver.net`) these are the provider's. */
const OWN_AMONG_CUSTOMERS: readonly (readonly [pattern: RegExp, provider: string])[] = [
  [/^(?:inbound|feedback)-smtp\.[a-z0-9-]{1,40}\.amazonaws\.com$/, 'amazonaws.com'],
  [/^(?:smtp|mailstore1)\.(?:asia\.|europe\.)?secureserver\.net$/, 'secureserver.net'],
];

/** `hosts`: lower-case names, at least one. */
export function siteOf(hosts: readonly string[]): string {
  return [...new Set(hosts.map(providerOf))].sort().join(' ');
}
function providerOf(host: string): string {
  return (
    PROVIDERS.find((provider) => host === provider || host.endsWith(`.${provider}`)) ??
    OWN_AMONG_CUSTOMERS.find(([pattern]) => pattern.test(host))?.[1] ??
    host
  );
}
