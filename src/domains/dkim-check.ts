/** Checks that the keys of a domain are published correctly. Never throws. dns-check.ts explains the statuses. */
import type { Domain } from '../mail/domain.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { absent, ask, type Checked, item, record, worst } from './check-results.ts';
import { dkimName, type KeyRecord, keyRecord, waitingNames } from './delegation.ts';
import { finding } from './findings.ts';
import type { DkimKey, DnsCheckItem, Finding } from './mta-domains.ts';
import type { Sighting } from './rotation.ts';

/** The item is 'ok' if every active key is published, and 'missing' if the domain has no active key. */
export async function checkDkim(
  resolver: Resolver,
  domain: Domain,
  keys: readonly DkimKey[],
  zone: string | null,
): Promise<Checked> {
  const published = keys.filter(({ state }) => state !== 'retired');
  const waiting = waitingNames(keys, domain, zone);
  const [items, names] = await Promise.all([
    Promise.all(published.map((key) => checkKey(resolver, domain, key, zone))),
    Promise.all(waiting.map((name) => checkAlias(resolver, name))),
  ]);
  const active = items.filter((_, i) => published[i]!.state === 'active');
  const one = worst(active);
  return {
    item: item(
      one?.status ?? 'missing',
      active.flatMap(({ expected }) => expected),
      active.flatMap(({ found }) => found),
      one === null ? finding('dkim.none') : (one.finding ?? null),
    ),
    records: [
      ...published.map((key, i) => {
        const { type, name, value } = keyRecord(key, domain, zone);
        return record({ purpose: 'dkim', type, name, value: type === 'TXT' ? null : value }, items[i]!);
      }),
      ...waiting.map(({ type, name, value }, i) => record({ purpose: 'dkim', type, name, value }, names[i]!)),
    ],
  };
}

/** A delegated key is correct if the key is found under its name, wherever the name points. */
async function checkKey(
  resolver: Resolver,
  domain: Domain,
  key: DkimKey,
  zone: string | null,
): Promise<DnsCheckItem> {
  const name = dkimName(key, domain);
  const expected = [`${name} ${key.publicRecord}`];
  const answer = await ask(() => resolver.txt(name));
  const found = answer.kind === 'found' ? answer.records.map((text) => `${name} ${text}`) : [];
  const wrong = answer.kind === 'found' ? problemOf(answer.records, key.publicRecord, name) : null;
  if (answer.kind === 'found' && wrong === null) return item('ok', expected, found);
  const record = keyRecord(key, domain, zone);
  if (record.type === 'CNAME' && answer.kind !== 'failed') {
    const alias = await checkAlias(resolver, record);
    // The CNAME record is correct, but our zone does not have the key. The operator must repair this, not the customer.
    if (alias.status === 'ok')
      return item('missing', expected, found, finding('dkim.zone_silent', { name, zone: zone! }));
    if (alias.status !== 'missing' || answer.kind !== 'found')
      return { ...alias, expected: [...expected, ...alias.expected] };
  }
  if (answer.kind !== 'found') return absent(answer, expected, finding('dkim.missing', { name }));
  return item('wrong', expected, found, wrong);
}
async function checkAlias(
  resolver: Resolver,
  { name, value }: Pick<KeyRecord, 'name' | 'value'>,
): Promise<DnsCheckItem> {
  const expected = [`${name} ${value}`];
  const args = { name, expected: value };
  const answer = await ask(() => resolver.cname(name));
  if (answer.kind !== 'found') return absent(answer, expected, finding('dkim.alias_missing', args));
  if (answer.records.some((target) => target.toLowerCase() === value)) return item('ok', expected, []);
  const found = answer.records.map((target) => `${name} ${target}`);
  return item('wrong', expected, found, finding('dkim.alias_wrong', args));
}
function problemOf(records: readonly string[], wanted: string, name: string): Finding | null {
  const stripped = records.map(bare);
  const ours = bare(wanted);
  const pieces = stripped.reduce((sum, { length }) => sum + length, 0);
  // The value was entered with the quotation marks of a zone file, or each string as a separate record.
  const torn =
    (records.length > 1 && pieces >= ours.length && stripped.every((piece) => ours.includes(piece))) ||
    (records.length === 1 && /["\\]/.test(records[0]!) && stripped[0] === ours);
  if (torn) return finding('dkim.split', { name });
  // RFC 6376 §3.6.2.2: several records give undefined results.
  if (records.length > 1) return finding('dkim.several', { name, count: String(records.length) });
  if (publishes(records[0]!, wanted)) return null;
  return finding(tags(records[0]!).get('p') === '' ? 'dkim.revoked' : 'dkim.wrong_key', { name });
}
function bare(text: string): string {
  return text.replace(/["\\\s]/g, '');
}

/** The combined answer of all `resolvers` about the key's record. */
export async function sightKey(
  resolvers: readonly Resolver[],
  domain: Domain,
  key: Pick<DkimKey, 'selector' | 'publicRecord'>,
): Promise<Sighting> {
  const answers = await Promise.all(
    resolvers.map((resolver) => ask(() => resolver.txt(dkimName(key, domain)))),
  );
  const shows = (answer: (typeof answers)[number]) =>
    answer.kind === 'found' && answer.records.length === 1 && publishes(answer.records[0]!, key.publicRecord);
  if (answers.some((answer) => answer.kind !== 'failed' && !shows(answer))) return { kind: 'absent' };
  if (answers.length === 0 || answers.some(({ kind }) => kind === 'failed')) return { kind: 'unclear' };
  return {
    kind: 'seen',
    ttl: Math.max(...answers.map((answer) => (answer.kind === 'found' ? answer.ttl : 0))),
  };
}

/**
 * Key data and type are the same; spaces, order and other tags do not matter. A testing or revoked key does not
 * match.
 */
export function publishes(text: string, wanted: string): boolean {
  const found = tags(text);
  const ours = tags(wanted);
  return (
    found.get('p') === ours.get('p') &&
    (found.get('k') ?? 'rsa') === ours.get('k') &&
    (found.get('v') ?? 'DKIM1') === 'DKIM1'
  );
}
function tags(text: string): Map<string, string> {
  return new Map(
    text.split(';').map((tag) => {
      const equals = tag.indexOf('=');
      return [tag.slice(0, equals).trim(), tag.slice(equals + 1).replace(/\s+/g, '')];
    }),
  );
}
