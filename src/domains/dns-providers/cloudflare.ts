/**
 * Cloudflare through its own client. Records are single there and have ids: what stays is not touched at all, and what
 * changes goes into one batch, which Cloudflare's database takes whole or not (its servers around the world follow record
 * by record). A record that was removed meanwhile makes the batch fail. Comments and tags go along with a record that is
 * changed, and come back with one that is restored.
 */
import type Cloudflare from 'cloudflare';
import type { RecordBatchParams } from 'cloudflare/resources/dns/records';
import { connectionError, shortened } from './http-errors.ts';
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
import {
  type ApplyOutcome,
  type DnsProvider,
  DnsProviderError,
  type RecordSet,
  type RecordType,
  type SetChange,
  type SetKey,
  type Zone,
} from './types.ts';

export interface CloudflareSettings {
  readonly api_token: string;
  /** Without final slash. */
  readonly api_url: string;
}
/** A record as far as it is read here. */
interface Found {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly content?: string;
  readonly priority?: number;
  readonly comment?: string | null;
  readonly tags?: readonly string[];
  readonly data?: {
    readonly priority?: number;
    readonly weight?: number;
    readonly port?: number;
    readonly target?: string;
  };
  readonly meta?: { readonly read_only?: boolean };
}
interface Read {
  readonly set: RecordSet;
  /** One for each value, in the same order. */
  readonly records: readonly Found[];
}
const PAGE = 50;
const MOST_PAGES = 100;
/** "record does not exist", "identical record exists", "record with that host exists". */
const CHANGED = new Set([81044, 81053, 81054, 81057, 81058]);
/** "invalid request headers", "invalid access token", "authentication error". */
const CREDENTIALS = new Set([6003, 6111, 9106, 9109, 10000, 10001]);

/** The client is loaded when it is first needed: it is large. */
export async function createCloudflareProvider(
  { api_token: apiToken, api_url: baseURL }: CloudflareSettings,
  { fetch }: { readonly fetch: typeof globalThis.fetch },
): Promise<DnsProvider> {
  const { default: Client } = await import('cloudflare');
  // Everything is said here: the client would take what is missing from the process's environment.
  const client: Cloudflare = new Client({
    apiToken,
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL,
    fetch: fetch as never,
    maxRetries: 0,
    logLevel: 'off',
  });
  let zones: Promise<readonly Zone[]> | null = null;

  async function pages<T>(first: PromiseLike<{ iterPages(): AsyncIterable<unknown> }>): Promise<T[]> {
    const all: T[] = [];
    let count = 0;
    for await (const page of (await first).iterPages()) {
      const items = (page as { getPaginatedItems(): T[] }).getPaginatedItems();
      all.push(...items);
      count += 1;
      if (items.length < PAGE) return all;
      if (count === MOST_PAGES) throw new DnsProviderError('refused', 'there are too many entries to list');
    }
    return all;
  }
  const listZones = () =>
    telling(async () =>
      (await pages<{ id: string; name: string }>(client.zones.list({ per_page: PAGE }))).map(
        ({ id, name }) => ({
          id,
          name: lowerName(name),
        }),
      ),
    );
  async function readSets(zone: Zone, keys: readonly SetKey[]): Promise<Read[]> {
    const reads: Read[] = [];
    for (const name of new Set(keys.map((key) => key.name))) {
      const all = await telling(() =>
        pages<Found>(
          client.dns.records.list({ zone_id: zone.id, name: { exact: name }, match: 'all', per_page: PAGE }),
        ),
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
      await telling(() => client.zones.list({ per_page: 5 }));
    },
    async findZone(given) {
      zones ??= listZones();
      const [zone = null, other] = longestMatch(await zones, lowerName(given));
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
        // One for one keeps the record, with its comment and tags.
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
        await client.dns.records.batch({ zone_id: zone.id, ...used } as RecordBatchParams);
      } catch (error) {
        if (codesOf(error).some((code) => CHANGED.has(code)))
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
  records.forEach(({ comment, tags = [] }, i) => {
    if (comment || tags.length > 0)
      extras[valueKey(type, values[i]!)] = {
        ...(comment ? { comment } : {}),
        ...(tags.length > 0 ? { tags } : {}),
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
function valueText(type: RecordType, { content = '', priority, data }: Found): string {
  switch (type) {
    case 'MX':
      return `${priority ?? 0} ${hostValue(content)}`;
    case 'SRV':
      return `${data?.priority ?? priority ?? 0} ${data?.weight ?? 0} ${data?.port ?? 0} ${hostValue(data?.target ?? '')}`;
    case 'TXT':
      // Strings are quoted; records from before that rule are plain text.
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
function codesOf(error: unknown): number[] {
  const { errors } = error as { errors?: readonly { code?: unknown }[] };
  return (Array.isArray(errors) ? errors : []).map(({ code }) => Number(code));
}
async function telling<T>(act: () => PromiseLike<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw providerError(error);
  }
}
function providerError(error: unknown): DnsProviderError {
  if (error instanceof DnsProviderError) return error;
  const { status, errors } = error as { status?: number; errors?: readonly { message?: unknown }[] };
  if (status === undefined) return connectionError(error);
  const said = (Array.isArray(errors) ? errors : [])
    .map(({ message }) => (typeof message === 'string' ? message : ''))
    .join('; ');
  const text = `Cloudflare answered ${status}${said === '' ? '' : `: ${shortened(said)}`}`;
  if (status === 401 || status === 403 || codesOf(error).some((code) => CREDENTIALS.has(code)))
    return new DnsProviderError('credentials', text);
  return new DnsProviderError(status >= 500 || status === 429 ? 'unreachable' : 'refused', text);
}
