/**
 * Where a domain's mail goes: the operator's routes first, else its MX with the implicit A/AAAA (RFC 5321 §5.1).
 * Invariants: a failed question never bounces; a private address is never dialled unless allowed (operator's routes
 * are never blocked); our own place in the MX list cuts off everything no better than it, so mail cannot go round.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { canonicalAddress, isPrivateAddress } from '../runtime/addresses.ts';
import type { Random } from '../runtime/random.ts';
import type { DnsAnswer, MxRecord, Resolver } from '../runtime/resolver.ts';
import type { Unknown } from '../smtp/client/lacking.ts';
import type { Candidate } from '../smtp/client/peer.ts';
import type { Target } from '../smtp/client/pool.ts';
import { bouncedHere, deferredHere, type Outcome } from './outcome.ts';
import { siteOf } from './site.ts';

export interface Route {
  /** Glob on the recipient's A-label domain: `*` is any run of characters. */
  readonly pattern: string;
  readonly target: {
    readonly scheme: 'smtp' | 'smtp+starttls' | 'smtps';
    /** IP address, `localhost`, or a name asked of the resolver. */
    readonly host: string;
    readonly port: number;
    readonly user?: string;
    readonly password?: string;
    /** False: the certificate is not verified. */
    readonly verify?: boolean;
  };
}
export interface RouteDeps {
  readonly resolver: Resolver;
  readonly random: Random;
  readonly routes: readonly Route[];
  /** Our names and the addresses under which our own MX listener is reached from outside. */
  readonly hostname: string;
  readonly ownAddresses: readonly string[];
  /** More names of our own MX listener. */
  readonly mxHosts?: readonly string[];
  readonly allowPrivate: boolean;
  /** Port of MX hosts; 25. */
  readonly mxPort?: number;
}
export type Plan =
  | { readonly kind: 'target'; readonly target: Target }
  | { readonly kind: 'settled'; readonly outcome: Outcome };

/** Of an answer of ten thousand records: MX hosts looked at, at once and in all, and those of them that are used. */
const AT_ONCE = 10;
const MAX_LOOKED_AT = 100;
/** While none of them can be used, and no more than a few questions have no answer. */
const MAX_USELESS = 500;
const MAX_UNANSWERED = 10;
const MAX_HOSTS = 30;
/** Names that stand in keys. */
const MAX_NAMES = 10;
/** Addresses used of each host and family: chance chooses, so that each has its turn over the attempts. */
const MAX_ADDRESSES = 16;

/** Never rejects for what DNS says. */
export async function findRoute(domain: string, deps: RouteDeps): Promise<Plan> {
  const route = deps.routes.find((r) => matchesGlob(r.pattern, domain));
  return route === undefined ? byMx(domain, deps) : byRoute(route, deps);
}

/** Case-insensitive; linear in the text for the globs people write, and never a regular expression of theirs. */
export function matchesGlob(pattern: string, text: string): boolean {
  const parts = pattern.toLowerCase().split('*');
  const subject = text.toLowerCase();
  if (parts.length === 1) return parts[0] === subject;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!subject.startsWith(first) || !subject.endsWith(last) || subject.length < first.length + last.length)
    return false;
  let at = first.length;
  const limit = subject.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = subject.indexOf(part, at);
    if (found === -1 || found + part.length > limit) return false;
    at = found + part.length;
  }
  return true;
}

async function byRoute({ target }: Route, deps: RouteDeps): Promise<Plan> {
  const { scheme, host, port, user } = target;
  const found = await addressesOf(host, deps.resolver);
  if (found.addresses.length === 0)
    return {
      kind: 'settled',
      outcome: deferredHere('4.4.3', `route: no address for ${host}${found.failed ? ' (DNS failed)' : ''}`),
    };
  const auth = user === undefined ? null : { user, password: target.password ?? '' };
  const candidates = found.addresses.map((address): Candidate => {
    const here = address === '::1' || address.startsWith('127.');
    const tls = scheme === 'smtp' ? 'opportunistic' : scheme === 'smtps' ? 'implicit' : 'starttls';
    // Mail and password are shown to nobody but the named server; on this machine there is nobody between.
    const verify = tls !== 'opportunistic' && !here && target.verify !== false;
    return { host, address, port, tls, verify, auth };
  });
  const unverified = target.verify === false ? ' unverified' : '';
  const key = `route ${scheme} ${host}:${port} ${user ?? ''}${unverified}`;
  return { kind: 'target', target: { key, site: key, candidates } };
}

async function byMx(domain: string, deps: RouteDeps): Promise<Plan> {
  const settled = (outcome: Outcome): Plan => ({ kind: 'settled', outcome });
  const answer = await deps.resolver.mx(domain);
  if (answer.kind === 'failed')
    return settled(deferredHere('4.4.3', `DNS: MX of ${domain}: ${answer.cause}`));
  if (answer.kind === 'nxdomain') return settled(bouncedHere('5.1.2', `the domain ${domain} does not exist`));
  let records: readonly MxRecord[] = [{ preference: 0, exchange: domain }];
  if (answer.kind === 'found') {
    // RFC 7505: a null MX says that the domain takes no mail.
    if (answer.records.every((r) => r.exchange === ''))
      return settled(bouncedHere('5.1.10', `the domain ${domain} takes no mail`));
    records = answer.records.filter((r) => r.exchange !== '');
  }
  const { better, ours, unasked } = await lookAt(records, deps);
  if (better.length === 0 && ours)
    return settled(bouncedHere('5.4.6', `mail for ${domain} loops back to this server`));
  const hosts = better.filter(({ usable }) => usable.length > 0).slice(0, MAX_HOSTS);
  const allowed = hosts.flatMap(({ exchange: host, usable }) => usable.map((address) => ({ host, address })));
  if (allowed.length === 0) {
    if (better.some((h) => h.failed))
      return settled(
        deferredHere('4.4.3', `DNS: addresses of the mail servers of ${domain} could not be found out`),
      );
    const why = better.some((h) => h.addresses.length > 0)
      ? 'have only private addresses'
      : 'have no address';
    if (unasked)
      return settled(
        deferredHere(
          '4.4.4',
          `of ${records.length} mail servers of ${domain}, the first ${better.length} ${why}; the others were not asked for`,
        ),
      );
    return settled(bouncedHere('5.4.4', `the mail servers of ${domain} ${why}`));
  }
  const port = deps.mxPort ?? 25;
  const candidates = allowed.map(
    ({ host, address }): Candidate => ({
      host,
      address,
      port,
      tls: 'opportunistic',
      verify: false,
      auth: null,
    }),
  );
  const names = [...new Set(better.map((h) => h.exchange))].sort();
  const key = `mx ${names.length > MAX_NAMES ? sha256(names.join(' ')) : names.join(' ')}`;
  const site = siteOf(names.slice(0, MAX_NAMES));
  const unknown: Unknown[] = better
    .filter((host) => (host.usable.length > 0 ? !hosts.includes(host) : host.failed))
    .map(({ exchange: host, usable }) => ({
      host,
      cause: usable.length > 0 ? 'not asked' : 'DNS: its addresses could not be found out',
    }));
  if (unasked) unknown.push({ host: `${records.length - better.length} more`, cause: 'not asked' });
  return { kind: 'target', target: { key, site, candidates, ...(unknown.length > 0 && { unknown }) } };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface Host extends MxRecord {
  readonly addresses: readonly string[];
  /** Those that may be dialled. */
  readonly usable: readonly string[];
  /** Some question about it had no answer. */
  readonly failed: boolean;
}
/**
 * The hosts that mail may go to, the best ones first; hosts of equal preference in an order of chance. RFC 5321 §5.1:
 * where we are one of the hosts, we and everything of our preference or a worse one is left out. So a host is judged
 * together with all of its preference, and looked at first: which of them are asked does not depend on chance.
 */
async function lookAt(
  records: readonly MxRecord[],
  deps: RouteDeps,
): Promise<{
  readonly better: readonly Host[];
  readonly ours: boolean;
  /** There are more of them. */
  readonly unasked: boolean;
}> {
  const byPreference = Map.groupBy(records, ({ preference }) => preference);
  const better: Host[] = [];
  let lookedAt = 0;
  let used = 0;
  let unanswered = 0;
  /** How many more may be looked at. */
  const left = () => (used === 0 && unanswered < MAX_UNANSWERED ? MAX_USELESS : MAX_LOOKED_AT) - lookedAt;
  for (const preference of [...byPreference.keys()].sort((a, b) => a - b)) {
    const equals = byPreference.get(preference)!.toSorted((a, b) => (a.exchange < b.exchange ? -1 : 1));
    // Our own name is known without a question, however many others there are.
    if (equals.some(({ exchange }) => isOurs(exchange, [], deps)))
      return { better, ours: true, unasked: false };
    const hosts: Host[] = [];
    for (let at = 0; at < equals.length && left() > 0; at += AT_ONCE) {
      const some = equals.slice(at, at + Math.min(AT_ONCE, left()));
      lookedAt += some.length;
      const found = await Promise.all(some.map((record) => hostOf(record, deps)));
      used += found.filter(({ usable }) => usable.length > 0).length;
      unanswered += found.filter(({ failed }) => failed).length;
      hosts.push(...found);
    }
    if (hosts.some(({ exchange, addresses }) => isOurs(exchange, addresses, deps)))
      return { better, ours: true, unasked: false };
    better.push(...shuffled(hosts, deps.random));
    if (used >= MAX_HOSTS || left() <= 0) break;
  }
  return { better, ours: false, unasked: lookedAt < records.length };
}

async function hostOf(record: MxRecord, { resolver, random, allowPrivate }: RouteDeps): Promise<Host> {
  const { addresses, failed } = await addressesOf(record.exchange, resolver);
  const open = allowPrivate ? addresses : addresses.filter((address) => !isPrivateAddress(address));
  const [v4, v6] = [4, 6].map((family) =>
    shuffled(
      open.filter((address) => isIP(address) === family),
      random,
    ),
  );
  // IPv4 first: reverse names and reputation are better kept there.
  const usable = [...v4!.slice(0, MAX_ADDRESSES), ...v6!.slice(0, MAX_ADDRESSES)];
  return { ...record, addresses, usable, failed };
}
function shuffled<T>(items: readonly T[], random: RouteDeps['random']): T[] {
  const lots = items.map((item) => ({ item, lot: random.fraction() }));
  return lots.sort((a, b) => a.lot - b.lot).map(({ item }) => item);
}

function isOurs(exchange: string, addresses: readonly string[], deps: RouteDeps): boolean {
  const names = [deps.hostname, ...(deps.mxHosts ?? [])];
  return (
    names.some((name) => name.toLowerCase() === exchange.toLowerCase()) ||
    deps.ownAddresses.some((own) => addresses.includes(canonicalAddress(own)))
  );
}

/** Each address once, in its one spelling. `failed`: some question had no answer. */
async function addressesOf(
  host: string,
  resolver: Resolver,
): Promise<{ addresses: readonly string[]; failed: boolean }> {
  if (host === 'localhost') return { addresses: ['127.0.0.1', '::1'], failed: false };
  // An MX that is an address literal is tolerated as the address it is; it is judged like any other.
  if (isIP(host) !== 0) return { addresses: [canonicalAddress(host)], failed: false };
  const answers: DnsAnswer<string>[] = await Promise.all([resolver.a(host), resolver.aaaa(host)]);
  const addresses = answers.flatMap((a) => (a.kind === 'found' ? a.records.map(canonicalAddress) : []));
  return { addresses: [...new Set(addresses)], failed: answers.some((a) => a.kind === 'failed') };
}
