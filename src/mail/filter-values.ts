/**
 * Domains, addresses and sites as a filter names them, in the form in which the store has them. One reader for each kind
 * of value: a filter that no stored name can equal would pass for one that found nothing. Pure.
 */
import { type Address, parseAddress } from './address.ts';
import { type Domain, parseDomain } from './domain.ts';

/** A DNS name of any number of labels, such as an MX host that is no mail domain. */
const HOST = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/;

const withoutFinalDot = (text: string): string => (text.endsWith('.') ? text.slice(0, -1) : text);

/** A-label, lower case, without the final dot of a DNS name; null: no domain. */
export function filterDomain(text: string): Domain | null {
  return parseDomain(withoutFinalDot(text));
}
/** As the envelope has it; null: no address. */
export function filterAddress(text: string): Address['wire'] | null {
  return parseAddress(withoutFinalDot(text))?.wire ?? null;
}
/**
 * A destination site; null: no site has this name. A site of several words (hosts, a route) is taken as the lists show
 * it, and so is the place where mail is held (`held:quota`).
 */
export function filterSite(text: string): string | null {
  if (text.includes(' ') || text.startsWith('held:')) return text;
  const host = withoutFinalDot(text).toLowerCase();
  return parseDomain(host) ?? (HOST.test(host) && !host.includes('..') ? host : null);
}
