/** HIKYAKU_ROUTES: next hops by recipient domain. A problem names its entry, never what may be a password. Pure. */
import { isIP } from 'node:net';

export interface RouteTarget {
  readonly scheme: 'smtp' | 'smtp+starttls' | 'smtps';
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  /** False: the certificate is not verified. */
  readonly verify?: false;
}
export interface RouteConfig {
  readonly pattern: string;
  readonly target: RouteTarget;
}

const PORTS = { smtp: 25, 'smtp+starttls': 587, smtps: 465 } as const;
const isScheme = (text: string): text is RouteTarget['scheme'] => text in PORTS;
const NAME = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/i;

/** The routes, or what is wrong with each entry that is none. */
export function parseRoutes(text: string): {
  readonly routes: readonly RouteConfig[];
  readonly problems: readonly string[];
} {
  const routes: RouteConfig[] = [];
  const problems: string[] = [];
  for (const [i, entry] of (text === '' ? [] : text.split(',')).entries()) {
    const equals = entry.indexOf('=');
    const pattern = asciiPattern(entry.slice(0, Math.max(0, equals)).trim()) ?? '';
    const named = /^[a-z0-9*._-]+$/.test(pattern);
    const target =
      equals < 1 || !named
        ? 'expected pattern=url; the pattern is a domain in ASCII (xn--…), with * for any characters'
        : parseTarget(entry.slice(equals + 1).trim());
    if (typeof target !== 'string') routes.push({ pattern, target });
    else problems.push(`HIKYAKU_ROUTES, entry ${i + 1}${named ? ` (${pattern})` : ''}: ${target}`);
  }
  return { routes, problems };
}

/**
 * A pattern of names in the form in which names are compared: lower case, no final dot. null: an empty label, or a
 * character that no A-label has, so that it would match nothing.
 */
export function asciiPattern(text: string): string | null {
  const pattern = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  return /^[!-~]+$/.test(pattern) && !pattern.startsWith('.') && !pattern.includes('..') ? pattern : null;
}

function parseTarget(text: string): RouteTarget | string {
  const url = URL.parse(text);
  const scheme = url?.protocol.slice(0, -1) ?? '';
  if (url === null || !isScheme(scheme))
    return 'expected smtp://host:port, smtp+starttls://user:password@host:port or smtps://user:password@host:port';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.hash !== '' || !/^\/?$/.test(url.pathname) || (isIP(host) === 0 && !NAME.test(host)))
    return 'expected a host name or an address behind ://, and nothing behind the port but ?verify=no; in a user or password, write %23 for #, %2C for a comma, %2F for /, %3A for : and %40 for @';
  if (url.port === '0') return 'expected a port from 1 to 65535';
  for (const [name, value] of url.searchParams) {
    if (name !== 'verify') return 'the only option is verify';
    if (value !== 'no' && value !== 'yes') return 'verify is yes or no';
    if (scheme === 'smtp')
      return 'smtp:// verifies no certificate: verify is for smtps:// and smtp+starttls://';
  }
  if ((url.username === '') !== (url.password === '')) return 'expected user and password, or neither';
  const login = decoded(url);
  if (login === null) return 'write %25 for a percent sign in a user or password';
  return {
    scheme,
    host,
    port: url.port === '' ? PORTS[scheme] : Number(url.port),
    ...login,
    ...(url.searchParams.get('verify') === 'no' ? { verify: false as const } : {}),
  };
}
function decoded({ username, password }: URL): Pick<RouteTarget, 'user' | 'password'> | null {
  if (username === '') return {};
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return null;
  }
}
