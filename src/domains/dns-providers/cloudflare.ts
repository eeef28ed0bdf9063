/**
 * Cloudflare (API v4, https://developers.cloudflare.com/api). Each record there is a single object with an id. Records
 * that stay are not touched. All changes go into one batch: Cloudflare's database takes all of it or nothing (its servers
 * around the world follow record by record). If a record was removed in the meantime, the batch fails. A changed record
 * keeps its comment and tags; a restored record gets them back.
 */

import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { textOf } from '../../runtime/settings.ts';
import { connectionError, exchange, oneLine } from './http-errors.ts';
import type { DnsProviderKind } from './kind.ts';
import {
  type ApplyOutcome,
  type DnsProvider,
  DnsProviderError,
  type RecordSet,
  type RecordType,
  type SetChange,
  type SetKey,
  type Zone,
} from './provider.ts';
import { url } from './readers.ts';
import {
  difference,
  hostValue,
  longestMatch,
  lowerName,
  parseMx,
  parseSrv,
  txtOf,
  txtPieces,
  txtValue,
  valueKey,
} from './record-values.ts';

export interface CloudflareSettings {
  readonly api_token: string;
  /** Without a slash at its end. */
  readonly api_url: string;
}
const PAGE = 50;
const MOST_PAGES = 100;
/** Pages of the records of one name: more records than a zone may have of one name. */
const MOST_RECORD_PAGES = 20;
/** Octets of one answer: fifty records of 4 KiB. */
const MOST_OCTETS = 256 * 1024;
const option = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));
/** The fields of a record that are read here. */
const record = Type.Object({
  id: Type.String(),
  name: Type.String(),
  type: Type.String(),
  ttl: Type.Number(),
  content: option(Type.String()),
  priority: option(Type.Number()),
  comment: option(Type.String()),
  tags: option(Type.Array(Type.String())),
  data: option(
    Type.Object({
      priority: option(Type.Number()),
      weight: option(Type.Number()),
      port: option(Type.Number()),
      target: option(Type.String()),
    }),
  ),
  meta: option(Type.Object({ read_only: option(Type.Boolean()) })),
});
type Found = Static<typeof record>;
const text = Type.String({ maxLength: 255 });
const zones = Compile(
  Type.Object({ result: Type.Array(Type.Object({ id: text, name: text }), { maxItems: PAGE }) }),
);
const records = Compile(Type.Object({ result: Type.Array(record, { maxItems: PAGE }) }));
const anything = Compile(Type.Object({ success: Type.Literal(true) }));
const fault = Type.Object({ code: option(Type.Number()), message: option(Type.String()) });
type Fault = Static<typeof fault>;
const failure = Compile(Type.Object({ errors: Type.Array(fault) }));

interface Read {
  readonly set: RecordSet;
  /** One for each value, in the same order. */
  readonly records: readonly Found[];
}
/** "record does not exist", "identical record exists", "record with that host exists". */
const CHANGED = new Set([81044, 81053, 81054, 81057, 81058]);
/** "invalid request headers", "invalid access token", "authentication error". */
const CREDENTIALS = new Set([6003, 6111, 9106, 9109, 10000, 10001]);

/** The schema of an answer. */
interface Shape<T> {
  Check(value: unknown): value is T;
}
/** Cloudflare refused the request. */
class Refused extends Error {
  readonly status: number;
  readonly codes: readonly number[];
  constructor(status: number, errors: readonly Fault[]) {
    super(errors.map((each) => each.message ?? '').join('; '));
    this.status = status;
    this.codes = errors.map(({ code }) => code ?? 0);
  }
}

export function createCloudflareProvider(
  { api_token: apiToken, api_url: apiUrl }: CloudflareSettings,
  { fetch }: { readonly fetch: typeof globalThis.fetch },
): DnsProvider {
  let known: Promise<readonly Zone[]> | null = null;

  async function ask<T>(answer: Shape<T>, path: string, body?: object): Promise<T> {
    const { status, text } = await exchange(
      fetch,
      `${apiUrl}${path}`,
      {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${apiToken}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      MOST_OCTETS,
    );
    const json = parsed(text);
    if (status !== 200) throw new Refused(status, failure.Check(json) ? json.errors : []);
    if (!answer.Check(json))
      throw new DnsProviderError('unreachable', 'Cloudflare gave an answer that is not understood');
    return json;
  }
  /** All entries of a list. */
  async function pages<T>(
    answer: Shape<{ result: T[] }>,
    path: string,
    query: Readonly<Record<string, string>>,
    most: number,
  ): Promise<T[]> {
    const all: T[] = [];
    for (let page = 1; page <= most; page += 1) {
      const asked = new URLSearchParams({ ...query, per_page: String(PAGE), page: String(page) });
      const { result } = await ask(answer, `${path}?${asked}`);
      all.push(...result);
      if (result.length < PAGE) return all;
    }
    throw new DnsProviderError('refused', 'there are too many entries to list');
  }
  const listZones = () =>
    telling(async () =>
      (await pages(zones, '/zones', {}, MOST_PAGES)).map(({ id, name }) => ({ id, name: lowerName(name) })),
    );
  const pathOf = (zone: Zone) => `/zones/${encodeURIComponent(zone.id)}/dns_records`;
  async function readSets(zone: Zone, keys: readonly SetKey[]): Promise<Read[]> {
    const reads: Read[] = [];
    for (const name of new Set(keys.map((key) => key.name))) {
      const all = await telling(() =>
        pages(records, pathOf(zone), { 'name.exact': name, match: 'all' }, MOST_RECORD_PAGES),
      );
      for (const key of keys.filter((each) => each.name === name)) {
        const records = all.filter((record) => record.type === key.type && lowerName(record.name) === name);
        if (records.length > 0) reads.push({ set: setOf(key, records), records });
      }
    }
    return reads;
  }

  return {
    async check() {
      await telling(() => ask(zones, '/zones?per_page=5'));
    },
    async findZone(given) {
      known ??= listZones();
      const [zone = null, other] = longestMatch(await known, lowerName(given));
      if (other !== undefined)
        throw new DnsProviderError('ambiguous-zone', `there are several zones ${other.name}`);
      return zone;
    },
    async read(zone, keys) {
      return (await readSets(zone, keys)).map(({ set }) => set);
    },
    async apply(zone, changes): Promise<ApplyOutcome> {
      const reads = await readSets(zone, changes);
      const batch = { deletes: [] as object[], patches: [] as object[], posts: [] as object[] };
      for (const change of changes) {
        const read = reads.find(({ set }) => set.name === change.name && set.type === change.type);
        const { removed, added } = difference(change.type, change.before, change.after);
        const ids = removed.map((value) => idOf(change.type, value, read));
        if (ids.includes(null)) return { kind: 'changed', detail: `${change.type} ${change.name}` };
        // Replacing one value by one keeps the record, with its comment and tags.
        const inPlace = ids.length === 1 && added.length === 1;
        for (const value of added) {
          const body = toBody(change, value, change.ttl.after ?? 1);
          if (inPlace) batch.patches.push({ id: ids[0], ...body });
          else batch.posts.push({ ...body, ...(change.extras?.[valueKey(change.type, value)] as object) });
        }
        if (!inPlace) batch.deletes.push(...ids.map((id) => ({ id })));
      }
      const used = Object.fromEntries(Object.entries(batch).filter(([, list]) => list.length > 0));
      if (Object.keys(used).length === 0) return { kind: 'applied', revert: null, propagated: true };
      try {
        await ask(anything, `${pathOf(zone)}/batch`, used);
      } catch (error) {
        if (error instanceof Refused && error.codes.some((code) => CHANGED.has(code)))
          return { kind: 'changed', detail: 'a record was changed meanwhile' };
        throw providerError(error);
      }
      return { kind: 'applied', revert: null, propagated: true };
    },
  };
}

function setOf({ name, type }: SetKey, records: readonly Found[]): RecordSet {
  const values = records.map((record) => valueText(type, record));
  const extras: Record<string, unknown> = {};
  records.forEach(({ comment, tags }, i) => {
    if (comment || tags?.length)
      extras[valueKey(type, values[i]!)] = {
        ...(comment ? { comment } : {}),
        ...(tags?.length ? { tags } : {}),
      };
  });
  return {
    name,
    type,
    ttl: records[0]!.ttl,
    values,
    ...(records.some(({ meta }) => meta?.read_only === true)
      ? { fixed: 'Cloudflare manages it for another of its services' }
      : {}),
    ...(Object.keys(extras).length > 0 ? { extras } : {}),
  };
}
function idOf(type: RecordType, value: string, read: Read | undefined): string | null {
  const at = read?.set.values.findIndex((each) => valueKey(type, each) === valueKey(type, value)) ?? -1;
  return at === -1 ? null : read!.records[at]!.id;
}
function valueText(type: RecordType, { content: given, priority, data }: Found): string {
  const content = given ?? '';
  switch (type) {
    case 'MX':
      return `${priority ?? 0} ${hostValue(content)}`;
    case 'SRV':
      return `${data?.priority ?? priority ?? 0} ${data?.weight ?? 0} ${data?.port ?? 0} ${hostValue(data?.target ?? '')}`;
    case 'TXT':
      // Strings are quoted; records that are older than that rule are plain text.
      try {
        return txtValue(txtPieces(content));
      } catch {
        return txtOf(content);
      }
    case 'CNAME':
      return hostValue(content);
    default:
      return content;
  }
}
function toBody({ name, type }: SetChange, value: string, ttl: number): object {
  const base = { name, type, ttl };
  switch (type) {
    case 'MX': {
      const { preference, exchange } = parseMx(value);
      return { ...base, content: exchange, priority: preference };
    }
    case 'SRV':
      return { ...base, data: parseSrv(value) };
    case 'CNAME':
    case 'A':
    case 'AAAA':
      return { ...base, content: value, proxied: false };
    case 'TXT':
      return { ...base, content: value };
  }
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
async function telling<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw providerError(error);
  }
}
function providerError(error: unknown): DnsProviderError {
  if (error instanceof DnsProviderError) return error;
  if (!(error instanceof Refused)) return connectionError(error);
  const { status, codes, message } = error;
  const text = `Cloudflare answered ${status}${message === '' ? '' : `: ${oneLine(message)}`}`;
  if (status === 401 || status === 403 || codes.some((code) => CREDENTIALS.has(code)))
    return new DnsProviderError('credentials', text);
  return new DnsProviderError(status >= 500 || status === 429 ? 'unreachable' : 'refused', text);
}

export const cloudflare: DnsProviderKind = {
  label: { en: 'Cloudflare', ja: 'Cloudflare' },
  about: {
    en: 'An API token that may read the zones and edit their DNS records.',
    ja: 'ゾーンの読み取りと DNS レコードの編集ができる API トークンを使います。',
  },
  fields: {
    api_token: { type: 'text', label: { en: 'API token', ja: 'API トークン' }, secret: true },
    api_url: {
      type: 'text',
      label: { en: 'URL of the API', ja: 'API の URL' },
      otherwise: 'https://api.cloudflare.com/client/v4',
      read: url,
    },
  },
  example: { api_token: 'token' },
  open: (settings, deps) =>
    createCloudflareProvider(
      { api_token: textOf(settings, 'api_token'), api_url: textOf(settings, 'api_url') },
      deps,
    ),
};
