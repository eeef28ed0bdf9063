/**
 * Compares what DNS says with what a domain needs. Invariant: 'missing' and 'wrong' are said only on a clear answer; a
 * failure of any kind is 'error' and means "not known now". Never throws.
 */
import type { Domain } from '../mail/domain.ts';
import type { DnsAnswer, Resolver } from '../runtime/resolver.ts';
import { type DnsExpectations, dkimName, MX_PREFERENCE, mergeSpf, spfIncludes } from './dns-records.ts';
import type { DkimKey, DnsCheck, DnsCheckItem } from './types.ts';

/** Found values are shown to people: so many, so long. */
const MAX_FOUND = 20;
const MAX_LENGTH = 1000;
/** Labels walked up in search of a DMARC record (RFC 9989 §4.10). */
const MAX_DMARC_STEPS = 8;

/** Looks everything up at once; `now` (ms) becomes checkedAt. Only active keys are looked for. */
export async function checkDomain(
  resolver: Resolver,
  domain: Domain,
  keys: readonly DkimKey[],
  expectations: DnsExpectations,
  now: number,
): Promise<DnsCheck> {
  const [mx, spf, dkim, dmarc] = await Promise.all([
    checkMx(resolver, domain, expectations.mxHosts),
    checkSpf(resolver, domain, expectations.spfInclude),
    checkDkim(
      resolver,
      domain,
      keys.filter((key) => key.active),
    ),
    checkDmarc(resolver, domain),
  ]);
  return { checkedAt: now, mx, spf, dkim, dmarc };
}

/** ok: one of ours is among the most preferred; ours as a mere fallback is 'wrong', for mail goes elsewhere first. */
async function checkMx(resolver: Resolver, domain: Domain, hosts: readonly string[]): Promise<DnsCheckItem> {
  const expected = hosts.map((host) => `${MX_PREFERENCE} ${host}`);
  const answer = await ask(() => resolver.mx(domain));
  if (answer.kind !== 'found') return absent(answer, expected);
  const records = answer.records.toSorted((a, b) => a.preference - b.preference);
  const first = records.filter(({ preference }) => preference === records[0]!.preference);
  const ours = new Set(hosts.map((host) => host.toLowerCase()));
  const found = records.map(
    ({ preference, exchange }) => `${preference} ${exchange === '' ? '.' : exchange}`,
  );
  return item(first.some(({ exchange }) => ours.has(exchange)) ? 'ok' : 'wrong', expected, found);
}

async function checkSpf(resolver: Resolver, domain: Domain, include: string): Promise<DnsCheckItem> {
  const answer = await ask(() => resolver.txt(domain));
  if (answer.kind !== 'found') return absent(answer, [mergeSpf(null, include)]);
  // RFC 7208 §4.5: "v=spf1" alone or followed by a space; more than one record is an error.
  const records = answer.records.filter((record) => /^v=spf1(?: |$)/i.test(record));
  const expected = [mergeSpf(records[0] ?? null, include)];
  if (records.length === 0) return item('missing', expected, []);
  return item(records.length === 1 && spfIncludes(records[0]!, include) ? 'ok' : 'wrong', expected, records);
}

/** ok when every active key is published; without keys there is nothing to find: 'missing'. */
async function checkDkim(
  resolver: Resolver,
  domain: Domain,
  keys: readonly DkimKey[],
): Promise<DnsCheckItem> {
  const items = await Promise.all(
    keys.map(async (key): Promise<DnsCheckItem> => {
      const name = dkimName(key, domain);
      const expected = [`${name} ${key.publicRecord}`];
      const answer = await ask(() => resolver.txt(name));
      if (answer.kind !== 'found') return absent(answer, expected);
      const found = answer.records.map((record) => `${name} ${record}`);
      // RFC 6376 §3.6.2.2: several records give undefined results.
      const same = answer.records.length === 1 && publishes(answer.records[0]!, key.publicRecord);
      return item(same ? 'ok' : 'wrong', expected, found);
    }),
  );
  const worst = (['error', 'wrong', 'missing', 'ok'] as const).find((status) =>
    items.some((one) => one.status === status),
  );
  return item(
    worst ?? 'missing',
    items.flatMap((one) => one.expected),
    items.flatMap((one) => one.found),
  );
}

/** Any one valid record will do, of the domain itself or of the nearest domain above it. */
async function checkDmarc(resolver: Resolver, domain: Domain): Promise<DnsCheckItem> {
  const expected = ['v=DMARC1; p=none'];
  const labels = domain.split('.');
  for (let step = 0; step < MAX_DMARC_STEPS && labels.length - step >= 2; step += 1) {
    const answer = await ask(() => resolver.txt(`_dmarc.${labels.slice(step).join('.')}`));
    if (answer.kind === 'failed') return absent(answer, expected);
    if (answer.kind !== 'found') continue;
    const records = answer.records.filter((record) => /^v=DMARC1\s*(?:;|$)/.test(record));
    if (records.length === 0) continue;
    const valid =
      records.length === 1 && /;\s*p\s*=\s*(?:none|quarantine|reject)\s*(?:;|$)/i.test(records[0]!);
    return item(valid ? 'ok' : 'wrong', expected, records);
  }
  return item('missing', expected, []);
}

/** Same key data and type; spaces, order and further tags do not matter. A testing or revoked key is not ours. */
function publishes(record: string, wanted: string): boolean {
  const found = tags(record);
  const ours = tags(wanted);
  return (
    found.get('p') === ours.get('p') &&
    (found.get('k') ?? 'rsa') === ours.get('k') &&
    (found.get('v') ?? 'DKIM1') === 'DKIM1'
  );
}
function tags(record: string): Map<string, string> {
  return new Map(
    record.split(';').map((tag) => {
      const equals = tag.indexOf('=');
      return [tag.slice(0, equals).trim(), tag.slice(equals + 1).replace(/\s+/g, '')];
    }),
  );
}

async function ask<T>(question: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> {
  try {
    return await question();
  } catch (error) {
    return { kind: 'failed', cause: String(error) };
  }
}
function absent(answer: DnsAnswer<unknown>, expected: readonly string[]): DnsCheckItem {
  return item(answer.kind === 'failed' ? 'error' : 'missing', expected, []);
}
function item(
  status: DnsCheckItem['status'],
  expected: readonly string[],
  found: readonly string[],
): DnsCheckItem {
  return { status, expected, found: found.slice(0, MAX_FOUND).map((value) => value.slice(0, MAX_LENGTH)) };
}
