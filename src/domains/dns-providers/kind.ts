/** The definition of a kind of DNS provider: its settings, and how to open a provider with them. */
import type { Clock } from '../../runtime/clock.ts';
import type { Network } from '../../runtime/network.ts';
import type { Random } from '../../runtime/random.ts';
import type { Resolver } from '../../runtime/resolver.ts';
import type { Fields, Labels, Settings } from '../../runtime/settings.ts';
import type { DnsProvider } from './provider.ts';

/** Dependencies of an open provider. */
export interface OpenDeps {
  readonly network: Network;
  readonly resolver: Pick<Resolver, 'a' | 'aaaa'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Targets may be private addresses. */
  readonly allowPrivate: boolean;
  /** Connects to allowed addresses only. */
  readonly fetch: typeof globalThis.fetch;
}
export interface DnsProviderKind {
  readonly label: Labels;
  /** One sentence for the person who adds an account: what the kind does, or what it needs. */
  readonly about: Labels;
  readonly fields: Fields;
  /** Example settings for the documents. */
  readonly example: Settings;
  open(settings: Settings, deps: OpenDeps): DnsProvider;
}
