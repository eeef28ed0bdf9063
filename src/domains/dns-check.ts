/**
 * Compares the DNS records of a domain with those that it needs, one by one, and says in a sentence what to do.
 * Invariant: 'missing' and 'wrong' need a clear answer; any failure is 'error' ('unknown' for a single record),
 * which means that the state is not known now. Never throws.
 */
import type { Domain } from '../mail/domain.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { absent, ask, type Checked, item, record, shown } from './check-results.ts';
import { checkClients } from './client-check.ts';
import { checkDkim } from './dkim-check.ts';
import { DMARC_VALUE, type DnsExpectations, MX_PREFERENCE, mergeSpf, spfIncludes } from './dns-records.ts';
import { finding, OPERATORS_SPF } from './findings.ts';
import type { DkimKey, DnsCheck, Finding } from './mta-domains.ts';
import { watched } from './provenance.ts';
import { countSpfLookups, isSpf, MOST_SPF_LOOKUPS } from './spf-lookups.ts';

/** Maximum of DNS queries for a DMARC record, at the domain and its parent domains (RFC 9989 §4.10). */
const MAX_DMARC_STEPS = 8;

/** Makes all look-ups in parallel; `now` (ms) becomes checkedAt. */
export async function checkDomain(
  asked: Resolver,
  domain: Domain,
  keys: readonly DkimKey[],
  expectations: DnsExpectations,
  now: number,
): Promise<DnsCheck> {
  const { resolver, provenance } = watched(asked);
  const [mx, spf, dkim, dmarc, clients] = await Promise.all([
    checkMx(resolver, domain, expectations.mxHosts),
    checkSpf(resolver, domain, expectations.spfInclude),
    checkDkim(resolver, domain, keys, expectations.dkimZone ?? null),
    checkDmarc(resolver, domain),
    checkClients(resolver, domain, expectations),
  ]);
  return {
    checkedAt: now,
    ...provenance(now),
    mx: mx.item,
    spf: spf.item,
    dkim: dkim.item,
    dmarc: dmarc.item,
    records: [...mx.records, ...spf.records, ...dkim.records, ...dmarc.records, ...clients],
  };
}

/**
 * 'ok': one of our hosts is among the most preferred. If ours are only a fallback, the status is 'wrong', because
 * mail goes elsewhere first.
 */
async function checkMx(resolver: Resolver, domain: Domain, hosts: readonly string[]): Promise<Checked> {
  const expected = hosts.map((host) => `${MX_PREFERENCE} ${host}`);
  const at = (value: string) => ({ purpose: 'mx', type: 'MX', name: domain, value }) as const;
  const args = { domain, expected: shown(expected.map((value) => `MX ${value}`)) };
  const answer = await ask(() => resolver.mx(domain));
  if (answer.kind !== 'found') {
    const none = absent(answer, expected, finding('mx.missing', args));
    return { item: none, records: expected.map((value) => record(at(value), none)) };
  }
  const records = answer.records.toSorted((a, b) => a.preference - b.preference);
  const first = records.filter(({ preference }) => preference === records[0]!.preference);
  const ours = new Set(hosts.map((host) => host.toLowerCase()));
  const found = records.map(
    ({ preference, exchange }) => `${preference} ${exchange === '' ? '.' : exchange}`,
  );
  const seen = new Set(records.map(({ exchange }) => exchange));
  const foreign = (list: typeof records) =>
    shown(list.map(({ exchange }) => exchange).filter((exchange) => !ours.has(exchange)));
  const ok = first.some(({ exchange }) => ours.has(exchange));
  let verdict: Finding | null = null;
  if (ok) {
    const beside = foreign(first);
    if (beside !== '') verdict = finding('mx.foreign_equal', { ...args, foreign: beside });
  } else if (records.every(({ exchange }) => exchange === '')) verdict = finding('mx.null', args);
  else if (hosts.some((host) => seen.has(host.toLowerCase())))
    verdict = finding('mx.foreign_first', { ...args, foreign: foreign(first) });
  else verdict = finding('mx.foreign', { ...args, foreign: foreign(records) });
  const whole = item(ok ? 'ok' : 'wrong', expected, found, verdict);
  return {
    item: whole,
    records: hosts.map((host, i) => {
      const value = expected[i]!;
      if (seen.has(host.toLowerCase())) return record(at(value), whole);
      const missing = ok ? finding('mx.host_missing', { expected: value }) : verdict;
      // Mail goes elsewhere: the records that are there are wrong, as the whole is.
      return record(at(value), item(ok ? 'missing' : 'wrong', [value], found, missing));
    }),
  };
}

async function checkSpf(resolver: Resolver, domain: Domain, include: string): Promise<Checked> {
  const one = (checked: Checked['item']): Checked => ({
    item: checked,
    records: [record({ purpose: 'spf', type: 'TXT', name: domain, value: null }, checked)],
  });
  const answer = await ask(() => resolver.txt(domain));
  const fresh = mergeSpf(null, include);
  if (answer.kind !== 'found')
    return one(absent(answer, [fresh], finding('spf.missing', { domain, expected: fresh })));
  const records = answer.records.filter(isSpf);
  const merged = mergeSpf(records[0] ?? null, include);
  if (records.length === 0)
    return one(item('missing', [merged], [], finding('spf.missing', { domain, expected: merged })));
  if (records.length > 1) {
    const all = mergeSpf(joinSpf(records), include);
    const several = finding('spf.several', { count: String(records.length), expected: shown([all]) });
    return one(item('wrong', [all], records, several));
  }
  const wrong = await spfProblem(resolver, records[0]!, include, merged);
  return one(item(wrong === null ? 'ok' : 'wrong', [merged], records, wrong));
}
/** The reason why a single SPF record does not let our mail pass; null: it does. */
async function spfProblem(
  resolver: Resolver,
  text: string,
  include: string,
  merged: string,
): Promise<Finding | null> {
  if (!spfIncludes(text, include)) {
    const wanted = `include:${include.toLowerCase()}`;
    const terms = text.trim().toLowerCase().split(/ +/);
    const own = terms.find((term) => term.replace(/^[+?~-]/, '').replace(/\.$/, '') === wanted);
    if (own === undefined) return finding('spf.no_include', { expected: shown([merged]) });
    return /^[?~-]/.test(own)
      ? finding('spf.qualifier', { term: own, include })
      : finding('spf.behind_all', { include });
  }
  const count = await countSpfLookups(resolver, text);
  if (count.kind === 'unknown') return null;
  if (count.lookups > MOST_SPF_LOOKUPS) return finding('spf.too_many', { count: String(count.lookups) });
  if (count.broken === null) return null;
  if (count.broken.toLowerCase() === include.toLowerCase()) return finding(OPERATORS_SPF, { name: include });
  return finding('spf.broken', { name: shown([count.broken]) });
}
/** Merges several records into one: their terms in order, with the last `all`. */
function joinSpf(records: readonly string[]): string {
  const terms = records.flatMap((text) => text.trim().split(/ +/).slice(1));
  const isAll = (term: string) => /^[+?~-]?all$/i.test(term);
  const all = terms.filter(isAll).at(-1);
  return [
    'v=spf1',
    ...new Set(terms.filter((term) => !isAll(term))),
    ...(all === undefined ? [] : [all]),
  ].join(' ');
}

/** One valid record is enough, at the domain itself or at its nearest parent domain. */
async function checkDmarc(resolver: Resolver, domain: Domain): Promise<Checked> {
  const expected = [DMARC_VALUE];
  const one = (checked: Checked['item']): Checked => ({
    item: checked,
    records: [record({ purpose: 'dmarc', type: 'TXT', name: `_dmarc.${domain}`, value: null }, checked)],
  });
  const missing = finding('dmarc.missing', { domain, expected: DMARC_VALUE });
  const labels = domain.split('.');
  for (let step = 0; step < MAX_DMARC_STEPS && labels.length - step >= 2; step += 1) {
    const answer = await ask(() => resolver.txt(`_dmarc.${labels.slice(step).join('.')}`));
    if (answer.kind === 'failed') return one(absent(answer, expected, missing));
    if (answer.kind !== 'found') continue;
    const records = answer.records.filter((text) => /^v=DMARC1\s*(?:;|$)/.test(text));
    if (records.length === 0) continue;
    if (records.length > 1) {
      const several = finding('dmarc.several', { count: String(records.length) });
      return one(item('wrong', expected, records, several));
    }
    const valid = /;\s*p\s*=\s*(?:none|quarantine|reject)\s*(?:;|$)/i.test(records[0]!);
    return one(item(valid ? 'ok' : 'wrong', expected, records, valid ? null : finding('dmarc.invalid')));
  }
  return one(item('missing', expected, [], missing));
}
