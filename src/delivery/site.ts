/** The provider behind a set of MX hosts: what connection caps count. Large providers give every customer MX names of its own; a suffix table folds them into one. Pure. */
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
  'amazonaws.com',
  'secureserver.net',
  'mailgun.org',
  'zoho.com',
  'messagingengine.com',
];

/** `hosts`: lower-case names, at least one. */
export function siteOf(hosts: readonly string[]): string {
  const folded = new Set(
    hosts.map((host) => PROVIDERS.find((p) => host === p || host.endsWith(`.${p}`)) ?? host),
  );
  return [...folded].sort().join(' ');
}
