/**
 * Accounts at DNS providers: how their settings are stored and opened. Invariants: the whole of the settings is sealed for
 * its account; what is shown holds no credential, nor does an error. Fails: DnsProviderError where something sealed cannot
 * be opened any more, or the provider is one that this program does not know.
 */
import type { Sealer } from '../../runtime/sealing.ts';
import { type Settings, secretsOf, shownOf } from '../../runtime/settings.ts';
import type { DnsProviderKind, OpenDeps } from './kind.ts';
import { dnsProviderOf } from './kinds.ts';
import { type DnsAccount, type DnsProvider, DnsProviderError } from './provider.ts';

const context = ({ projectId, id }: Pick<DnsAccount, 'projectId' | 'id'>) => `dns account ${projectId} ${id}`;

/** What is stored of an account's settings. */
export function sealSettings(
  sealer: Sealer,
  account: Pick<DnsAccount, 'projectId' | 'id'>,
  { fields }: Pick<DnsProviderKind, 'fields'>,
  settings: Settings,
): Pick<DnsAccount, 'settings' | 'sealedSettings'> {
  const shown = Object.entries(shownOf(fields, settings)).map(([name, value]) => [name, String(value)]);
  return {
    settings: Object.fromEntries(shown),
    sealedSettings: sealer.seal(Buffer.from(JSON.stringify(settings)), context(account)),
  };
}

export interface ProviderDeps extends OpenDeps {
  readonly sealer: Sealer;
}
export type OpenProvider = (account: DnsAccount) => Promise<DnsProvider>;

export function createProviderOpener(deps: ProviderDeps): OpenProvider {
  return async (account) => {
    const kind = dnsProviderOf(account.provider);
    if (kind === null)
      throw new DnsProviderError('refused', `this version does not know the provider ${account.provider}`);
    let settings: Settings;
    try {
      settings = JSON.parse(deps.sealer.open(account.sealedSettings, context(account)).toString('utf8'));
    } catch {
      throw new DnsProviderError('credentials', 'the stored settings cannot be opened: give them again');
    }
    return hiding(secretsOf(kind.fields, settings), kind.open(settings, deps));
  };
}
const HIDDEN = '(hidden)';
/** Characters of a provider's message that are shown. */
const MOST_SHOWN = 300;
/** A secret as it is, in a URL, and in base64 wherever it begins in what was encoded (three ways). */
function spellings(secret: string): readonly string[] {
  const shifted = [0, 1, 2].map((before) => {
    const text = Buffer.from('\0'.repeat(before) + secret)
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(before === 0 ? 0 : 4, -1);
  });
  return [secret, encodeURIComponent(secret), ...shifted.filter((text) => text.length >= 8)];
}
/** What is derived from a secret: a server that repeats what it was sent would show it. */
const DERIVED = /\b(?:Basic|Bearer)\s+\S+|\bSignature=\w+/gi;
/** A provider none of whose errors shows a credential, whatever the server that the account names has answered. */
function hiding(secrets: readonly string[], provider: DnsProvider): DnsProvider {
  const hidden = secrets.flatMap(spellings).sort((a, b) => b.length - a.length);
  const hide = (text: string) =>
    hidden
      .reduce((all, secret) => all.replaceAll(secret, HIDDEN), text)
      .replace(DERIVED, HIDDEN)
      .slice(0, MOST_SHOWN);
  async function call<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw error instanceof DnsProviderError ? new DnsProviderError(error.code, hide(error.message)) : error;
    }
  }
  const { revert, close } = provider;
  return {
    check: () => call(() => provider.check()),
    findZone: (name) => call(() => provider.findZone(name)),
    read: (zone, keys) => call(() => provider.read(zone, keys)),
    async apply(zone, changes) {
      const outcome = await call(() => provider.apply(zone, changes));
      return outcome.kind === 'changed' ? { ...outcome, detail: hide(outcome.detail) } : outcome;
    },
    ...(revert === undefined
      ? {}
      : { revert: (zone, changes, way) => call(() => revert.call(provider, zone, changes, way)) }),
    ...(close === undefined ? {} : { close: () => close.call(provider) }),
  };
}
