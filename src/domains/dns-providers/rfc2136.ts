/**
 * The customer's own primary server, changed by dynamic update (RFC 2136) with TSIG over TCP, and read by DNS queries.
 * One update carries the prerequisite that each set is still what the change expects, so the server makes all changes or
 * none. Records that stay are not sent.
 */

import { isIP } from 'node:net';
import { isPrivateAddress } from '../../runtime/addresses.ts';
import { PRIVATE_ADDRESS } from '../../runtime/http-client.ts';
import { textOf } from '../../runtime/settings.ts';
import {
  CLASS,
  type Decoded,
  decodeMessage,
  encodeMessage,
  encodeRdata,
  OPCODE,
  type RawRecord,
  setOf,
} from './dns-message.ts';
import { askOverTcp } from './dns-tcp.ts';
import type { DnsProviderKind, OpenDeps } from './kind.ts';
import { type DnsProvider, DnsProviderError, type RecordSet, type SetChange, type Zone } from './provider.ts';
import { base64, host, keyName, port as portOf } from './readers.ts';
import { difference, liesIn, lowerName } from './record-values.ts';
import { ALGORITHMS, signMessage, type TsigKey, verifyAnswer } from './tsig.ts';

export interface Rfc2136Settings {
  /** Name or address. */
  readonly server: string;
  readonly port: number;
  readonly key: TsigKey;
}
export type Rfc2136Deps = Omit<OpenDeps, 'fetch'>;
const EMPTY = Buffer.alloc(0);

export function createRfc2136Provider(
  { server, port, key }: Rfc2136Settings,
  deps: Rfc2136Deps,
): DnsProvider {
  const { network, resolver, clock, random, allowPrivate } = deps;
  let address: Promise<string> | null = null;
  const zones = new Map<string, Promise<Zone | null>>();

  async function resolve(): Promise<string> {
    const found: string[] = [];
    if (isIP(server) !== 0) found.push(server);
    else
      for (const answer of [await resolver.a(server), await resolver.aaaa(server)])
        if (answer.kind === 'found') found.push(...answer.records);
    if (found.length === 0) throw new DnsProviderError('unreachable', `${server} has no address`);
    if (!allowPrivate && found.some(isPrivateAddress))
      throw new DnsProviderError('blocked-address', `${server}: ${PRIVATE_ADDRESS}`);
    return found[0]!;
  }
  async function exchange(build: (id: number) => Buffer): Promise<Decoded> {
    address ??= resolve();
    const id = random.bytes(2).readUInt16BE();
    const signed = signMessage(build(id), key, clock.now());
    const answer = await askOverTcp({ network, clock, address: await address, port }, signed.message);
    try {
      const verdict = verifyAnswer(answer, key, signed.mac, clock.now());
      if (verdict.kind === 'refused')
        throw new DnsProviderError('credentials', `the server does not take the TSIG key: ${verdict.error}`);
      if (verdict.kind === 'good') {
        const decoded = decodeMessage(verdict.message);
        if (decoded.id !== id) throw new DnsProviderError('unreachable', 'the answer is to another question');
        return decoded;
      }
      const { rcode } = decodeMessage(answer);
      throw rcode === 'NOTAUTH' || rcode === 'REFUSED'
        ? new DnsProviderError('credentials', `the server answered ${rcode}, unsigned`)
        : new DnsProviderError('unreachable', `${verdict.why} (${rcode})`);
    } catch (error) {
      if (error instanceof RangeError)
        throw new DnsProviderError('unreachable', `the answer is malformed: ${error.message}`);
      throw error;
    }
  }
  const ask = (name: string, type: 'SOA' | RecordSet['type']) =>
    exchange((id) => encodeMessage(id, OPCODE.QUERY, { name, type }));

  async function lookForZone(name: string): Promise<Zone | null> {
    const { rcode, authoritative, answers, authorities } = await ask(name, 'SOA');
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN' && rcode !== 'REFUSED' && rcode !== 'NOTAUTH')
      throw new DnsProviderError('unreachable', `the server answered ${rcode}`);
    // A server that is not authoritative refers to another server or refuses.
    if (!authoritative) return null;
    const soa = [...answers, ...authorities].find(
      (record) => record.type === 'SOA' && liesIn(name, lowerName(record.name)),
    );
    return soa === undefined ? null : { id: lowerName(soa.name), name: lowerName(soa.name) };
  }

  return {
    async check() {
      await ask('.', 'SOA');
    },
    findZone(given) {
      const name = lowerName(given);
      const known = zones.get(name) ?? lookForZone(name);
      zones.set(name, known);
      return known;
    },
    async read(_zone, keys) {
      const sets: RecordSet[] = [];
      for (const each of keys) {
        const { rcode, authoritative, answers } = await ask(each.name, each.type);
        if ((rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') || !authoritative)
          throw new DnsProviderError('refused', `${each.type} ${each.name}: the server answered ${rcode}`);
        const set = setOf(each, answers);
        if (set !== null) sets.push(set);
      }
      return sets;
    },
    async apply(zone, changes) {
      const { rcode } = await exchange((id) =>
        encodeMessage(
          id,
          OPCODE.UPDATE,
          { name: zone.name, type: 'SOA' },
          changes.flatMap(prerequisites),
          changes.flatMap(updates),
        ),
      );
      switch (rcode) {
        case 'NOERROR':
          return { kind: 'applied', revert: null, propagated: true };
        case 'NXRRSET':
        case 'YXRRSET':
        case 'NXDOMAIN':
        case 'YXDOMAIN':
          return { kind: 'changed', detail: rcode };
        case 'REFUSED':
          throw new DnsProviderError('credentials', 'the key may not update this zone (REFUSED)');
        case 'NOTAUTH':
        case 'NOTZONE':
          throw new DnsProviderError('refused', `the server is not the primary of ${zone.name} (${rcode})`);
        default:
          throw new DnsProviderError('refused', `the server answered ${rcode}`);
      }
    },
  };
}

/** RFC 2136 §2.4.2 "RRset exists (value dependent)", §2.4.3 "RRset does not exist". */
function prerequisites({ name, type, before }: SetChange): RawRecord[] {
  if (before.length === 0) return [{ name, type, class: CLASS.NONE, ttl: 0, rdata: EMPTY }];
  return before.map((value) => ({ name, type, class: CLASS.IN, ttl: 0, rdata: encodeRdata(type, value) }));
}
/** RFC 2136 §2.5: deletes and adds single records; if the TTL changes, the whole set. */
function updates({ name, type, before, after, ttl }: SetChange): RawRecord[] {
  const add = (value: string) => ({
    name,
    type,
    class: CLASS.IN,
    ttl: ttl.after ?? 0,
    rdata: encodeRdata(type, value),
  });
  if (after.length === 0 || (ttl.before !== null && ttl.before !== ttl.after))
    return [{ name, type, class: CLASS.ANY, ttl: 0, rdata: EMPTY }, ...after.map(add)];
  const { removed, added } = difference(type, before, after);
  return [
    ...removed.map((value) => ({ name, type, class: CLASS.NONE, ttl: 0, rdata: encodeRdata(type, value) })),
    ...added.map(add),
  ];
}

export const rfc2136: DnsProviderKind = {
  label: { en: 'DNS server (RFC 2136, TSIG)', ja: 'DNS サーバー（RFC 2136、TSIG）' },
  about: {
    en: 'A name server that accepts dynamic updates signed with TSIG (RFC 2136, RFC 8945).',
    ja: 'TSIG で署名した動的更新（RFC 2136、RFC 8945）を受け付けるネームサーバーを使います。',
  },
  fields: {
    server: { type: 'text', label: { en: 'Server', ja: 'サーバー' }, read: host },
    port: { type: 'text', label: { en: 'Port', ja: 'ポート' }, otherwise: '53', read: portOf },
    key_name: { type: 'text', label: { en: 'Name of the key', ja: '鍵の名前' }, read: keyName },
    algorithm: {
      type: 'choice',
      label: { en: 'Algorithm', ja: 'アルゴリズム' },
      choices: ALGORITHMS.map((value) => ({ value, label: { en: value, ja: value } })),
      otherwise: 'hmac-sha256',
    },
    secret: { type: 'text', label: { en: 'Secret', ja: 'シークレット' }, secret: true, read: base64 },
  },
  example: {
    server: 'ns1.example.com',
    port: '53',
    key_name: 'hikyaku',
    algorithm: 'hmac-sha256',
    secret: 'c2hvd24gaW4gZG9jdW1lbnRz',
  },
  open(settings, deps) {
    const key: TsigKey = {
      name: textOf(settings, 'key_name').replace(/\.$/, ''),
      algorithm: textOf(settings, 'algorithm') as TsigKey['algorithm'],
      secret: Buffer.from(textOf(settings, 'secret'), 'base64'),
    };
    const server = { server: textOf(settings, 'server'), port: Number(textOf(settings, 'port')), key };
    return createRfc2136Provider(server, deps);
  },
};
