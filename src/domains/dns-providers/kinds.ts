/** The DNS providers there are, by the names that accounts have them by. A new one is a file and a line here. */
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

/** null: this program knows no such provider. */
export function dnsProviderOf(name: string): DnsProviderKind | null {
  return Object.hasOwn(DNS_PROVIDERS, name) ? DNS_PROVIDERS[name as DnsProviderName] : null;
}
