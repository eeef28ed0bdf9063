/**
 * Amazon Route 53's REST API as far as record sets go: hosted zones and sets in small pages, change batches that are taken
 * whole or not, changes that are PENDING before they are INSYNC. Signature Version 4 is verified, values are judged as the
 * real service judges them.
 */
import { createHash, createHmac } from 'node:crypto';
import { type FakeAnswer, type FakeRequest, startFakeHttp } from './fake-http.ts';

export interface FakeSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly values: readonly string[];
  readonly setIdentifier?: string;
  readonly alias?: string;
}
export interface FakeRoute53 extends AsyncDisposable {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly seen: readonly string[];
  sets(zone: string): readonly FakeSet[];
  put(zone: string, set: FakeSet): void;
  remove(zone: string, name: string, type: string): void;
  /** An error code for requests that should fail, null for the others. */
  failing(judge: (method: string, path: string) => string | null): void;
}
export interface FakeHostedZone {
  readonly name: string;
  readonly private?: boolean;
}
const NS = 'https://route53.amazonaws.com/doc/2013-04-01/';
const BASE = '/2013-04-01';
const PAGE = 2;
class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
const escapeXml = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const unescapeXml = (text: string) =>
  text
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, x: string, n: string) =>
      String.fromCodePoint(Number.parseInt(n, x ? 16 : 10)),
    )
    .replace(
      /&(lt|gt|quot|apos|amp);/g,
      (_, name: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[name]!,
    );
const inner = (xml: string, tag: string): string | null =>
  new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(xml)?.[1] ?? null;
const text = (xml: string, tag: string): string => unescapeXml(inner(xml, tag) ?? '');
const all = (xml: string, tag: string): string[] =>
  [...xml.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))].map((match) => match[1]!);
/** Sets are listed by name with its labels turned round. */
const order = (set: FakeSet) =>
  `${set.name.split('.').reverse().join('.')} ${set.type} ${set.setIdentifier ?? ''}`;

export async function startFakeRoute53(zones: readonly FakeHostedZone[]): Promise<FakeRoute53> {
  const accessKeyId = 'AKIDFAKE';
  const secretAccessKey = 'fake/secret+key';
  const hosted = zones.map((zone, i) => ({ ...zone, id: `Z${i}FAKE`, sets: [] as FakeSet[] }));
  const pending = new Map<string, number>();
  const control = { serial: 0, judge: (_method: string, _path: string): string | null => null };
  const named = (name: string) => hosted.find((zone) => zone.name === name && zone.private !== true)!;
  const ok = (root: string, body: string): FakeAnswer => ({
    status: 200,
    type: 'text/xml',
    body: `<?xml version="1.0"?>\n<${root} xmlns="${NS}">${body}</${root}>`,
  });

  function listZones({ query }: FakeRequest): FakeAnswer {
    const from = hosted.findIndex(({ id }) => id === (query.get('marker') ?? hosted[0]?.id));
    const size = Math.min(Number(query.get('maxitems') ?? 100), PAGE);
    const page = hosted.slice(from, from + size);
    const next = hosted[from + size];
    return ok(
      'ListHostedZonesResponse',
      `<HostedZones>${page
        .map(
          ({ id, name, private: closed = false }) =>
            `<HostedZone><Id>/hostedzone/${id}</Id><Name>${name}.</Name><CallerReference>r</CallerReference>` +
            `<Config><PrivateZone>${closed}</PrivateZone></Config></HostedZone>`,
        )
        .join('')}</HostedZones><IsTruncated>${next !== undefined}</IsTruncated>` +
        `${next === undefined ? '' : `<NextMarker>${next.id}</NextMarker>`}<MaxItems>${size}</MaxItems>`,
    );
  }
  function showSet(set: FakeSet): string {
    const records = set.values.map(
      (value) => `<ResourceRecord><Value>${escapeXml(value)}</Value></ResourceRecord>`,
    );
    return (
      `<ResourceRecordSet><Name>${set.name}</Name><Type>${set.type}</Type>` +
      (set.setIdentifier === undefined
        ? ''
        : `<SetIdentifier>${set.setIdentifier}</SetIdentifier><Weight>1</Weight>`) +
      (set.alias === undefined
        ? `<TTL>${set.ttl}</TTL><ResourceRecords>${records.join('')}</ResourceRecords>`
        : `<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>${set.alias}</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>`) +
      '</ResourceRecordSet>'
    );
  }
  function listSets(zone: (typeof hosted)[number], { query }: FakeRequest): FakeAnswer {
    const name = query.get('name');
    const asked = { type: query.get('type') ?? '', setIdentifier: query.get('identifier') ?? '' };
    const start = name === null ? '' : order({ name, ttl: 0, values: [], ...asked }).trimEnd();
    const sorted = [...zone.sets].sort((a, b) => (order(a) < order(b) ? -1 : 1));
    const rest = sorted.filter((set) => order(set).trimEnd() >= start);
    const next = rest[PAGE];
    return ok(
      'ListResourceRecordSetsResponse',
      `<ResourceRecordSets>${rest.slice(0, PAGE).map(showSet).join('')}</ResourceRecordSets>` +
        `<IsTruncated>${next !== undefined}</IsTruncated><MaxItems>${PAGE}</MaxItems>` +
        (next === undefined
          ? ''
          : `<NextRecordName>${next.name}</NextRecordName><NextRecordType>${next.type}</NextRecordType>` +
            (next.setIdentifier === undefined
              ? ''
              : `<NextRecordIdentifier>${next.setIdentifier}</NextRecordIdentifier>`)),
    );
  }
  function change(zone: (typeof hosted)[number], body: string): FakeAnswer {
    let sets = [...zone.sets];
    const wrong: string[] = [];
    for (const each of all(body, 'Change')) {
      const set: FakeSet = {
        name: text(each, 'Name'),
        type: text(each, 'Type'),
        ttl: Number(text(each, 'TTL')),
        values: all(each, 'ResourceRecord').map((record) => text(record, 'Value')),
      };
      const there = sets.find(({ name, type }) => name === set.name && type === set.type);
      const what = `resource record set [name='${set.name}', type='${set.type}']`;
      const action = text(each, 'Action');
      if (action === 'DELETE') {
        if (there === undefined) wrong.push(`Tried to delete ${what} but it was not found`);
        else if (
          there.ttl !== set.ttl ||
          [...there.values].sort().join('\n') !== [...set.values].sort().join('\n')
        )
          wrong.push(`Tried to delete ${what} but the values provided do not match the current values`);
        sets = sets.filter((one) => one !== there);
      } else if (action === 'CREATE') {
        if (there !== undefined) wrong.push(`Tried to create ${what} but it already exists`);
        const refusal = judgeSet(zone.name, set, sets);
        if (refusal !== null) wrong.push(`Invalid ${what}: ${refusal}`);
        sets.push(set);
      } else wrong.push(`unknown action ${action}`);
    }
    if (wrong.length > 0) throw new Refused(400, 'InvalidChangeBatch', `[${wrong.join(', ')}]`);
    zone.sets.splice(0, zone.sets.length, ...sets);
    control.serial += 1;
    const id = `C${control.serial}`;
    pending.set(id, 2);
    return ok('ChangeResourceRecordSetsResponse', changeInfo(id, 'PENDING'));
  }
  const changeInfo = (id: string, status: string) =>
    `<ChangeInfo><Id>/change/${id}</Id><Status>${status}</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>`;

  function answer(request: FakeRequest): FakeAnswer {
    const { method, path } = request;
    const failure = control.judge(method, path);
    if (failure !== null) throw new Refused(failure === 'Throttling' ? 400 : 500, failure, 'out of order');
    judgeSignature(request, accessKeyId, secretAccessKey);
    if (path === `${BASE}/hostedzone`) return listZones(request);
    const [, kind, id = '', rrset] = path.slice(BASE.length).split('/');
    if (kind === 'change') {
      const left = pending.get(id);
      if (left === undefined) throw new Refused(404, 'NoSuchChange', 'no such change');
      pending.set(id, Math.max(0, left - 1));
      return ok('GetChangeResponse', changeInfo(id, left > 0 ? 'PENDING' : 'INSYNC'));
    }
    const zone = hosted.find((each) => each.id === id);
    if (kind !== 'hostedzone' || zone === undefined || rrset !== 'rrset')
      throw new Refused(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`);
    return method === 'POST' ? change(zone, request.body) : listSets(zone, request);
  }
  const server = await startFakeHttp((request) => {
    try {
      return answer(request);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { status, code, message } = error;
      const body = `<ErrorResponse xmlns="${NS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>r</RequestId></ErrorResponse>`;
      return { status, type: 'text/xml', body: `<?xml version="1.0"?>\n${body}` };
    }
  });
  return {
    url: server.url,
    accessKeyId,
    secretAccessKey,
    seen: server.seen,
    sets: (zone) => named(zone).sets,
    put: (zone, set) => void named(zone).sets.push(set),
    remove(zone, name, type) {
      const { sets } = named(zone);
      sets.splice(0, sets.length, ...sets.filter((set) => set.name !== name || set.type !== type));
    },
    failing(judge) {
      control.judge = judge;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function judgeSet(
  zone: string,
  { name, type, values, ttl }: FakeSet,
  sets: readonly FakeSet[],
): string | null {
  if (name !== `${zone}.` && !name.endsWith(`.${zone}.`))
    return 'RRSet with DNS name is not permitted in zone';
  if (!Number.isInteger(ttl) || values.length === 0) return 'TTL and records are needed';
  if (type === 'TXT')
    for (const value of values) {
      const strings = [...value.matchAll(/"((?:[^"\\]|\\[0-7]{3}|\\["\\])*)"(?: |$)/g)];
      if (strings.map((match) => match[0]).join('') !== value) return 'TXTRDATA is not enclosed in quotes';
      if (strings.some((match) => match[1]!.replace(/\\[0-7]{3}|\\./g, 'x').length > 255))
        return 'CharacterStringTooLong';
      if (!/^[\x20-\x7e]*$/.test(value)) return 'InvalidCharacterString';
    }
  if (type === 'CNAME' && name === `${zone}.`) return 'RRSet of type CNAME is not permitted at apex';
  const beside = sets.filter((set) => set.name === name && set.type !== type);
  if (type === 'CNAME' ? beside.length > 0 : beside.some((set) => set.type === 'CNAME'))
    return 'conflicts with other records';
  return null;
}

/** Signature Version 4, computed anew from the request as it came. */
function judgeSignature(request: FakeRequest, accessKeyId: string, secret: string): void {
  const header = request.headers.authorization ?? '';
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/us-east-1\/route53\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  if (match === null) throw new Refused(403, 'MissingAuthenticationToken', 'Missing Authentication Token');
  const [, id, date, names, signature] = match as unknown as [string, string, string, string, string];
  if (id !== accessKeyId)
    throw new Refused(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  const sha = (data: string) => createHash('sha256').update(data).digest('hex');
  const query = [...request.query]
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .sort()
    .join('&');
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`);
  const canonical = [request.method, request.path, query, headers.join(''), names, sha(request.body)].join(
    '\n',
  );
  const scope = `${date}/us-east-1/route53/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha(canonical)].join('\n');
  let key: Buffer | string = `AWS4${secret}`;
  for (const part of [date, 'us-east-1', 'route53', 'aws4_request', toSign])
    key = createHmac('sha256', key).update(part).digest();
  if ((key as Buffer).toString('hex') !== signature)
    throw new Refused(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match.');
}
function strict(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
