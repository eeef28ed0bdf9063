/**
 * Values of records as text that keeps every octet: TXT data is a row of quoted character-strings of at most 255 octets
 * each (RFC 1035 §3.3.14, §5.1), printable ASCII as itself, the rest as `\DDD`. Two values are the same if they mean
 * the same in DNS: the case of host names does not matter, nor does the way in which TXT is cut into strings. Fails:
 * SyntaxError if a text does not have this form.
 */
import type { RecordType } from './provider.ts';

const PIECE = 255;

/** `base`: the base of the escapes: 10, but 8 for Route 53. */
export function txtValue(pieces: readonly Uint8Array[], base: 8 | 10 = 10): string {
  const piece = (octets: Uint8Array) => {
    let text = '';
    for (const octet of octets) {
      if (octet === 0x22 || octet === 0x5c) text += `\\${String.fromCharCode(octet)}`;
      else if (octet < 0x20 || octet > 0x7e) text += `\\${octet.toString(base).padStart(3, '0')}`;
      else text += String.fromCharCode(octet);
    }
    return `"${text}"`;
  };
  return (pieces.length === 0 ? [new Uint8Array()] : pieces).map(piece).join(' ');
}
/** The TXT value of a text or of octets, cut into strings of the allowed length. */
export function txtOf(data: string | Uint8Array): string {
  const octets = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < octets.length; at += PIECE) pieces.push(octets.subarray(at, at + PIECE));
  return txtValue(pieces);
}
const STRING = /"((?:[^"\\]|\\\d{3}|\\[^\d])*)"(?:\s+|$)/y;

export function txtPieces(value: string, base: 8 | 10 = 10): Buffer[] {
  const pieces: Buffer[] = [];
  const text = value.trim();
  STRING.lastIndex = 0;
  while (STRING.lastIndex < text.length) {
    const match = STRING.exec(text);
    if (match === null) throw new SyntaxError('not a row of quoted character-strings');
    pieces.push(octetsOf(match[1]!, base));
  }
  if (pieces.length === 0) throw new SyntaxError('no character-string');
  return pieces;
}
function octetsOf(text: string, base: 8 | 10): Buffer {
  const parts: Buffer[] = [];
  for (const [token] of text.matchAll(/\\\d{3}|\\[^\d]|[^\\]+/g)) {
    if (!token.startsWith('\\')) parts.push(Buffer.from(token, 'utf8'));
    else if (token.length === 4) {
      const octet = Number.parseInt(token.slice(1), base);
      if (!(octet <= 255)) throw new SyntaxError(`${token} is no octet`);
      parts.push(Buffer.from([octet]));
    } else parts.push(Buffer.from(token.slice(1), 'utf8'));
  }
  return Buffer.concat(parts);
}
/** The data of a TXT value, its strings joined. */
export function txtOctets(value: string): Buffer {
  return Buffer.concat(txtPieces(value));
}
/** The same data as text, for searching; octets that are not UTF-8 become U+FFFD. */
export function txtText(value: string): string {
  return txtOctets(value).toString('utf8');
}

/** A host name as values hold it: without a final dot, the root as `.`. */
export function hostValue(name: string): string {
  return name === '' || name === '.' ? '.' : name.replace(/\.$/, '');
}
export function lowerName(name: string): string {
  return hostValue(name).toLowerCase();
}
/** Two values of the type are the same exactly if their keys are equal. */
export function valueKey(type: RecordType, value: string): string {
  return type === 'TXT' ? txtOctets(value).toString('latin1') : value.toLowerCase();
}
/** Whether the values are the same, in any order. */
export function sameValues(type: RecordType, a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && without(type, a, b).length === 0;
}
/** The values of `a` that are not in `b`. Each value in `b` removes one equal value of `a`. */
export function without(type: RecordType, a: readonly string[], b: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const value of b) left.set(valueKey(type, value), (left.get(valueKey(type, value)) ?? 0) + 1);
  return a.filter((value) => {
    const key = valueKey(type, value);
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    return count === 0;
  });
}
/** The values that a change removes from a set, and those that it adds. */
export interface ValueDifference {
  readonly removed: readonly string[];
  readonly added: readonly string[];
}
export function difference(
  type: RecordType,
  before: readonly string[],
  after: readonly string[],
): ValueDifference {
  return { removed: without(type, before, after), added: without(type, after, before) };
}

export interface MxValue {
  readonly preference: number;
  readonly exchange: string;
}
/** Fails with SyntaxError. */
export function parseMx(value: string): MxValue {
  const match = /^(\d{1,5}) (\S+)$/.exec(value);
  if (match === null) throw new SyntaxError(`${value} is no MX value`);
  return { preference: Number(match[1]), exchange: match[2]! };
}
export interface SrvValue {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}
/** Fails with SyntaxError. */
export function parseSrv(value: string): SrvValue {
  const match = /^(\d{1,5}) (\d{1,5}) (\d{1,5}) (\S+)$/.exec(value);
  if (match === null) throw new SyntaxError(`${value} is no SRV value`);
  const [priority, weight, port] = match.slice(1, 4).map(Number) as [number, number, number];
  return { priority, weight, port, target: match[4]! };
}
/** Whether `name` is `zone` or lies below it. Both are in lower case without a final dot. */
export function liesIn(name: string, zone: string): boolean {
  return name === zone || zone === '.' || name.endsWith(`.${zone}`);
}
/** Of the zones that contain `name`, the one with the longest name. If several zones have that name, all of them. */
export function longestMatch<Z extends { readonly name: string }>(
  zones: readonly Z[],
  name: string,
): readonly Z[] {
  const fit = zones.filter((zone) => liesIn(name, zone.name));
  const longest = fit.reduce((most, zone) => Math.max(most, zone.name.length), 0);
  return fit.filter((zone) => zone.name.length === longest);
}
