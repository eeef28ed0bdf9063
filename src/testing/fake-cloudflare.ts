/**
 * Cloudflare's API as far as DNS goes: zones and records in pages, `name.exact`, and the batch, which is one transaction:
 * deletes, patches, puts, posts, all or nothing. Error numbers and shapes are those of the real one.
 */
import { type FakeAnswer, type FakeRequest, startFakeHttp } from './fake-http.ts';

export interface FakeCloudflareRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly content: string;
  readonly priority?: number;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly proxied: boolean;
  readonly comment: string | null;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, unknown>>;
}
export interface FakeCloudflare extends AsyncDisposable {
  /** Up to and with `/client/v4`. */
  readonly url: string;
  readonly token: string;
  readonly seen: readonly string[];
  records(zone: string): readonly FakeCloudflareRecord[];
  add(zone: string, record: Partial<FakeCloudflareRecord>): FakeCloudflareRecord;
  drop(zone: string, judge: (record: FakeCloudflareRecord) => boolean): void;
  /** A status for requests that should fail, null for the others. */
  failing(judge: (method: string, path: string) => number | null): void;
  before(act: (method: string, path: string) => void): void;
}
const PATH = '/client/v4';
class Refused extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function startFakeCloudflare(names: readonly string[]): Promise<FakeCloudflare> {
  const token = 'v1.0-fake-token';
  const zones = new Map(names.map((name, i) => [`zone${i}`, { id: `zone${i}`, name }]));
  const records = new Map<string, FakeCloudflareRecord[]>([...zones.keys()].map((id) => [id, []]));
  const control = {
    serial: 0,
    judge: (_method: string, _path: string): number | null => null,
    before: (_method: string, _path: string): void => {},
  };
  const idOf = (name: string) => [...zones.values()].find((zone) => zone.name === name)!.id;
  const success = (result: unknown, more: object = {}): FakeAnswer => ({
    status: 200,
    body: JSON.stringify({ success: true, errors: [], messages: [], result, ...more }),
  });
  const paged = (all: readonly unknown[], query: URLSearchParams): FakeAnswer => {
    const page = Number(query.get('page') ?? 1);
    const size = Number(query.get('per_page') ?? 20);
    if (size < 5) throw new Refused(400, 1003, 'per_page is at least 5');
    const result = all.slice((page - 1) * size, page * size);
    return success(result, {
      result_info: {
        page,
        per_page: size,
        count: result.length,
        total_count: all.length,
        total_pages: Math.ceil(all.length / size),
      },
    });
  };
  function made(
    list: readonly FakeCloudflareRecord[],
    zone: string,
    body: Record<string, unknown>,
  ): FakeCloudflareRecord {
    control.serial += 1;
    const record = {
      proxied: false,
      comment: null,
      tags: [],
      meta: {},
      ...body,
      id: String(body['id'] ?? `rec${control.serial}`),
    } as unknown as FakeCloudflareRecord;
    const { name, type, ttl } = record;
    if (name !== zone && !name.endsWith(`.${zone}`))
      throw new Refused(400, 9000, 'the name is not in the zone');
    if (!(ttl === 1 || (ttl >= 60 && ttl <= 86_400)))
      throw new Refused(400, 9021, 'TTL must be 1 or 60 to 86400');
    if (type === 'MX' && !Number.isInteger(record.priority))
      throw new Refused(400, 9005, 'priority is needed');
    if (type === 'SRV') {
      const { priority, weight, port, target } = (body['data'] ?? {}) as Record<string, unknown>;
      if (![priority, weight, port].every(Number.isInteger) || typeof target !== 'string')
        throw new Refused(400, 9101, 'data of SRV is needed');
      Object.assign(record, { content: `${weight} ${port} ${target}`, priority });
    } else if (typeof record.content !== 'string' || record.content === '')
      throw new Refused(400, 9207, 'content is needed');
    const others = list.filter((each) => each.id !== record.id && each.name === name);
    if (others.some((each) => each.type === type && each.content === record.content))
      throw new Refused(400, 81058, 'An identical record already exists.');
    if (
      others.some(
        (each) => (each.type === 'CNAME') !== (type === 'CNAME') || (type === 'CNAME' && each.type === type),
      )
    )
      throw new Refused(400, 81053, 'An A, AAAA, or CNAME record with that host already exists.');
    return record;
  }
  function batch(zoneId: string, body: Record<string, Record<string, unknown>[] | undefined>): FakeAnswer {
    const zone = zones.get(zoneId)!.name;
    let list = [...records.get(zoneId)!];
    const done: Record<string, unknown[]> = { deletes: [], patches: [], puts: [], posts: [] };
    const known = (id: unknown) => {
      const record = list.find((each) => each.id === id);
      if (record === undefined) throw new Refused(404, 81044, 'Record does not exist.');
      return record;
    };
    for (const { id } of body['deletes'] ?? []) {
      const gone = known(id);
      list = list.filter((each) => each !== gone);
      done['deletes']!.push(gone);
    }
    for (const patch of body['patches'] ?? []) {
      const old = known(patch['id']);
      const changed = made(list, zone, { ...old, ...patch });
      list = list.map((each) => (each === old ? changed : each));
      done['patches']!.push(changed);
    }
    for (const post of body['posts'] ?? []) {
      const record = made(list, zone, post);
      list.push(record);
      done['posts']!.push(record);
    }
    records.set(zoneId, list);
    return success(done);
  }
  function answer({ method, path, query, headers, body }: FakeRequest): FakeAnswer {
    control.before(method, path);
    const failure = control.judge(method, path);
    if (failure !== null) throw new Refused(failure, 10_013, 'internal error');
    if (headers.authorization !== `Bearer ${token}`) throw new Refused(403, 9109, 'Invalid access token');
    const parts = path.slice(PATH.length + 1).split('/');
    if (!path.startsWith(`${PATH}/zones`)) throw new Refused(404, 7003, 'no route');
    if (parts.length === 1 && method === 'GET') return paged([...zones.values()], query);
    const zone = parts[1]!;
    if (!zones.has(zone)) throw new Refused(404, 1001, 'Invalid zone identifier');
    if (parts[2] !== 'dns_records') throw new Refused(404, 7003, 'no route');
    if (parts.length === 3 && method === 'GET') {
      const exact = query.get('name.exact');
      return paged(
        records.get(zone)!.filter(({ name }) => exact === null || name === exact),
        query,
      );
    }
    if (parts.length === 4 && parts[3] === 'batch' && method === 'POST') return batch(zone, JSON.parse(body));
    throw new Refused(405, 10_000, 'Method not allowed');
  }
  const server = await startFakeHttp((request) => {
    try {
      return answer(request);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { status, code, message } = error;
      return {
        status,
        body: JSON.stringify({ success: false, errors: [{ code, message }], messages: [], result: null }),
      };
    }
  });
  return {
    url: `${server.url}${PATH}`,
    token,
    seen: server.seen,
    records: (zone) => records.get(idOf(zone))!,
    add(zone, record) {
      const list = records.get(idOf(zone))!;
      const added = made(list, zone, record as Record<string, unknown>);
      list.push(added);
      return added;
    },
    drop(zone, judge) {
      const id = idOf(zone);
      records.set(
        id,
        records.get(id)!.filter((record) => !judge(record)),
      );
    },
    failing(judge) {
      control.judge = judge;
    },
    before(act) {
      control.before = act;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
