/** What a kind of DNS provider is: its settings, and how it is opened with them. */
import type { Fields, Labels, Settings } from '../../runtime/settings.ts';
import type { Rfc2136Deps } from './rfc2136.ts';
import type { DnsProvider } from './types.ts';

/** What providers are opened with. */
export interface OpenDeps extends Rfc2136Deps {
  /** Speaks only to addresses that may be spoken to. */
  readonly fetch: typeof globalThis.fetch;
}
export interface DnsProviderKind {
  readonly label: Labels;
  readonly fields: Fields;
  /** Settings that show how an account is made, in the documents. */
  readonly example: Settings;
  open(settings: Settings, deps: OpenDeps): DnsProvider;
}
