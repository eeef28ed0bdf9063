/**
 * Checks the records that the operator publishes (operator-records.ts) and the certificate against them. Invariants:
 * 'missing' and 'wrong' need a clear answer; an unclear answer is 'unknown'. Never throws.
 */
import type { X509Certificate } from 'node:crypto';
import type { Resolver } from '../runtime/resolver.ts';
import { ask } from './check-results.ts';
import type { Words } from './findings.ts';
import { isLocalAddress, operatorRecords, type ServiceNames, serviceHosts } from './operator-records.ts';
import { type OperatorFinding, operatorWords } from './operator-words.ts';
import { spfCovers } from './spf-covers.ts';
import { isSpf } from './spf-lookups.ts';

export const OPERATOR_CHECKS = [
  'address',
  'ptr',
  'spf_include',
  'helo_spf',
  'dkim_zone',
  'certificate',
] as const;
export interface OperatorItem {
  readonly check: (typeof OPERATOR_CHECKS)[number];
  /** The host, address, record or zone that was checked. */
  readonly name: string;
  readonly state: 'ok' | 'missing' | 'wrong' | 'unknown';
  readonly found: readonly string[];
  /** null: it is well. */
  readonly words: Words | null;
}
export interface OperatorFacts {
  readonly names: ServiceNames;
  /** The addresses of this machine; those that only its network can reach do not count. */
  readonly addresses: readonly string[];
  /** null: it is self-signed. */
  readonly certificate: X509Certificate | null;
  readonly now: number;
}

export async function checkOperatorRecords(
  resolver: Resolver,
  { names, addresses, certificate, now }: OperatorFacts,
): Promise<OperatorItem[]> {
  const [hosts, zones] = await Promise.all([
    Promise.all(serviceHosts(names).map((name) => checkHost(resolver, name))),
    names.dkimZone === null ? [] : Promise.all([checkZone(resolver, names.dkimZone)]),
  ]);
  // Behind a NAT, the machine does not know its public addresses, but DNS does.
  const mine = hosts.find(({ name }) => name === names.hostname)?.found ?? [];
  const outgoing = [...new Set([...addresses, ...mine])].filter((address) => !isLocalAddress(address));
  const expected = operatorRecords(names, outgoing).filter(({ type }) => type === 'TXT');
  const spfOf = (name: string) => expected.find((record) => record.name === name)?.value ?? 'v=spf1 … -all';
  const [pointers, include, helo] = await Promise.all([
    Promise.all(
      mine.filter((one) => !isLocalAddress(one)).map((one) => checkPtr(resolver, one, names.hostname)),
    ),
    checkInclude(resolver, names.spfInclude, outgoing, spfOf(names.spfInclude)),
    checkHelo(resolver, names.hostname, spfOf(names.hostname)),
  ]);
  const certificates = serviceHosts(names).map((name) => checkCertificate(certificate, name, now));
  return [...hosts, ...pointers, include, helo, ...zones, ...certificates];
}

function item(
  check: OperatorItem['check'],
  name: string,
  state: OperatorItem['state'],
  found: readonly string[] = [],
  finding: OperatorFinding | null = null,
  args: Readonly<Record<string, string>> = {},
): OperatorItem {
  const shown = { name, found: found.join(', ') || '-', ...args };
  return { check, name, state, found, words: finding === null ? null : operatorWords(finding, shown) };
}
async function checkHost(resolver: Resolver, name: string): Promise<OperatorItem> {
  const answers = await Promise.all([ask(() => resolver.a(name)), ask(() => resolver.aaaa(name))]);
  const found = answers.flatMap((answer) => (answer.kind === 'found' ? answer.records : []));
  const local = found.filter(isLocalAddress);
  if (local.length > 0) return { ...item('address', name, 'wrong', local, 'address_local'), found };
  if (found.length > 0) return item('address', name, 'ok', found);
  return answers.some(({ kind }) => kind === 'failed')
    ? item('address', name, 'unknown', [], 'unclear')
    : item('address', name, 'missing', [], 'address_missing');
}
async function checkPtr(resolver: Resolver, address: string, hostname: string): Promise<OperatorItem> {
  const answer = await ask(() => resolver.ptr(address));
  if (answer.kind === 'failed') return item('ptr', address, 'unknown', [], 'unclear');
  const found = answer.kind === 'found' ? answer.records : [];
  if (found.includes(hostname.toLowerCase())) return item('ptr', address, 'ok', found);
  const state = found.length === 0 ? 'missing' : 'wrong';
  return item('ptr', address, state, found, 'ptr', { expected: hostname });
}
async function checkInclude(
  resolver: Resolver,
  name: string,
  outgoing: readonly string[],
  expected: string,
): Promise<OperatorItem> {
  const answer = await ask(() => resolver.txt(name));
  if (answer.kind === 'failed') return item('spf_include', name, 'unknown', [], 'unclear');
  const found = answer.kind === 'found' ? answer.records.filter(isSpf) : [];
  const gone = (state: 'missing' | 'wrong') =>
    item('spf_include', name, state, found, 'spf_gone', { expected });
  if (found.length !== 1) return gone(found.length === 0 ? 'missing' : 'wrong');
  const covered = await Promise.all(
    outgoing.map(async (address) => ({ address, coverage: await spfCovers(resolver, name, address) })),
  );
  if (covered.some(({ coverage }) => coverage === 'broken')) return gone('wrong');
  const lacking = covered.filter(({ coverage }) => coverage === 'no').map(({ address }) => address);
  if (lacking.length > 0)
    return {
      ...item('spf_include', name, 'wrong', lacking, 'spf_lacks', { expected }),
      found,
    };
  return covered.some(({ coverage }) => coverage === 'unknown')
    ? item('spf_include', name, 'unknown', found, 'unclear')
    : item('spf_include', name, 'ok', found);
}
async function checkHelo(resolver: Resolver, name: string, expected: string): Promise<OperatorItem> {
  const answer = await ask(() => resolver.txt(name));
  if (answer.kind === 'failed') return item('helo_spf', name, 'unknown', [], 'unclear');
  const found = answer.kind === 'found' ? answer.records.filter(isSpf) : [];
  if (found.length === 1) return item('helo_spf', name, 'ok', found);
  return item('helo_spf', name, found.length === 0 ? 'missing' : 'wrong', found, 'helo_gone', { expected });
}
/** The service answers every name of its zone at least with an empty answer; without a delegation, there is no such name. */
export async function checkZone(resolver: Resolver, zone: string): Promise<OperatorItem> {
  const answer = await ask(() => resolver.txt(`hk1r.doctor.invalid.${zone}`));
  if (answer.kind === 'nodata') return item('dkim_zone', zone, 'ok');
  return answer.kind === 'failed'
    ? item('dkim_zone', zone, 'unknown', [], 'zone_silent')
    : item('dkim_zone', zone, 'missing', [], 'zone_undelegated');
}
function checkCertificate(certificate: X509Certificate | null, name: string, now: number): OperatorItem {
  if (certificate === null) return item('certificate', name, 'missing', [], 'certificate_self_signed');
  if (Date.parse(certificate.validTo) < now)
    return item('certificate', name, 'wrong', [certificate.validTo], 'certificate_over');
  return certificate.checkHost(name) === undefined
    ? item('certificate', name, 'wrong', [], 'certificate_name')
    : item('certificate', name, 'ok');
}

/** Items that are clearly not as they should be. */
export function operatorProblems(items: readonly OperatorItem[]): readonly OperatorItem[] {
  return items.filter(({ state }) => state === 'missing' || state === 'wrong');
}
