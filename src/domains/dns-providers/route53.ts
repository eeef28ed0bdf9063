/**
 * Amazon Route 53 through its own client. One ChangeBatch is one transaction: the set as it was is deleted and the new one
 * created in it, so that it fails whole where the set is not as it was any more. After it, the change is waited for until
 * all of Route 53's servers have it (INSYNC). Sets with an alias or a routing policy are left alone.
 */
import { Readable } from 'node:stream';
import type { Change, ResourceRecordSet, Route53Client } from '@aws-sdk/client-route-53';
import type { Clock } from '../../runtime/clock.ts';
import { connectionError, shortened } from './http-errors.ts';
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
  type ApplyOutcome,
  type DnsProvider,
  DnsProviderError,
  type RecordSet,
  type RecordType,
  type SetChange,
  type SetKey,
  type Zone,
} from './types.ts';

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
const LOOKS = 30;
const BETWEEN_LOOKS_MS = 3000;
const MOST_PAGES = 100;
const CREDENTIALS =
  /^(AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken|MissingAuthenticationToken|IncompleteSignature|NotAuthorized)/;

/** The client is loaded when it is first needed: it is large. */
export async function createRoute53Provider(
  settings: Route53Settings,
  deps: Route53Deps,
): Promise<DnsProvider> {
  const sdk = await import('@aws-sdk/client-route-53');
  const { clock } = deps;
  const client: Route53Client = new sdk.Route53Client({
    region: 'us-east-1',
    credentials: {
      accessKeyId: settings.access_key_id,
      secretAccessKey: settings.secret_access_key,
      ...(settings.session_token === undefined ? {} : { sessionToken: settings.session_token }),
    },
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    maxAttempts: 3,
    requestHandler: handlerOver(deps.fetch) as never,
  });
  let zones: Promise<readonly Zone[]> | null = null;

  async function listZones(): Promise<Zone[]> {
    const all: Zone[] = [];
    let marker: string | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const from = marker;
      const answer = await telling(() => client.send(new sdk.ListHostedZonesCommand({ Marker: from })));
      for (const { Id = '', Name = '', Config } of answer.HostedZones ?? [])
        if (Config?.PrivateZone !== true)
          all.push({ id: Id.replace(/^\/hostedzone\//, ''), name: lowerName(unescapeName(Name)) });
      if (answer.IsTruncated !== true) return all;
      marker = answer.NextMarker;
    }
    throw new DnsProviderError('refused', 'there are too many zones to list');
  }
  /** All sets of one name, as Route 53 writes them. */
  async function rawSets(zone: Zone, name: string): Promise<ResourceRecordSet[]> {
    const found: ResourceRecordSet[] = [];
    let from: { name?: string; type?: ResourceRecordSet['Type']; id?: string } = { name: `${name}.` };
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await telling(() =>
        client.send(
          new sdk.ListResourceRecordSetsCommand({
            HostedZoneId: zone.id,
            StartRecordName: from.name,
            StartRecordType: from.type,
            StartRecordIdentifier: from.id,
          }),
        ),
      );
      for (const set of answer.ResourceRecordSets ?? []) {
        if (lowerName(unescapeName(set.Name ?? '')) !== name) return found;
        found.push(set);
      }
      if (answer.IsTruncated !== true) return found;
      from = { name: answer.NextRecordName, type: answer.NextRecordType, id: answer.NextRecordIdentifier };
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
    for (let look = 0; look < LOOKS; look += 1) {
      const { ChangeInfo } = await telling(() => client.send(new sdk.GetChangeCommand({ Id: id })));
      if (ChangeInfo?.Status === 'INSYNC') return true;
      await new Promise<void>((resolve) => clock.after(BETWEEN_LOOKS_MS, resolve));
    }
    return false;
  }

  return {
    async check() {
      await telling(() => client.send(new sdk.ListHostedZonesCommand({ MaxItems: 1 })));
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
        // Deleting asks for exactly what is there, in Route 53's own writing.
        if (raw !== undefined) batch.push({ Action: 'DELETE', ResourceRecordSet: raw });
        if (change.after.length > 0)
          batch.push({ Action: 'CREATE', ResourceRecordSet: toSet(change, set, raw) });
      }
      // A CNAME may only be created once what stood beside it is gone.
      batch.sort((a, b) => Number(a.Action === 'CREATE') - Number(b.Action === 'CREATE'));
      let id = '';
      try {
        const answer = await client.send(
          new sdk.ChangeResourceRecordSetsCommand({
            HostedZoneId: zone.id,
            ChangeBatch: { Comment: 'hikyaku', Changes: batch },
          }),
        );
        id = answer.ChangeInfo?.Id ?? '';
      } catch (error) {
        if ((error as Error).name === 'InvalidChangeBatch') {
          const said = messagesOf(error);
          return /but it (already exists|was not found)|but the values provided do not match/.test(said)
            ? { kind: 'changed', detail: shortened(said) }
            : fail(new DnsProviderError('refused', `Route 53 refused the changes: ${shortened(said)}`));
        }
        throw providerError(error);
      }
      return { kind: 'applied', revert: null, propagated: await waitFor(id) };
    },
    close: () => client.destroy(),
  };
}
function fail(error: Error): never {
  throw error;
}

/** The client's way to the network: guarded, with deadlines, redirects not followed. */
function handlerOver(fetch: typeof globalThis.fetch) {
  interface Outgoing {
    readonly method: string;
    readonly protocol: string;
    readonly hostname: string;
    readonly port?: number;
    readonly path: string;
    readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array;
  }
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: Outgoing) {
      const url = new URL(`${request.protocol}//${request.hostname}${request.path}`);
      if (request.port !== undefined) url.port = String(request.port);
      for (const [name, value] of Object.entries(request.query ?? {}))
        for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, one ?? '');
      const { host: _host, 'content-length': _length, ...headers } = request.headers;
      const response = await fetch(url, {
        method: request.method,
        headers,
        ...(request.body === undefined ? {} : { body: request.body as string }),
      });
      return {
        response: {
          statusCode: response.status,
          headers: Object.fromEntries(response.headers),
          body: Readable.from([Buffer.from(await response.arrayBuffer())]),
        },
      };
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy() {},
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
  const texts = (first.ResourceRecords ?? []).map(({ Value = '' }) => Value);
  try {
    const values = texts.map((text) => fromText(type, text));
    return {
      name,
      type,
      ttl: first.TTL ?? 0,
      values: values.length > 0 ? values : ['alias'],
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
/** Values that stay are sent back in the writing in which they were read. */
function toSet(
  { name, type, after, ttl }: SetChange,
  set: RecordSet | undefined,
  raw: ResourceRecordSet | undefined,
): ResourceRecordSet {
  const written = new Map(
    (set?.values ?? []).map((value, i) => [valueKey(type, value), raw?.ResourceRecords?.[i]?.Value]),
  );
  return {
    Name: `${name}.`,
    Type: type,
    TTL: ttl.after ?? 3600,
    ResourceRecords: after.map((value) => ({
      Value: written.get(valueKey(type, value)) ?? toText(type, value),
    })),
  };
}
/** Names come with `\ooo` for what is no letter, digit, hyphen or underscore. */
function unescapeName(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
function messagesOf(error: unknown): string {
  const { message = '', messages = [] } = error as { message?: string; messages?: readonly string[] };
  return messages.length > 0 ? messages.join(' ') : message;
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
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return connectionError(error);
  if (CREDENTIALS.test(name)) return new DnsProviderError('credentials', `Route 53 answered ${name}`);
  const text = `Route 53 answered ${name}: ${shortened(messagesOf(error))}`;
  return new DnsProviderError(status >= 500 || /Thrott/.test(name) ? 'unreachable' : 'refused', text);
}
