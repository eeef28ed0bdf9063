/**
 * Accounts at providers: which settings each takes, which of them may be shown, and how a provider is opened with them.
 * Invariants: the whole of the settings is sealed for its account; what is shown holds no credential. Fails: SettingsError
 * naming the field, DnsProviderError where something sealed cannot be opened any more.
 */
import { isIP } from 'node:net';
import { parseDomain } from '../../mail/domain.ts';
import type { Sealer } from '../../runtime/sealing.ts';
import { createCloudflareProvider } from './cloudflare.ts';
import { createGehirnProvider } from './gehirn.ts';
import { createRfc2136Provider, type Rfc2136Deps } from './rfc2136.ts';
import { createRoute53Provider } from './route53.ts';
import { ALGORITHMS, type TsigKey } from './tsig.ts';
import { type DnsAccount, type DnsProvider, DnsProviderError, type ProviderName } from './types.ts';

export class SettingsError extends Error {
  override name = 'SettingsError';
  /** Of the settings; '' where it is all of them. */
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}
export type Settings = Readonly<Record<string, string>>;
interface Field {
  readonly secret?: true;
  /** Taken where it is not given; null: may be missing. */
  readonly otherwise?: string | null;
  /** What is wrong, or null. */
  readonly judge?: (value: string, allowPrivate: boolean) => string | null;
}
const url: Field['judge'] = (value, allowPrivate) => {
  const parsed = URL.parse(value);
  if (
    parsed === null ||
    parsed.username !== '' ||
    parsed.password !== '' ||
    parsed.search !== '' ||
    parsed.hash !== ''
  )
    return 'must be a URL without credentials, query and fragment';
  return parsed.protocol === 'https:' || (allowPrivate && parsed.protocol === 'http:')
    ? null
    : 'must be https';
};
const host: Field['judge'] = (value) =>
  isIP(value) !== 0 || parseDomain(value) !== null ? null : 'must be a host name or an IP address';
const port: Field['judge'] = (value) =>
  /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535 ? null : 'must be a port number';
const base64: Field['judge'] = (value) =>
  Buffer.from(value, 'base64').length >= 16 && /^[A-Za-z0-9+/]+={0,2}$/.test(value)
    ? null
    : 'must be base64 of at least 16 octets';
const keyName: Field['judge'] = (value) =>
  /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/i.test(value) && value.length <= 253
    ? null
    : 'must be the name of a key';
const algorithm: Field['judge'] = (value) =>
  ALGORITHMS.some((known) => known === value) ? null : `must be one of ${ALGORITHMS.join(', ')}`;

export const SETTINGS: Readonly<Record<ProviderName, Readonly<Record<string, Field>>>> = {
  gehirn: {
    token_id: {},
    secret: { secret: true },
    api_url: { otherwise: 'https://api.gis.gehirn.jp/dns/v1', judge: url },
  },
  rfc2136: {
    server: { judge: host },
    port: { otherwise: '53', judge: port },
    key_name: { judge: keyName },
    algorithm: { otherwise: 'hmac-sha256', judge: algorithm },
    secret: { secret: true, judge: base64 },
  },
  cloudflare: {
    api_token: { secret: true },
    api_url: { otherwise: 'https://api.cloudflare.com/client/v4', judge: url },
  },
  route53: {
    access_key_id: {},
    secret_access_key: { secret: true },
    session_token: { secret: true, otherwise: null },
    endpoint: { otherwise: null, judge: url },
  },
};
const MOST = 4096;

/** The settings with what is taken for granted filled in. Throws SettingsError. */
export function readSettings(
  provider: ProviderName,
  given: Readonly<Record<string, unknown>>,
  allowPrivate: boolean,
): Settings {
  const fields = SETTINGS[provider];
  for (const name of Object.keys(given))
    if (!Object.hasOwn(fields, name)) throw new SettingsError(name, `is not a setting of ${provider}`);
  const settings: Record<string, string> = {};
  for (const [name, { otherwise, judge }] of Object.entries(fields)) {
    const value = given[name] ?? otherwise;
    if (value === null) continue;
    if (value === undefined) throw new SettingsError(name, 'is missing');
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string' || text === '' || text.length > MOST || !/^[\x20-\x7e]+$/.test(text))
      throw new SettingsError(name, 'must be text in visible ASCII');
    const wrong = judge?.(text, allowPrivate) ?? null;
    if (wrong !== null) throw new SettingsError(name, wrong);
    settings[name] = judge === url ? text.replace(/(?<!\/)\/+$/, '') : text;
  }
  return settings;
}
const context = ({ projectId, id }: Pick<DnsAccount, 'projectId' | 'id'>) => `dns account ${projectId} ${id}`;

/** What is stored of an account's settings. */
export function sealSettings(
  sealer: Sealer,
  account: Pick<DnsAccount, 'projectId' | 'id' | 'provider'>,
  settings: Settings,
): Pick<DnsAccount, 'settings' | 'sealedSettings'> {
  const shown = Object.entries(settings).filter(
    ([name]) => SETTINGS[account.provider][name]?.secret !== true,
  );
  return {
    settings: Object.fromEntries(shown),
    sealedSettings: sealer.seal(Buffer.from(JSON.stringify(settings)), context(account)),
  };
}

export interface ProviderDeps extends Rfc2136Deps {
  readonly sealer: Sealer;
  readonly fetch: typeof globalThis.fetch;
}
export type OpenProvider = (account: DnsAccount) => Promise<DnsProvider>;

export function createProviderOpener(deps: ProviderDeps): OpenProvider {
  return async (account) => {
    let settings: Settings;
    try {
      settings = JSON.parse(deps.sealer.open(account.sealedSettings, context(account)).toString('utf8'));
    } catch {
      throw new DnsProviderError('credentials', 'the stored settings cannot be opened: give them again');
    }
    return hiding(
      secretsOf(account.provider, settings),
      await openProvider(account.provider, settings, deps),
    );
  };
}
function secretsOf(provider: ProviderName, settings: Settings): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    SETTINGS[provider][name]?.secret === true ? [value] : [],
  );
}
const HIDDEN = '(hidden)';
/** What is derived from a secret: a server that repeats what it was sent would show it. */
const DERIVED = /\b(?:Basic|Bearer)\s+\S+|\bSignature=\w+/gi;
/** A provider none of whose errors shows a credential, whatever the server that the account names has answered. */
function hiding(secrets: readonly string[], provider: DnsProvider): DnsProvider {
  const hide = (text: string) =>
    secrets.reduce((all, secret) => all.replaceAll(secret, HIDDEN), text).replace(DERIVED, HIDDEN);
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
export async function openProvider(
  provider: ProviderName,
  settings: Settings,
  deps: Omit<ProviderDeps, 'sealer'>,
): Promise<DnsProvider> {
  const of = (name: string) => settings[name] ?? '';
  switch (provider) {
    case 'gehirn':
      return createGehirnProvider(
        { token_id: of('token_id'), secret: of('secret'), api_url: of('api_url') },
        deps,
      );
    case 'rfc2136': {
      const key: TsigKey = {
        name: of('key_name').replace(/\.$/, ''),
        algorithm: of('algorithm') as TsigKey['algorithm'],
        secret: Buffer.from(of('secret'), 'base64'),
      };
      return createRfc2136Provider({ server: of('server'), port: Number(of('port')), key }, deps);
    }
    case 'cloudflare':
      return createCloudflareProvider({ api_token: of('api_token'), api_url: of('api_url') }, deps);
    case 'route53':
      return createRoute53Provider(
        {
          access_key_id: of('access_key_id'),
          secret_access_key: of('secret_access_key'),
          ...(settings['session_token'] === undefined ? {} : { session_token: settings['session_token'] }),
          ...(settings['endpoint'] === undefined ? {} : { endpoint: settings['endpoint'] }),
        },
        deps,
      );
  }
}
