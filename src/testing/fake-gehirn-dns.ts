/**
 * Gehirn DNS as far as its documents tell: zones, versions, presets, record sets by name, Basic authentication. It refuses
 * what the real one would: names without final dot, sets of no or more than 25 records, TTL out of bounds, unknown fields,
 * a CNAME beside others or at the apex, writing to a version that is not editable, a preset from a version that is not
 * live. A version that has been switched to is not editable any more.
 */
import { type FakeAnswer, type FakeHttp, type FakeRequest, startFakeHttp } from './fake-http.ts';

export interface FakeGehirnRecord {
  readonly name: string;
  readonly type: string;
  readonly enable_alias: boolean;
  readonly ttl: number;
  readonly records: readonly Record<string, unknown>[];
}
interface Version {
  readonly id: string;
  readonly base: string | null;
  readonly name: string;
  editable: boolean;
  readonly records: Map<string, FakeGehirnRecord>;
}
interface Preset {
  readonly id: string;
  readonly name: string;
  readonly prev_version_id: string;
  readonly next_version_id: string;
  readonly applied_at: string;
  is_completed: boolean;
}
interface Zone {
  readonly id: string;
  readonly name: string;
  current: string;
  readonly versions: Map<string, Version>;
  readonly presets: Map<string, Preset>;
}
export interface FakeGehirnDns extends AsyncDisposable {
  /** Up to and with `/dns/v1`. */
  readonly url: string;
  readonly token: { readonly id: string; readonly secret: string };
  readonly seen: readonly string[];
  /** As somebody in the console would, in the live version, editable or not. */
  put(zone: string, record: FakeGehirnRecord): void;
  remove(zone: string, name: string, type: string): void;
  /** The live version's sets. */
  live(zone: string): readonly FakeGehirnRecord[];
  versions(
    zone: string,
  ): readonly { readonly id: string; readonly live: boolean; readonly editable: boolean }[];
  /** As somebody in the console would: a copy of the live version goes live. */
  switchBy(zone: string): void;
  /** From now on: a status for requests that should fail, null for the others. */
  failing(judge: (method: string, path: string) => number | null): void;
  /** Called before each request is answered. */
  before(act: (method: string, path: string) => void): void;
}
const FIELDS: Readonly<Record<string, Readonly<Record<string, 'text' | 'host' | 'number'>>>> = {
  A: { address: 'text' },
  AAAA: { address: 'text' },
  CNAME: { cname: 'host' },
  MX: { prio: 'number', exchange: 'host' },
  TXT: { data: 'text' },
  SRV: { prio: 'number', weight: 'number', target: 'host', port: 'number' },
};

export async function startFakeGehirnDns({
  zones: names,
  editable,
}: {
  readonly zones: readonly string[];
  /** Whether the live version is, at first. */
  readonly editable: boolean;
}): Promise<FakeGehirnDns> {
  const token = { id: '3e6a5c1e-0000-4000-8000-000000000001', secret: 'seikai:123' };
  const expected = `Basic ${Buffer.from(`${token.id}:${token.secret}`).toString('base64')}`;
  const zones = new Map<string, Zone>();
  const control = {
    judge: (_method: string, _path: string): number | null => null,
    before: (_method: string, _path: string): void => {},
    serial: 0,
  };
  const newId = () => {
    control.serial += 1;
    return `00000000-0000-4000-8000-${String(control.serial).padStart(12, '0')}`;
  };
  for (const name of names) {
    const version: Version = { id: newId(), base: null, name: 'default', editable, records: new Map() };
    const id = newId();
    zones.set(id, {
      id,
      name,
      current: version.id,
      versions: new Map([[version.id, version]]),
      presets: new Map(),
    });
  }
  const zoneNamed = (name: string) => [...zones.values()].find((zone) => zone.name === name)!;
  const ok = (value: unknown, status = 200): FakeAnswer => ({ status, body: JSON.stringify(value) });
  const error = (status: number, message: string): FakeAnswer => ok({ message }, status);
  const showZone = ({ id, name, current }: Zone) => ({
    id,
    name,
    deletion_protection: false,
    current_version_id: current,
  });
  const showVersion = ({ id, base, name, editable: open }: Version) => ({ id, base, name, editable: open });

  function answer(request: FakeRequest): FakeAnswer {
    const { method, path, headers } = request;
    control.before(method, path);
    const failure = control.judge(method, path);
    if (failure !== null) return error(failure, 'out of order');
    if (headers.authorization !== expected) return error(401, 'authentication failed');
    const body = request.body === '' ? null : (JSON.parse(request.body) as Record<string, unknown>);
    if (body !== null && headers['content-type'] !== 'application/json')
      return error(415, 'JSON is expected');
    const parts = path.split('/').slice(3).map(decodeURIComponent);
    if (!path.startsWith('/dns/v1/zones') || parts[0] !== 'zones') return error(404, 'not found');
    if (parts.length === 1) return ok([...zones.values()].map(showZone));
    const zone = zones.get(parts[1]!);
    if (zone === undefined) return error(404, 'no such zone');
    if (parts.length === 2) return ok(showZone(zone));
    if (parts[2] === 'presets') return presets(zone, method, parts[3], body);
    if (parts[2] !== 'versions') return error(404, 'not found');
    if (parts.length === 3) return versions(zone, method, body);
    const version = zone.versions.get(parts[3]!);
    if (version === undefined) return error(404, 'no such version');
    if (parts.length === 4) {
      if (method !== 'DELETE') return ok(showVersion(version));
      if (version.id === zone.current) return error(409, 'the version is live');
      zone.versions.delete(version.id);
      return ok(showVersion(version));
    }
    if (parts[4] !== 'records') return error(404, 'not found');
    if (parts.length === 5) return ok([...version.records.values()]);
    if (parts.length !== 8 || parts[6] !== 'IN') return error(404, 'not found');
    return oneSet(zone, version, method, parts[5]!, parts[7]!, body);
  }
  function versions(zone: Zone, method: string, body: Record<string, unknown> | null): FakeAnswer {
    if (method === 'GET') return ok([...zone.versions.values()].map(showVersion));
    const base = zone.versions.get(String(body?.['base']));
    if (base === undefined || typeof body?.['name'] !== 'string')
      return error(400, 'base and name are needed');
    const made: Version = {
      id: newId(),
      base: base.id,
      name: body['name'],
      editable: true,
      records: new Map(base.records),
    };
    zone.versions.set(made.id, made);
    return ok(showVersion(made), 201);
  }
  function presets(zone: Zone, method: string, id: string | undefined, body: Record<string, unknown> | null) {
    if (id !== undefined) {
      const preset = zone.presets.get(id);
      if (preset === undefined) return error(404, 'no such preset');
      // A switch takes a moment.
      preset.is_completed = true;
      zone.current = preset.next_version_id;
      return ok(preset);
    }
    if (method === 'GET') return ok([...zone.presets.values()]);
    const next = zone.versions.get(String(body?.['next_version_id']));
    if (next === undefined || Number.isNaN(Date.parse(String(body?.['applied_at']))))
      return error(400, 'next_version_id and applied_at are needed');
    if (body?.['prev_version_id'] !== zone.current)
      return error(409, 'prev_version_id is not the live version');
    zone.versions.get(zone.current)!.editable = false;
    next.editable = false;
    const preset: Preset = {
      id: newId(),
      name: String(body['name']),
      prev_version_id: zone.current,
      next_version_id: next.id,
      applied_at: String(body['applied_at']),
      is_completed: false,
    };
    zone.presets.set(preset.id, preset);
    return ok(preset, 201);
  }
  function oneSet(
    zone: Zone,
    version: Version,
    method: string,
    name: string,
    type: string,
    body: Record<string, unknown> | null,
  ): FakeAnswer {
    if (!name.endsWith('.') || (name !== `${zone.name}.` && !name.endsWith(`.${zone.name}.`)))
      return error(404, 'no such name');
    const key = `${name} ${type}`;
    const there = version.records.get(key);
    if (method === 'GET') return there === undefined ? error(404, 'no such record') : ok(there);
    if (!version.editable) return error(403, 'the version is not editable');
    if (method === 'DELETE') {
      if (there === undefined) return error(404, 'no such record');
      version.records.delete(key);
      return ok(there);
    }
    const wrong = judgeRecord(zone, version, name, type, body);
    if (wrong !== null) return error(400, wrong);
    version.records.set(key, body as unknown as FakeGehirnRecord);
    return ok(body);
  }
  const server: FakeHttp = await startFakeHttp(answer);
  const change = (zone: string, act: (records: Map<string, FakeGehirnRecord>) => void) => {
    const { versions: all, current } = zoneNamed(zone);
    act(all.get(current)!.records);
  };
  return {
    url: `${server.url}/dns/v1`,
    token,
    seen: server.seen,
    put: (zone, record) =>
      change(zone, (records) => void records.set(`${record.name} ${record.type}`, record)),
    remove: (zone, name, type) => change(zone, (records) => void records.delete(`${name} ${type}`)),
    live(zone) {
      const { versions: all, current } = zoneNamed(zone);
      return [...all.get(current)!.records.values()];
    },
    versions(zone) {
      const { versions: all, current } = zoneNamed(zone);
      return [...all.values()].map(({ id, editable: open }) => ({
        id,
        live: id === current,
        editable: open,
      }));
    },
    switchBy(zone) {
      const at = zoneNamed(zone);
      const live = at.versions.get(at.current)!;
      const made: Version = {
        ...live,
        id: newId(),
        base: live.id,
        editable: false,
        records: new Map(live.records),
      };
      at.versions.set(made.id, made);
      at.current = made.id;
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

function judgeRecord(
  zone: Zone,
  version: Version,
  name: string,
  type: string,
  body: Record<string, unknown> | null,
): string | null {
  if (body === null) return 'a record is needed';
  const { name: given, type: givenType, ttl, records, enable_alias: alias, ...more } = body;
  if (Object.keys(more).length > 0) return `unknown fields: ${Object.keys(more).join(', ')}`;
  if (given !== name || givenType !== type) return 'name and type must be those of the path';
  if (alias !== false) return 'enable_alias must be false here';
  if (!Number.isInteger(ttl) || (ttl as number) < 30 || (ttl as number) > 2_147_483_647)
    return 'ttl is out of bounds';
  if (!Array.isArray(records) || records.length < 1 || records.length > 25)
    return 'records: 1 to 25 are taken';
  const fields = FIELDS[type];
  if (fields === undefined) return 'unknown type';
  for (const record of records as Record<string, unknown>[]) {
    if (Object.keys(record).sort().join() !== Object.keys(fields).sort().join())
      return `${type}: wrong fields`;
    for (const [field, kind] of Object.entries(fields)) {
      const value = record[field];
      if (kind === 'number' ? !Number.isInteger(value) : typeof value !== 'string')
        return `${field} is wrong`;
      if (kind === 'host' && !(value as string).endsWith('.')) return `${field} must end in a dot`;
      if (field === 'data' && ((value as string).length < 1 || (value as string).length > 4000))
        return 'data: 1 to 4000 characters are taken';
    }
  }
  const beside = [...version.records.values()].filter(
    (record) => record.name === name && record.type !== type,
  );
  if (type === 'CNAME' && (records.length !== 1 || name === `${zone.name}.` || beside.length > 0))
    return 'a CNAME stands alone, and not at the apex';
  if (beside.some((record) => record.type === 'CNAME')) return 'there is a CNAME';
  return null;
}
