/**
 * Accounts at DNS providers: how their settings are stored and opened. Invariants: all settings are sealed for their
 * account; neither the shown settings nor an error holds a credential. Fails: DnsProviderError if the sealed settings
 * can no longer be opened, or if this program does not know the provider.
 */
import { opens, type Sealer } from '../../runtime/sealing.ts';
import { type Settings, secretsOf, shownOf } from '../../runtime/settings.ts';
import type { DnsProviderKind, OpenDeps } from './kind.ts';
import { dnsProviderOf } from './kinds.ts';
import { type DnsAccount, type DnsProvider, DnsProviderError } from './provider.ts';

const context = ({ projectId, id }: Pick<DnsAccount, 'projectId' | 'id'>) => `dns account ${projectId} ${id}`;

/** The two stored forms of an account's settings: those that may be shown, and all of them sealed. */
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

export const opensSettings = (sealer: Sealer, account: DnsAccount): boolean =>
  opens(sealer, account.sealedSettings, context(account));

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
/** The maximum number of characters of a provider's message that are shown. */
const MOST_SHOWN = 300;
/** So many characters of a secret in a row are not shown, in whatever case and with whatever between them. */
const IN_A_ROW = 8;
const bare = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
/** Every run of a secret, as it is, in hexadecimal, and in base64 wherever it begins in what was encoded (three ways). */
function runsOf(secret: string): readonly string[] {
  const octets = Buffer.from(secret);
  const shifted = [0, 1, 2].map((before) =>
    bare(Buffer.concat([Buffer.alloc(before), octets]).toString('base64')).slice(before === 0 ? 0 : 4),
  );
  return [bare(secret), octets.toString('hex'), ...shifted].flatMap((spelt) =>
    spelt.length <= IN_A_ROW
      ? spelt === ''
        ? []
        : [spelt]
      : Array.from({ length: spelt.length - IN_A_ROW + 1 }, (_, at) => spelt.slice(at, at + IN_A_ROW)),
  );
}
/** Text that is derived from a secret. A server that repeats the request in its answer would show it. */
const DERIVED = /\b(?:Basic|Bearer)\s+\S+|\bSignature=\w+/gi;
/** Wraps a provider so that no error shows a credential, whatever the server of the account has answered. */
function hiding(secrets: readonly string[], provider: DnsProvider): DnsProvider {
  const runs = new Set(secrets.flatMap(runsOf));
  /** What a server said is not shown at all if a part of a secret is in it; who said it is. */
  const hide = (text: string) => {
    const shown = text.replace(DERIVED, HIDDEN).slice(0, MOST_SHOWN);
    const who = /^(Cloudflare|Gehirn DNS|Route 53) answered /.exec(shown)?.[0] ?? '';
    const said = bare(shown.slice(who.length));
    for (const run of runs) if (said.includes(run)) return who + HIDDEN;
    return shown;
  };
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
