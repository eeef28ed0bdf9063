/**
 * `hikyaku doctor`: checks whether this machine can run the service. Each check says what it found and what
 * to do. The exit status is 1 if a check fails. The command closes everything that it opens. It sends no
 * mail: the outbound check only connects.
 */

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { retentionView } from '../api/mta-retention.ts';
import { type Config, type HostPort, isLoopback, loadConfig, parseHostPort } from '../config/config.ts';
import { systemClock } from '../runtime/clock.ts';
import { createResolver } from '../runtime/dns-resolver.ts';
import { systemNetwork } from '../runtime/network.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { askService, detailOf } from './control-client.ts';
import { checkDns } from './doctor-dns.ts';
import { checkRoutes } from './doctor-routes.ts';
import { checkStore } from './doctor-store.ts';
import { type Finding, failed, ok, warning } from './finding.ts';
import { ASK_MS, isUrlOpen, OPEN_URL, type OwnService, ownService } from './own-service.ts';
import { type CommandContext, parseOptions } from './usage.ts';

const addressOf = ({ host, port }: HostPort) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * The address of the running service at which it would have to give way to a listener at `place`; null if there is none.
 * A wildcard address takes the port of every address (`::` also of those of IPv4), and the other way round.
 */
export function heldBy({ host, port }: HostPort, own: ReadonlySet<string>): string | null {
  const held = [...own].map((text) => ({ text, at: parseHostPort(text) }));
  const found = held.find(
    ({ at }) =>
      at !== null &&
      at.port === port &&
      port !== 0 &&
      (at.host === host || isWildcard(at.host) || isWildcard(host)),
  );
  return found?.text ?? null;
}
const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** `own`: where the running service listens. */
async function checkPort(check: string, place: HostPort, own: ReadonlySet<string>): Promise<Finding> {
  const { host, port } = place;
  if (own.has(addressOf(place))) return ok(check, `the running service listens at ${addressOf(place)}`);
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return ok(check, `${host}:${port} is free`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const held = heldBy(place, own);
    if (code === 'EADDRINUSE' && held !== null)
      return ok(
        check,
        `${addressOf(place)} is free for the next start: now the running service listens at ${held}`,
      );
    if (code === 'EADDRINUSE')
      return warning(
        check,
        `${host}:${port} is in use by another program: stop it, or choose another port; a service cannot start there`,
      );
    if (code === 'EACCES')
      return failed(
        check,
        `${host}:${port} needs a privilege: permit this program to use ports below 1024 (CAP_NET_BIND_SERVICE)`,
      );
    return failed(check, `${host}:${port}: ${(error as Error).message}`);
  } finally {
    server.close();
  }
}

/**
 * Whether retention keeps up, as the running service reports it. If no service runs, nothing removes messages
 * and there is nothing to report.
 */
async function checkRetention(config: Config): Promise<Finding> {
  const check = 'retention';
  try {
    const answer = await askService({
      directory: config.dataDir,
      path: '/retention',
      request: {},
      ended: 'the service stopped before it answered',
      signal: AbortSignal.timeout(ASK_MS),
      report: () => {},
    });
    if (answer === null) return ok(check, 'not asked: no service runs here');
    if (answer.status !== 200) return warning(check, detailOf(answer));
    const { due_messages: due, behind_since: since, late, round } = answer.json as Standing;
    if (since === null) return ok(check, 'no message is kept beyond its retention time');
    const text = `at least ${due} messages are past their retention time, the oldest since ${since}`;
    if (!late) return ok(check, `${text}: the hourly rounds remove them`);
    return round?.failed === true
      ? failed(check, `${text}: removing them failed; the log of the service says why`)
      : warning(
          check,
          `${text}: messages expire faster than the service removes them; is the disk slow or busy?`,
        );
  } catch (error) {
    return warning(check, `the service did not answer: ${(error as Error).message}`);
  }
}
type Standing = ReturnType<typeof retentionView>;

/** Links and `self` URLs begin with the public URL. */
export function checkPublicUrl(config: Config, running: OwnService['publicUrl']): Finding {
  const check = 'public URL';
  const url = isUrlOpen(config) ? running : config.publicUrl;
  if (url === null) return warning(check, OPEN_URL);
  const { hostname } = new URL(url);
  const isPublic = [
    config.httpListen,
    ...config.mxListen,
    ...config.submissionListen,
    ...config.submissionsListen,
  ].some(({ host }) => !isLoopback(host));
  return isPublic && isLoopback(hostname.replace(/^\[|\]$/g, ''))
    ? warning(
        check,
        `the service listens beyond this machine, but its links begin with ${url}, which leads nowhere from elsewhere: set HIKYAKU_PUBLIC_URL`,
      )
    : ok(check, url);
}

async function checkCertificate(config: Config): Promise<Finding> {
  if (config.tls === null)
    return warning(
      'TLS certificate',
      'self-signed; set HIKYAKU_TLS_CERT and HIKYAKU_TLS_KEY for real clients',
    );
  try {
    const certificate = new X509Certificate(await readFile(config.tls.cert));
    await access(config.tls.key, constants.R_OK);
    const days = Math.floor((Date.parse(certificate.validTo) - systemClock.now()) / 86_400_000);
    if (days < 0) return failed('TLS certificate', `expired on ${certificate.validTo}`);
    if (certificate.checkHost(config.submissionHost) === undefined) {
      return failed('TLS certificate', `does not name ${config.submissionHost}`);
    }
    return days < 14
      ? warning('TLS certificate', `expires in ${days} days`)
      : ok('TLS certificate', `names ${config.submissionHost}, valid for ${days} days`);
  } catch (error) {
    return failed('TLS certificate', `cannot be read: ${(error as Error).message}`);
  }
}

/** Whether port 25 of hosts outside can be reached: many providers block it (OP25B). */
async function checkOutbound(config: Config, resolver: Resolver): Promise<Finding> {
  if (config.routes.some((route) => route.pattern === '*'))
    return ok('outbound port 25', 'not needed: a route (HIKYAKU_ROUTES) takes all mail');
  const mx = await resolver.mx('gmail.com');
  const exchange =
    mx.kind === 'found'
      ? [...mx.records].sort((a, b) => a.preference - b.preference)[0]?.exchange
      : undefined;
  const address = exchange === undefined ? undefined : await resolver.a(exchange);
  if (address?.kind !== 'found')
    return warning('outbound port 25', 'not tried: the lookup of a mail host failed');
  try {
    const socket = await systemNetwork.dial({ address: address.records[0]!, port: 25, timeoutMs: 5000 });
    socket.destroy();
    return ok('outbound port 25', `${exchange} can be reached`);
  } catch {
    return failed(
      'outbound port 25',
      'blocked (OP25B): ask the provider to open it, or send through a smart host with HIKYAKU_ROUTES',
    );
  }
}

/** The dates of RFC 5321 and the times in DKIM signatures are only as good as the clock. */
async function checkClock(config: Config): Promise<Finding> {
  const { mtimeMs } = await (await import('node:fs/promises')).stat(new URL(import.meta.url));
  const now = systemClock.now();
  return now < mtimeMs - 86_400_000
    ? failed('clock', `${new Date(now).toISOString()} is earlier than the installation of this program`)
    : ok('clock', `${new Date(now).toISOString()} on ${config.node}`);
}

export async function run(args: readonly string[], { env, signal }: CommandContext): Promise<number> {
  const options = parseOptions(args, { json: { type: 'boolean' } });
  const config = loadConfig(env);
  await using resolver = createResolver({
    servers: [...config.dnsServers],
    clock: systemClock,
    timeoutMs: 3000,
    allowPrivate: config.allowPrivateTargets,
  });
  const findings: Finding[] = [];
  const { addresses: own, publicUrl } = await ownService(config);
  const listeners: [string, readonly HostPort[]][] = [
    ['HTTP port', [config.httpListen]],
    ['MX port', config.mxListen],
    ['submission port', config.submissionListen],
    ['submissions port', config.submissionsListen],
    ...(config.metricsListen === null
      ? []
      : [['metrics port', [config.metricsListen]] as [string, readonly HostPort[]]]),
    ...(config.dkimZone === null ? [] : [['DNS port', config.dnsListen] as [string, readonly HostPort[]]]),
  ];
  for (const [check, list] of listeners)
    for (const address of list) findings.push(await checkPort(check, address, own));
  findings.push(checkPublicUrl(config, publicUrl));
  findings.push(
    ...(await checkStore(config, signal)),
    await checkRetention(config),
    await checkClock(config),
    ...checkRoutes(config),
    ...(await checkDns(config, resolver.fresh(''), systemClock.now())),
  );
  findings.push(await checkCertificate(config), await checkOutbound(config, resolver));
  if (options.json === true) process.stdout.write(`${JSON.stringify(findings)}\n`);
  else {
    const width = Math.max(...findings.map(({ check }) => check.length));
    for (const { check, status, detail } of findings) {
      process.stdout.write(`${status.padEnd(8)} ${check.padEnd(width)}  ${detail}\n`);
    }
  }
  return findings.some(({ status }) => status === 'failed') ? 1 : 0;
}
