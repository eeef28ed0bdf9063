/**
 * Whether an SPF record lets mail from an address pass, as far as the record does not depend on the message (RFC 7208 §5).
 * For the operator's own record, which is short. At most 20 questions. Never throws.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Resolver } from '../runtime/resolver.ts';
import { isSpf } from './spf-lookups.ts';

/** unknown: DNS gave no clear answer, or the record depends on the message. */
export type Coverage = 'pass' | 'no' | 'broken' | 'unknown';
const MOST_QUESTIONS = 20;

export async function spfCovers(resolver: Resolver, name: string, address: string): Promise<Coverage> {
  let left = MOST_QUESTIONS;
  const ask = <T>(question: () => Promise<T>): Promise<T> | null => {
    left -= 1;
    return left < 0 ? null : question();
  };
  const family = isIP(address);

  async function hostHas(host: string, prefix: number | null): Promise<Coverage> {
    const answer = await ask(() => (family === 4 ? resolver.a(host) : resolver.aaaa(host)));
    if (answer === null || answer.kind === 'failed') return 'unknown';
    const found = answer.kind === 'found' ? answer.records : [];
    return found.some((one) => isWithin(address, one, prefix)) ? 'pass' : 'no';
  }
  async function mxHas(domain: string, prefix: number | null): Promise<Coverage> {
    const answer = await ask(() => resolver.mx(domain));
    if (answer === null || answer.kind === 'failed') return 'unknown';
    let result: Coverage = 'no';
    for (const { exchange } of answer.kind === 'found' ? answer.records : []) {
      const one = await hostHas(exchange, prefix);
      if (one === 'pass') return one;
      if (one === 'unknown') result = one;
    }
    return result;
  }
  async function matches(mechanism: string, value: string | undefined, of: string): Promise<Coverage> {
    const [, host = '', v4, v6] = /^([^/]*)(?:\/(\d+))?(?:\/\/(\d+))?$/.exec(value ?? '') ?? [];
    const bits = family === 4 ? v4 : v6;
    const prefix = bits === undefined ? null : Number(bits);
    const target = host === '' ? of : host.replace(/\.$/, '');
    if (target.includes('%')) return 'unknown';
    switch (mechanism) {
      case 'all':
        return 'pass';
      case 'ip4':
      case 'ip6':
        return value !== undefined && isWithin(address, value.split('/')[0]!, prefixOf(value))
          ? 'pass'
          : 'no';
      case 'a':
        return hostHas(target, prefix);
      case 'mx':
        return mxHas(target, prefix);
      case 'include': {
        const inner = await evaluate(target);
        return inner === 'broken' && left >= 0 ? 'broken' : inner;
      }
      default:
        return 'unknown';
    }
  }
  async function evaluate(of: string): Promise<Coverage> {
    const answer = await ask(() => resolver.txt(of));
    if (answer === null || answer.kind === 'failed') return 'unknown';
    const [record, ...others] = answer.kind === 'found' ? answer.records.filter(isSpf) : [];
    if (record === undefined || others.length > 0) return 'broken';
    let unknown = false;
    let next: string | null = null;
    for (const term of record.trim().split(/ +/).slice(1)) {
      const redirect = /^redirect=(.+)$/i.exec(term);
      if (redirect !== null) next = redirect[1]!.replace(/\.$/, '');
      // Other modifiers say nothing about addresses (RFC 7208 §6).
      if (/^[a-z][a-z0-9_.-]*=/i.test(term)) continue;
      const [, qualifier = '', mechanism = '', value] =
        /^([+?~-]?)([a-z0-9]+)(?:[:](.*)|(?=\/))?/i.exec(term) ?? [];
      const slash = value ?? /^[+?~-]?[a-z0-9]+(\/.*)$/i.exec(term)?.[1];
      const result = await matches(mechanism.toLowerCase(), slash, of);
      if (result === 'broken') return 'broken';
      if (result === 'unknown') unknown = true;
      if (result === 'pass') return unknown ? 'unknown' : /^[?~-]/.test(qualifier) ? 'no' : 'pass';
    }
    if (next !== null && !unknown) return evaluate(next);
    return unknown ? 'unknown' : 'no';
  }
  try {
    return await evaluate(name);
  } catch {
    return 'unknown';
  }
}

function prefixOf(value: string): number | null {
  const bits = value.split('/')[1];
  return bits === undefined ? null : Number(bits);
}
/** `prefix`: null means all bits. */
function isWithin(address: string, network: string, prefix: number | null): boolean {
  if (isIP(address) === 0 || isIP(network) !== isIP(address)) return false;
  const net = ipaddr.parse(network);
  const most = net.kind() === 'ipv4' ? 32 : 128;
  const bits = prefix ?? most;
  return Number.isInteger(bits) && bits >= 0 && bits <= most && ipaddr.parse(address).match(net, bits);
}
