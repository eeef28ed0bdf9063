/** What a kind of DNS provider is: its settings, and how it is opened with them. */
import type { Clock } from '../../runtime/clock.ts';
import type { Network } from '../../runtime/network.ts';
import type { Random } from '../../runtime/random.ts';
import type { Resolver } from '../../runtime/resolver.ts';
import type { Fields, Labels, Settings } from '../../runtime/settings.ts';
import type { DnsProvider } from './provider.ts';

/** What providers are opened with. */
export interface OpenDeps {
  readonly network: Network;
  readonly resolver: Pick<Resolver, 'a' | 'aaaa'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Targets may be private addresses. */
  readonly allowPrivate: boolean;
  /** Speaks only to addresses that may be spoken to. */
  readonly fetch: typeof globalThis.fetch;
}
export interface DnsProviderKind {
  readonly label: Labels;
  /** A sentence for whoever adds one: what it does, or what it needs. */
  readonly about: Labels;
  readonly fields: Fields;
  /** Settings that show how an account is made, in the documents. */
  readonly example: Settings;
  open(settings: Settings, deps: OpenDeps): DnsProvider;
}
