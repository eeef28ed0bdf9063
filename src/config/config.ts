/**
 * Reads the environment into one frozen, typed Config. No other module reads the environment. Fails with
 * ConfigError, which lists every problem and names the variable of each. The error never repeats values that
 * may be secret.
 */

import { isIP } from 'node:net';
import { hostname as machineName } from 'node:os';
import { resolve } from 'node:path';
import { asciiPattern, parseRoutes, type RouteConfig } from './routes.ts';
import { VARIABLES } from './variables.ts';

export const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];
export interface HostPort {
  readonly host: string;
  readonly port: number;
}
export interface TrustedNetwork {
  /** The address as text, and the prefix length in bits. */
  readonly address: string;
  readonly prefix: number;
  readonly apiClientId: string;
}
export interface SiteConnections {
  /** A glob pattern for the name of the site. */
  readonly pattern: string;
  readonly connections: number;
}
export interface Config {
  readonly store:
    | { readonly kind: 'sqlite'; readonly directory: string }
    | { readonly kind: 'postgres'; readonly url: string };
  readonly hostname: string;
  readonly submissionHost: string;
  /** The ports that customers are told. null: the port of the first listener. */
  readonly submissionPort: number | null;
  readonly submissionsPort: number | null;
  readonly mxHosts: readonly string[];
  readonly spfInclude: string;
  /** Lower case. null if keys are not delegated; then there is no DNS server. */
  readonly dkimZone: string | null;
  readonly dnsListen: readonly HostPort[];
  /** Without trailing slash. If it was not given, it follows `httpListen` (`usualUrl`). */
  readonly publicUrl: string;
  readonly publicUrlGiven: boolean;
  readonly httpListen: HostPort;
  /** null: no address of their own. */
  readonly metricsListen: HostPort | null;
  /** Each is an address or `address/prefix`. */
  readonly trustedProxies: readonly string[];
  readonly dataDir: string;
  readonly node: string;
  readonly mxListen: readonly HostPort[];
  /** Seconds. */
  readonly mxGreetingDelay: number;
  /** From one network without AUTH; 0 means no limit. */
  readonly mxMessagesPerMinute: number;
  readonly mxRecipientsPerMinute: number;
  readonly submissionListen: readonly HostPort[];
  readonly submissionsListen: readonly HostPort[];
  /** null means self-signed, made at first start. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly tlsMinVersion: TlsVersion;
  readonly mxTlsMinVersion: TlsVersion;
  readonly secretKey: Buffer | null;
  readonly dnsServers: readonly string[];
  readonly routes: readonly RouteConfig[];
  /** The first match wins; the last entry matches every site. */
  readonly siteConnections: readonly SiteConnections[];
  readonly trustedNetworks: readonly TrustedNetwork[];
  readonly limitPerMinute: number;
  readonly limitPerDay: number;
  readonly allowPrivateTargets: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Optimal string alignment distance, for "did you mean". */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + cost);
    }
    previous = row;
  }
  return previous[b.length]!;
}

const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** Parses `host:port` or `[::1]:port`; null for anything else. Port 0 asks for a free port. */
export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const host = match[1] ?? match[2]!;
  const port = Number(match[3]);
  if (port > 65535 || (match[1] !== undefined && isIP(host) !== 6)) return null;
  return { host, port };
}

/** Reads an environment (usually process.env). Throws ConfigError. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('HIKYAKU_') || name.startsWith('HIKYAKU_TEST_') || name in VARIABLES) continue;
    const nearest = Object.keys(VARIABLES).sort((a, b) => distance(name, a) - distance(name, b))[0]!;
    problems.push(`${name}: no such setting; did you mean ${nearest}?`);
  }
  const get = (name: keyof typeof VARIABLES): string | undefined => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
  function read<T>(
    name: keyof typeof VARIABLES,
    fallback: T,
    parse: (text: string) => T | null,
    wanted: string,
  ): T {
    const text = get(name);
    if (text === undefined) return fallback;
    const value = parse(text);
    if (value !== null) return value;
    problems.push(`${name}: expected ${wanted}`);
    return fallback;
  }
  function readList<T>(
    name: keyof typeof VARIABLES,
    fallback: T[],
    parse: (t: string) => T | null,
    wanted: string,
  ): T[] {
    return read(
      name,
      fallback,
      (text) => {
        const values = text.split(',').map((part) => parse(part.trim()));
        return values.includes(null) ? null : (values as T[]);
      },
      wanted,
    );
  }
  const host = (text: string) => (HOST.test(text) ? text.toLowerCase() : null);
  // The length limit leaves room for a selector and a domain name of usual length before the zone's name.
  const zoneName = (text: string) => (text.includes('.') && text.length <= 150 ? host(text) : null);
  const count = (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : null);
  const delay = (text: string) => (/^\d{1,2}$/.test(text) && Number(text) <= 30 ? Number(text) : null);
  const port = (text: string) =>
    /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535 ? Number(text) : null;
  const tlsVersion = (text: string) => TLS_VERSIONS.find((version) => version === text) ?? null;

  const machine = host(machineName()) ?? 'localhost';
  const hostname = read('HIKYAKU_HOSTNAME', machine, host, 'a host name such as mail.example.com');
  const dataDir = resolve(get('HIKYAKU_DATA_DIR') ?? './data');
  const store = read(
    'HIKYAKU_STORE',
    { kind: 'sqlite', directory: resolve('./data') },
    parseStore,
    'sqlite:<directory> or postgres://user:password@host/database',
  );
  const listen = (name: keyof typeof VARIABLES, usual: number) =>
    readList(name, [{ host: '127.0.0.1', port: usual }], parseHostPort, 'address:port, comma-separated');
  const cert = get('HIKYAKU_TLS_CERT');
  const key = get('HIKYAKU_TLS_KEY');
  if ((cert === undefined) !== (key === undefined)) {
    problems.push('HIKYAKU_TLS_CERT and HIKYAKU_TLS_KEY: set both or neither');
  }
  const tls = cert !== undefined && key !== undefined ? { cert: resolve(cert), key: resolve(key) } : null;
  const httpListen = read('HIKYAKU_HTTP_LISTEN', USUAL_HTTP, parseHostPort, 'address:port');
  const trustedProxies = readList(
    'HIKYAKU_TRUSTED_PROXIES',
    [],
    parseProxy,
    'IP addresses or CIDR networks (not /0), comma-separated',
  );
  const routes = parseRoutes(get('HIKYAKU_ROUTES') ?? '');
  problems.push(...routes.problems);
  const config: Config = {
    store,
    hostname,
    submissionHost: read('HIKYAKU_SUBMISSION_HOST', hostname, host, 'a host name'),
    submissionPort: read<number | null>('HIKYAKU_SUBMISSION_PORT', null, port, 'a port from 1 to 65535'),
    submissionsPort: read<number | null>('HIKYAKU_SUBMISSIONS_PORT', null, port, 'a port from 1 to 65535'),
    mxHosts: readList('HIKYAKU_MX_HOSTS', [hostname], host, 'host names, comma-separated'),
    spfInclude: read(
      'HIKYAKU_SPF_INCLUDE',
      `_spf.${hostname}`,
      (t) => (/^[a-z0-9_.-]+$/i.test(t) ? t : null),
      'a DNS name',
    ),
    dkimZone: read<string | null>(
      'HIKYAKU_DKIM_ZONE',
      null,
      zoneName,
      'a DNS name such as dkim.mail.example.com',
    ),
    dnsListen: listen('HIKYAKU_DNS_LISTEN', 2553),
    publicUrl: read(
      'HIKYAKU_PUBLIC_URL',
      usualUrl({ httpListen, tls, trustedProxies }),
      parsePublicUrl,
      'an http or https URL without query',
    ),
    publicUrlGiven: get('HIKYAKU_PUBLIC_URL') !== undefined,
    httpListen,
    metricsListen: read('HIKYAKU_METRICS_LISTEN', null, parseHostPort, 'address:port'),
    trustedProxies,
    dataDir,
    node: get('HIKYAKU_NODE') ?? hostname,
    mxListen: listen('HIKYAKU_MX_LISTEN', 2525),
    mxGreetingDelay: read('HIKYAKU_MX_GREETING_DELAY', 0, delay, 'whole seconds from 0 to 30'),
    mxMessagesPerMinute: read('HIKYAKU_MX_MESSAGES_PER_MINUTE', 0, count, 'a whole number, 0 for no limit'),
    mxRecipientsPerMinute: read(
      'HIKYAKU_MX_RECIPIENTS_PER_MINUTE',
      0,
      count,
      'a whole number, 0 for no limit',
    ),
    submissionListen: listen('HIKYAKU_SUBMISSION_LISTEN', 2587),
    submissionsListen: listen('HIKYAKU_SUBMISSIONS_LISTEN', 2465),
    tls,
    tlsMinVersion: read('HIKYAKU_TLS_MIN_VERSION', 'TLSv1.2', tlsVersion, TLS_VERSIONS.join(', ')),
    mxTlsMinVersion: read('HIKYAKU_MX_TLS_MIN_VERSION', 'TLSv1', tlsVersion, TLS_VERSIONS.join(', ')),
    secretKey: read<Buffer | null>('HIKYAKU_SECRET_KEY', null, parseSecretKey, '32 octets in base64 or hex'),
    dnsServers: readList('HIKYAKU_DNS_SERVERS', [], parseDnsServer, 'ip:port, comma-separated'),
    routes: routes.routes,
    siteConnections: readList(
      'HIKYAKU_SITE_CONNECTIONS',
      [{ pattern: '*', connections: 20 }],
      parseSiteConnections,
      'a number from 1 to 1000, or pattern=number, comma-separated',
    ),
    trustedNetworks: readList(
      'HIKYAKU_TRUSTED_NETWORKS',
      [],
      parseTrustedNetwork,
      'cidr=api_client_id inside 127.0.0.0/8 or ::1, comma-separated',
    ),
    limitPerMinute: read('HIKYAKU_LIMIT_PER_MINUTE', 300, count, 'a whole number, 0 for no limit'),
    limitPerDay: read('HIKYAKU_LIMIT_PER_DAY', 50_000, count, 'a whole number, 0 for no limit'),
    allowPrivateTargets: read(
      'HIKYAKU_ALLOW_PRIVATE_TARGETS',
      false,
      (t) => (t === 'true' ? true : t === 'false' ? false : null),
      'true or false',
    ),
    logLevel: read<Config['logLevel']>(
      'HIKYAKU_LOG_LEVEL',
      'info',
      (t) => (['debug', 'info', 'warn', 'error', 'silent'].includes(t) ? (t as Config['logLevel']) : null),
      'debug, info, warn, error or silent',
    ),
  };
  if (!isLoopback(config.httpListen.host) && config.tls === null && config.trustedProxies.length === 0) {
    problems.push(
      'HIKYAKU_HTTP_LISTEN: without TLS, HTTP may listen only on loopback; set HIKYAKU_TLS_CERT and HIKYAKU_TLS_KEY, or HIKYAKU_TRUSTED_PROXIES',
    );
  }
  if (config.store.kind === 'postgres' && config.secretKey === null) {
    problems.push(
      'HIKYAKU_SECRET_KEY: required with PostgreSQL and the same on every node: 32 octets in base64 or hex (openssl rand -base64 32)',
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** How the console and the API are spoken to at their own port: proxies end TLS themselves. */
export function httpScheme({
  tls,
  trustedProxies,
}: Pick<Config, 'tls' | 'trustedProxies'>): 'http' | 'https' {
  return tls === null || trustedProxies.length > 0 ? 'http' : 'https';
}
/** The URL at which this machine reaches the HTTP listener. A wildcard address is reached by loopback. */
export function listeningUrl(
  config: Pick<Config, 'httpListen' | 'tls' | 'trustedProxies'>,
  port = config.httpListen.port,
): string {
  const { host } = config.httpListen;
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${httpScheme(config)}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
/**
 * The public URL if none is given. On loopback it has a host name, because passkeys belong to host names (WebAuthn
 * Level 3 §5.1.3), and an address is none. `port`: the port that the system gave, if the configuration asks for a free one.
 */
export function usualUrl(
  config: Pick<Config, 'httpListen' | 'tls' | 'trustedProxies'>,
  port = config.httpListen.port,
): string {
  return LOCALHOST.has(config.httpListen.host)
    ? `${httpScheme(config)}://localhost:${port}`
    : listeningUrl(config, port);
}
/** The same for a command that needs nothing else of the configuration, whose values may be wrong. */
export function usualUrlIn(env: Readonly<Record<string, string | undefined>>): string {
  const given = (name: keyof typeof VARIABLES) => env[name]?.trim() ?? '';
  const [cert, key] = [given('HIKYAKU_TLS_CERT'), given('HIKYAKU_TLS_KEY')];
  return usualUrl({
    httpListen: parseHostPort(given('HIKYAKU_HTTP_LISTEN')) ?? USUAL_HTTP,
    tls: cert === '' || key === '' ? null : { cert, key },
    trustedProxies: given('HIKYAKU_TRUSTED_PROXIES').split(',').filter(Boolean),
  });
}
/** These are what `localhost` names; other addresses of 127.0.0.0/8 are not. */
const LOCALHOST: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
const USUAL_HTTP: HostPort = { host: '127.0.0.1', port: 8025 };

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** A network of /0 would trust every client, so it is refused. A zone id has no use in a list of proxies. */
function parseProxy(text: string): string | null {
  const match = /^([0-9a-fA-F.:]+)(?:\/([1-9]\d{0,2}))?$/.exec(text);
  const family = match === null ? 0 : isIP(match[1]!);
  if (family === 0 || Number(match![2] ?? 1) > (family === 4 ? 32 : 128)) return null;
  return text;
}

function parseStore(text: string): Config['store'] | null {
  if (text.startsWith('sqlite:'))
    return text.length > 7 ? { kind: 'sqlite', directory: resolve(text.slice(7)) } : null;
  const url = URL.parse(text);
  const named = url !== null && url.hostname !== '' && /^\/[^/]+$/.test(url.pathname);
  return named && /^postgres(ql)?:$/.test(url.protocol) ? { kind: 'postgres', url: text } : null;
}

function parsePublicUrl(text: string): string | null {
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== ''
  )
    return null;
  return url.href.replace(/(?<!\/)\/+$/, '');
}

function parseSecretKey(text: string): Buffer | null {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  return bytes.length === 32 ? bytes : null;
}

function parseDnsServer(text: string): string | null {
  if (isIP(text) === 4) return `${text}:53`;
  const parsed = parseHostPort(text);
  return parsed !== null && isIP(parsed.host) ? text : null;
}

function parseSiteConnections(text: string): SiteConnections | null {
  const match = /^(?:([^=\s]+)=)?([1-9]\d{0,3})$/.exec(text);
  if (match === null || Number(match[2]) > 1000) return null;
  const pattern = asciiPattern(match[1] ?? '*');
  return pattern === null ? null : { pattern, connections: Number(match[2]) };
}

function parseTrustedNetwork(text: string): TrustedNetwork | null {
  const match = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?=([0-9a-f-]{36})$/.exec(text);
  if (match === null) return null;
  const family = isIP(match[1]!);
  if (family === 0 || !isLoopback(match[1]!)) return null;
  const bits = family === 4 ? 32 : 128;
  const prefix = match[2] === undefined ? bits : Number(match[2]);
  const widest = family === 4 ? 8 : 128;
  if (prefix < widest || prefix > bits) return null;
  return { address: match[1]!, prefix, apiClientId: match[3]! };
}
