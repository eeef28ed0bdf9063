/**
 * The bodies of requests to Gehirn DNS and of its answers. Gehirn documents records, zones and paths. For the rest its
 * documents say only "send the object that you want". These are all our assumptions:
 * - POST versions takes `{base, name}` and copies the records of `base`; the copy can be edited;
 * - POST presets takes `{name, prev_version_id, next_version_id, applied_at}`, and the switch is complete when the preset
 *   says `is_completed` or the zone names the version as its current one;
 * - a list is one whole array; if an error has a body, it is `{message}`;
 * - TXT `data` is the text in one piece, as UTF-8; host names in records end in a dot.
 */

import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { RECORD_TYPES } from '../../contract/values.ts';
import { DnsProviderError, type RecordSet, type RecordType, type SetKey } from './provider.ts';
import { hostValue, lowerName, parseMx, parseSrv, txtOctets, txtOf } from './record-values.ts';

const text = Type.String({ minLength: 1, maxLength: 255 });
const zone = Type.Object({ id: text, name: text, current_version_id: text });
const record = Type.Object({
  name: text,
  type: text,
  enable_alias: Type.Boolean(),
  ttl: Type.Number(),
  records: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
});
export type GehirnRecord = Static<typeof record>;
/** The answers that are understood. */
export const ANSWERS = {
  zone: Compile(zone),
  zones: Compile(Type.Array(zone)),
  version: Compile(Type.Object({ id: text, editable: Type.Optional(Type.Boolean()) })),
  preset: Compile(Type.Object({ id: text, is_completed: Type.Boolean() })),
  record: Compile(record),
  records: Compile(Type.Array(record)),
  /** Nobody reads it. */
  any: Compile(Type.Unknown()),
};
export const MOST_RECORDS = 25;
export const MOST_TXT = 4000;
const fqdn = (name: string) => (name === '.' ? name : `${name}.`);

export function newVersion(base: string, name: string): object {
  return { base, name };
}
export function newPreset(name: string, from: string, to: string, now: number): object {
  return {
    name,
    prev_version_id: from,
    next_version_id: to,
    applied_at: new Date(now).toISOString(),
  };
}
export function recordPath({ name, type }: SetKey): string {
  return `${encodeURIComponent(fqdn(name))}/IN/${type}`;
}
/** Throws DnsProviderError 'refused' if the value cannot be written at Gehirn DNS. */
export function toBody({ name, type }: SetKey, ttl: number, values: readonly string[]): GehirnRecord {
  if (values.length > MOST_RECORDS)
    throw new DnsProviderError('refused', `${type} ${name} would have more than ${MOST_RECORDS} records`);
  return {
    name: fqdn(name),
    type,
    enable_alias: false,
    ttl: Math.min(Math.max(ttl, 30), 2_147_483_647),
    records: values.map((value) => toItem(type, value)),
  };
}
function toItem(type: RecordType, value: string): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'A':
    case 'AAAA':
      return { address: value };
    case 'CNAME':
      return { cname: fqdn(value) };
    case 'MX': {
      const { preference, exchange } = parseMx(value);
      return { prio: preference, exchange: fqdn(exchange) };
    }
    case 'SRV': {
      const { priority, weight, port, target } = parseSrv(value);
      return { prio: priority, weight, target: fqdn(target), port };
    }
    case 'TXT': {
      const octets = txtOctets(value);
      const data = octets.toString('utf8');
      if (!Buffer.from(data, 'utf8').equals(octets))
        throw new DnsProviderError('refused', 'TXT data that is no UTF-8 cannot be written there');
      if (data.length > MOST_TXT)
        throw new DnsProviderError('refused', `TXT data is longer than ${MOST_TXT} characters`);
      return { data };
    }
  }
}
/** null: a type that the service does not use. Throws DnsProviderError 'unreachable' if it cannot read the record. */
export function fromBody(record: GehirnRecord): RecordSet | null {
  const type = RECORD_TYPES.find((known) => known === record.type);
  if (type === undefined) return null;
  const name = lowerName(record.name);
  if (record.enable_alias) return { name, type, ttl: record.ttl, values: ['alias'], fixed: 'it is an alias' };
  try {
    return {
      name,
      type,
      ttl: record.ttl,
      values: (record.records ?? []).map((item) => fromItem(type, item)),
    };
  } catch {
    throw new DnsProviderError('unreachable', `the ${type} records of ${name} are not understood`);
  }
}
function fromItem(type: RecordType, item: Readonly<Record<string, unknown>>): string {
  const text = (field: string): string => {
    const value = item[field];
    if (typeof value !== 'string') throw new TypeError(`${field} is no text`);
    return value;
  };
  const number = (field: string): number => {
    const value = item[field];
    if (!Number.isInteger(value)) throw new TypeError(`${field} is no number`);
    return value as number;
  };
  switch (type) {
    case 'A':
    case 'AAAA':
      return text('address');
    case 'CNAME':
      return hostValue(text('cname'));
    case 'MX':
      return `${number('prio')} ${hostValue(text('exchange'))}`;
    case 'SRV':
      return `${number('prio')} ${number('weight')} ${number('port')} ${hostValue(text('target'))}`;
    case 'TXT':
      return txtOf(text('data'));
  }
}
