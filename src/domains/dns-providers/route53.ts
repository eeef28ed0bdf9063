/**
 * Amazon Route 53 (API of 2013-04-01). One ChangeBatch is one transaction: it deletes the set exactly as it was read and
 * creates the new one. So if the set has changed since, the whole batch fails. Then we wait until all of Route 53's
 * servers have the change (INSYNC). Sets with an alias or a routing policy are left alone.
 */

import type { Clock } from '../../runtime/clock.ts';
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
  hostValue,
  longestMatch,
  lowerName,
  parseMx,
  parseSrv,
  sameValues,
  txtPieces,
  txtValue,
  valueKey,
} from './record-values.ts';
import {
  type Answer,
  type AnswerName,
  type Change,
  changeBatch,
  MOST_OCTETS,
  type Refusal,
  type ResourceRecordSet,
  readAnswer,
  readRefusal,
} from './route53-bodies.ts';
import { signRequest } from './sigv4.ts';

export interface Route53Settings {
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token?: string;
  readonly endpoint?: string;
}
export interface Route53Deps {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}
const ENDPOINT = 'https://route53.amazonaws.com';
/** Route 53 has one endpoint for all regions. */
const SCOPE = { region: 'us-east-1', service: 'route53' };
const TRIES = 3;
const BETWEEN_TRIES_MS = 500;
const LOOKS = 30;
const BETWEEN_LOOKS_MS = 3000;
const MOST_PAGES = 100;
/** Pages of the sets of one name. */
const MOST_SET_PAGES = 20;
/** Entries of one answer, so that an answer stays small. */
const ZONES = '100';
const SETS = '25';
const CREDENTIALS =
  /^(AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken|MissingAuthenticationToken|IncompleteSignature|NotAuthorized)/;

/** Route 53 refused the request. */
class Refused extends Error {
  readonly status: number;
  readonly refusal: Refusal;
  constructor(status: number, refusal: Refusal) {
    super(refusal.message);
    this.status = status;
    this.refusal = refusal;
  }
  get isThrottled(): boolean {
    return /Thrott/.test(this.refusal.code) || this.status === 429;
  }
}

export function createRoute53Provider(
  {
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    session_token,
    endpoint,
  }: Route53Settings,
  { fetch, clock }: Route53Deps,
): DnsProvider {
  const base = `${endpoint ?? ENDPOINT}/2013-04-01`;
  const credentials = {
    accessKeyId,
    secretAccessKey,
    ...(session_token === undefined ? {} : { sessionToken: session_token }),
  };
  let zones: Promise<readonly Zone[]> | null = null;

  interface Asking {
    readonly method?: 'GET' | 'POST';
    readonly query?: Readonly<Record<string, string | undefined>>;
    readonly body?: string;
  }
  async function askOnce<N extends AnswerName>(
    name: N,
    path: string,
    { method = 'GET', query = {}, body = '' }: Asking,
  ): Promise<Answer<N>> {
    const url = new URL(`${base}${path}`);
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(key, value);
    const headers: Record<string, string> = body === '' ? {} : { 'content-type': 'application/xml' };
    const signed = signRequest({ method, url, headers, body, at: clock.now() }, credentials, SCOPE);
    const init = { method, headers: signed, ...(body === '' ? {} : { body }) };
    const { status, text } = await exchange(fetch, url, init, MOST_OCTETS);
    if (status === 200) return readAnswer(name, text);
    throw new Refused(status, readRefusal(text) ?? { code: String(status), message: '' });
  }
  /** Repeats a request after an error of the server if it changes nothing, and any request that was throttled. */
  async function ask<N extends AnswerName>(name: N, path: string, asking: Asking = {}): Promise<Answer<N>> {
    for (let tries = 1; ; tries += 1)
      try {
        return await askOnce(name, path, asking);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const isAgain = error.isThrottled || (error.status >= 500 && asking.method !== 'POST');
        if (!isAgain || tries === TRIES) throw error;
        await pause(BETWEEN_TRIES_MS * 2 ** (tries - 1));
      }
  }
  const pause = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));

  async function listZones(): Promise<Zone[]> {
    const all: Zone[] = [];
    let marker: string | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const query = { marker, maxitems: ZONES };
      const answer = await telling(() => ask('ListHostedZonesResponse', '/hostedzone', { query }));
      for (const { Id, Name, Config } of answer.HostedZones === '' ? [] : answer.HostedZones.HostedZone)
        if (Config?.PrivateZone !== 'true')
          all.push({ id: Id.replace(/^\/hostedzone\//, ''), name: lowerName(unescapeName(Name)) });
      if (answer.IsTruncated === 'false') return all;
      marker = answer.NextMarker;
    }
    throw new DnsProviderError('refused', 'there are too many zones to list');
  }
  const pathOf = (zone: Zone) => `/hostedzone/${encodeURIComponent(zone.id)}/rrset`;
  /** All sets of one name, as Route 53 writes them. */
  async function rawSets(zone: Zone, name: string): Promise<ResourceRecordSet[]> {
    const found: ResourceRecordSet[] = [];
    let query: NonNullable<Asking['query']> = { name: `${name}.`, maxitems: SETS };
    for (let page = 0; page < MOST_SET_PAGES; page += 1) {
      const from = query;
      const answer = await telling(() =>
        ask('ListResourceRecordSetsResponse', pathOf(zone), { query: from }),
      );
      const sets = answer.ResourceRecordSets;
      for (const set of sets === '' ? [] : sets.ResourceRecordSet) {
        if (lowerName(unescapeName(set.Name)) !== name) return found;
        found.push(set);
      }
      if (answer.IsTruncated === 'false') return found;
      const { NextRecordName, NextRecordType, NextRecordIdentifier } = answer;
      query = {
        name: NextRecordName,
        type: NextRecordType,
        identifier: NextRecordIdentifier,
        maxitems: SETS,
      };
    }
    throw new DnsProviderError('refused', `there are too many sets at ${name}`);
  }
  async function readRaw(zone: Zone, keys: readonly SetKey[]): Promise<[RecordSet, ResourceRecordSet][]> {
    const sets: [RecordSet, ResourceRecordSet][] = [];
    for (const name of new Set(keys.map((key) => key.name))) {
      const raw = await rawSets(zone, name);
      for (const { type } of keys.filter((key) => key.name === name)) {
        const same = raw.filter((set) => set.Type === type);
        if (same.length > 0) sets.push([setOf({ name, type }, same), same[0]!]);
      }
    }
    return sets;
  }
  async function waitFor(id: string): Promise<boolean> {
    const path = `/change/${encodeURIComponent(id.replace(/^\/change\//, ''))}`;
    for (let look = 0; look < LOOKS; look += 1) {
      const { ChangeInfo } = await telling(() => ask('GetChangeResponse', path));
      if (ChangeInfo.Status === 'INSYNC') return true;
      await pause(BETWEEN_LOOKS_MS);
    }
    return false;
  }

  return {
    async check() {
      await telling(() => ask('ListHostedZonesResponse', '/hostedzone', { query: { maxitems: '1' } }));
    },
    async findZone(given) {
      zones ??= listZones();
      const [zone = null, other] = longestMatch(await zones, lowerName(given));
      if (other !== undefined)
        throw new DnsProviderError('ambiguous-zone', `there are several public zones ${other.name}`);
      return zone;
    },
    async read(zone, keys) {
      return (await readRaw(zone, keys)).map(([set]) => set);
    },
    async apply(zone, changes): Promise<ApplyOutcome> {
      const current = await readRaw(zone, changes);
      const batch: Change[] = [];
      for (const change of changes) {
        const [set, raw] =
          current.find(([each]) => each.name === change.name && each.type === change.type) ?? [];
        if (set?.fixed !== undefined || !sameValues(change.type, set?.values ?? [], change.before))
          return { kind: 'changed', detail: `${change.type} ${change.name}` };
        // DELETE must name exactly what is there, in Route 53's own notation.
        if (raw !== undefined) batch.push({ action: 'DELETE', set: asRead(raw) });
        if (change.after.length > 0) batch.push({ action: 'CREATE', set: toSet(change, set, raw) });
      }
      // A CNAME can be created only after the other sets of its name are deleted.
      batch.sort((a, b) => Number(a.action === 'CREATE') - Number(b.action === 'CREATE'));
      let id: string;
      try {
        const body = changeBatch(batch);
        const answer = await ask('ChangeResourceRecordSetsResponse', `${pathOf(zone)}/`, {
          method: 'POST',
          body,
        });
        id = answer.ChangeInfo.Id;
      } catch (error) {
        if (!(error instanceof Refused) || error.refusal.code !== 'InvalidChangeBatch')
          throw providerError(error);
        const said = oneLine(error.message);
        if (/but it (already exists|was not found)|but the values provided do not match/.test(error.message))
          return { kind: 'changed', detail: said };
        throw new DnsProviderError('refused', `Route 53 refused the changes: ${said}`);
      }
      return { kind: 'applied', revert: null, propagated: await waitFor(id) };
    },
  };
}

function setOf({ name, type }: SetKey, raw: readonly ResourceRecordSet[]): RecordSet {
  const [first] = raw as [ResourceRecordSet];
  const fixed =
    first.AliasTarget !== undefined
      ? 'it is an alias'
      : raw.length > 1 || first.SetIdentifier !== undefined
        ? 'it has a routing policy'
        : null;
  const texts = valuesOf(first);
  try {
    const values = texts.map((text) => fromText(type, text));
    return {
      name,
      type,
      ttl: Number(first.TTL ?? 0),
      values: values.length > 0 ? values : [type === 'TXT' ? '"alias"' : 'alias'],
      ...(fixed === null ? {} : { fixed }),
    };
  } catch {
    throw new DnsProviderError('unreachable', `the ${type} records of ${name} are not understood`);
  }
}
function fromText(type: RecordType, text: string): string {
  switch (type) {
    case 'TXT':
      return txtValue(txtPieces(text, 8));
    case 'MX':
    case 'SRV': {
      const parts = text.trim().split(/\s+/);
      return [...parts.slice(0, -1).map(Number), hostValue(parts.at(-1)!)].join(' ');
    }
    case 'CNAME':
      return hostValue(text);
    default:
      return text;
  }
}
function toText(type: RecordType, value: string): string {
  const fqdn = (name: string) => (name === '.' ? name : `${name}.`);
  switch (type) {
    case 'TXT':
      return txtValue(txtPieces(value), 8);
    case 'MX': {
      const { preference, exchange } = parseMx(value);
      return `${preference} ${fqdn(exchange)}`;
    }
    case 'SRV': {
      const { priority, weight, port, target } = parseSrv(value);
      return `${priority} ${weight} ${port} ${fqdn(target)}`;
    }
    case 'CNAME':
      return fqdn(value);
    default:
      return value;
  }
}
/** Values that stay are sent back in the notation in which they were read. */
function toSet(
  { name, type, after, ttl }: SetChange,
  set: RecordSet | undefined,
  raw: ResourceRecordSet | undefined,
): Change['set'] {
  const found = raw === undefined ? [] : valuesOf(raw);
  const written = new Map((set?.values ?? []).map((value, i) => [valueKey(type, value), found[i]]));
  return {
    name: `${name}.`,
    type,
    ttl: String(ttl.after ?? 3600),
    values: after.map((value) => written.get(valueKey(type, value)) ?? toText(type, value)),
  };
}
function asRead(raw: ResourceRecordSet): Change['set'] {
  return { name: raw.Name, type: raw.Type, ttl: raw.TTL ?? '0', values: valuesOf(raw) };
}
function valuesOf({ ResourceRecords: records = '' }: ResourceRecordSet): readonly string[] {
  return records === '' ? [] : records.ResourceRecord.map(({ Value }) => Value);
}
/** Route 53 writes `\ooo` in names for every character that is not a letter, digit, hyphen or underscore. */
function unescapeName(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
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
  const { code, message } = error.refusal;
  if (CREDENTIALS.test(code))
    return new DnsProviderError('credentials', `Route 53 answered ${oneLine(code)}`);
  const text = `Route 53 answered ${oneLine(code)}: ${oneLine(message)}`;
  return new DnsProviderError(error.status >= 500 || error.isThrottled ? 'unreachable' : 'refused', text);
}

export const route53: DnsProviderKind = {
  label: { en: 'Amazon Route 53', ja: 'Amazon Route 53' },
  about: {
    en: 'An access key of an IAM user that may list hosted zones, and read and change their records.',
    ja: 'ホストゾーンの一覧、レコードの読み取りと変更ができる IAM ユーザーのアクセスキーを使います。',
  },
  fields: {
    access_key_id: { type: 'text', label: { en: 'Access key ID', ja: 'アクセスキー ID' } },
    secret_access_key: {
      type: 'text',
      label: { en: 'Secret access key', ja: 'シークレットアクセスキー' },
      secret: true,
    },
    session_token: {
      type: 'text',
      label: { en: 'Session token', ja: 'セッショントークン' },
      secret: true,
      otherwise: null,
    },
    endpoint: { type: 'text', label: { en: 'Endpoint', ja: 'エンドポイント' }, otherwise: null, read: url },
  },
  example: { access_key_id: 'id', secret_access_key: 'secret' },
  open: (settings, deps) =>
    createRoute53Provider(
      {
        access_key_id: textOf(settings, 'access_key_id'),
        secret_access_key: textOf(settings, 'secret_access_key'),
        ...(settings['session_token'] === undefined
          ? {}
          : { session_token: textOf(settings, 'session_token') }),
        ...(settings['endpoint'] === undefined ? {} : { endpoint: textOf(settings, 'endpoint') }),
      },
      deps,
    ),
};
