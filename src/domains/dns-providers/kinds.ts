/** The DNS providers, by the names that accounts use. A new provider is one file, and one line here. */
import { cloudflare } from './cloudflare.ts';
import { gehirn } from './gehirn.ts';
import type { DnsProviderKind } from './kind.ts';
import { rfc2136 } from './rfc2136.ts';
import { route53 } from './route53.ts';

export const DNS_PROVIDERS = {
  gehirn,
  rfc2136,
  cloudflare,
  route53,
} as const satisfies Record<string, DnsProviderKind>;
export type DnsProviderName = keyof typeof DNS_PROVIDERS;

/** null: this program does not know the provider. */
export function dnsProviderOf(name: string): DnsProviderKind | null {
  return Object.hasOwn(DNS_PROVIDERS, name) ? DNS_PROVIDERS[name as DnsProviderName] : null;
}
