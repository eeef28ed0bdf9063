/** Whether the keys of a domain stand in DNS as they should. Never throws; see dns-check.ts for what the words mean. */
import type { Domain } from '../mail/domain.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { absent, ask, type Checked, item, record, worst } from './check-results.ts';
import { dkimName } from './dns-records.ts';
import { finding } from './findings.ts';
import type { Sighting } from './rotation.ts';
import type { DkimKey, DnsCheckItem, Finding } from './types.ts';

/** The item is ok when every active key is published; without one there is nothing to find: 'missing'. */
export async function checkDkim(
  resolver: Resolver,
  domain: Domain,
  keys: readonly DkimKey[],
): Promise<Checked> {
  const published = keys.filter(({ state }) => state !== 'retired');
  const items = await Promise.all(published.map((key) => checkKey(resolver, domain, key)));
  const active = items.filter((_, i) => published[i]!.state === 'active');
  const one = worst(active);
  return {
    item: item(
      one?.status ?? 'missing',
      active.flatMap(({ expected }) => expected),
      active.flatMap(({ found }) => found),
      one === null ? finding('dkim.none') : (one.finding ?? null),
    ),
    records: published.map((key, i) =>
      record({ purpose: 'dkim', type: 'TXT', name: dkimName(key, domain), value: null }, items[i]!),
    ),
  };
}

async function checkKey(resolver: Resolver, domain: Domain, key: DkimKey): Promise<DnsCheckItem> {
  const name = dkimName(key, domain);
  const expected = [`${name} ${key.publicRecord}`];
  const answer = await ask(() => resolver.txt(name));
  if (answer.kind !== 'found') return absent(answer, expected, finding('dkim.missing', { name }));
  const found = answer.records.map((text) => `${name} ${text}`);
  const wrong = problemOf(answer.records, key.publicRecord, name);
  return item(wrong === null ? 'ok' : 'wrong', expected, found, wrong);
}
function problemOf(records: readonly string[], wanted: string, name: string): Finding | null {
  const stripped = records.map(bare);
  const ours = bare(wanted);
  const pieces = stripped.reduce((sum, { length }) => sum + length, 0);
  // Pasted with the quotation marks of a zone file, or each of its strings as a record of its own.
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

/** What all `resolvers` say of the key's record together. */
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

/** Same key data and type; spaces, order and further tags do not matter. A testing or revoked key is not ours. */
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
