/**
 * Gehirn DNS. If the live version of a zone cannot be edited, we clone it, edit the clone, read it back, and make it live
 * by a preset. So all changes take effect at once, and a preset to the previous version undoes them. If the live version
 * can be edited, we edit it in place, set by set; if that fails half-way, we restore the sets that were changed. There is
 * no ETag, so each set is read before and after it is written. Invariant: a set is written as a whole, and keeps every
 * record in it that is not ours.
 */

import type { Clock } from '../../runtime/clock.ts';
import { textOf } from '../../runtime/settings.ts';
import * as bodies from './gehirn-bodies.ts';
import { ANSWERS } from './gehirn-bodies.ts';
import { exchange, oneLine } from './http-errors.ts';
import type { DnsProviderKind } from './kind.ts';
import {
  type ApplyOutcome,
  type DnsProvider,
  DnsProviderError,
  type RecordSet,
  type SetChange,
  type SetKey,
  type Zone,
} from './provider.ts';
import { url } from './readers.ts';
import { longestMatch, lowerName, sameValues } from './record-values.ts';

export interface GehirnSettings {
  readonly token_id: string;
  readonly secret: string;
  /** Without a slash at its end. */
  readonly api_url: string;
}
export interface GehirnDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}
interface Revert {
  readonly from: string;
  readonly to: string;
}
const CHANGED: ApplyOutcome = { kind: 'changed', detail: 'a record set was changed meanwhile' };
/** Octets of one answer. A list comes as a whole, without pages. */
const MOST_OCTETS = 1024 * 1024;
const LOOKS = 30;
const BETWEEN_LOOKS_MS = 1000;

/** An answer that is understood. */
interface Shape<T> {
  Check(value: unknown): value is T;
}

export function createGehirnProvider(settings: GehirnSettings, { fetch, clock }: GehirnDeps): DnsProvider {
  const authorization = `Basic ${Buffer.from(`${settings.token_id}:${settings.secret}`).toString('base64')}`;
  let zones: Promise<readonly { readonly id: string; readonly name: string }[]> | null = null;

  /** null: 404. */
  async function call<T>(method: string, path: string, shape: Shape<T>, body?: object): Promise<T | null> {
    const { status, text } = await exchange(
      fetch,
      `${settings.api_url}${path}`,
      {
        method,
        headers: {
          authorization,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      MOST_OCTETS,
    );
    if (status === 404) return null;
    if (status === 401 || status === 403)
      throw new DnsProviderError('credentials', `Gehirn DNS answered ${status}`);
    let json: unknown = null;
    try {
      json = text === '' ? null : JSON.parse(text);
    } catch {
      throw new DnsProviderError('unreachable', `Gehirn DNS answered ${status} without JSON`);
    }
    if (status >= 500) throw new DnsProviderError('unreachable', `Gehirn DNS answered ${status}`);
    if (status >= 300) {
      const message = (json as { message?: unknown } | null)?.message;
      throw new DnsProviderError(
        'refused',
        `Gehirn DNS answered ${status}${typeof message === 'string' ? `: ${oneLine(message)}` : ''}`,
      );
    }
    if (!shape.Check(json))
      throw new DnsProviderError('unreachable', 'an answer of Gehirn DNS is not understood');
    return json;
  }
  async function need<T>(method: string, path: string, shape: Shape<T>, body?: object): Promise<T> {
    const answer = await call(method, path, shape, body);
    if (answer === null) throw new DnsProviderError('refused', `Gehirn DNS does not know ${path}`);
    return answer;
  }
  const records = (zone: Zone, version: string) => `/zones/${zone.id}/versions/${version}/records`;
  const liveVersion = async (zone: Zone) =>
    (await need('GET', `/zones/${zone.id}`, ANSWERS.zone)).current_version_id;

  async function readFrom(zone: Zone, version: string, keys: readonly SetKey[]): Promise<RecordSet[]> {
    const sets: RecordSet[] = [];
    for (const key of keys) {
      const record = await call('GET', `${records(zone, version)}/${bodies.recordPath(key)}`, ANSWERS.record);
      const set = record === null ? null : bodies.fromBody(record);
      if (set !== null) sets.push(set);
    }
    return sets;
  }
  async function write(
    zone: Zone,
    version: string,
    key: SetKey,
    ttl: number | null,
    values: readonly string[],
  ) {
    const path = `${records(zone, version)}/${bodies.recordPath(key)}`;
    if (values.length === 0) await call('DELETE', path, ANSWERS.any);
    else await need('PUT', path, ANSWERS.any, bodies.toBody(key, ttl ?? 3600, values));
  }
  const asBefore = (sets: readonly RecordSet[], changes: readonly SetChange[], side: 'before' | 'after') =>
    changes.every((change) => {
      const set = sets.find(({ name, type }) => name === change.name && type === change.type);
      return sameValues(change.type, set?.values ?? [], change[side]);
    });

  async function editInPlace(
    zone: Zone,
    version: string,
    changes: readonly SetChange[],
  ): Promise<ApplyOutcome> {
    if (!asBefore(await readFrom(zone, version, changes), changes, 'before')) return CHANGED;
    const begun: SetChange[] = [];
    try {
      for (const change of changes) {
        begun.push(change);
        await write(zone, version, change, change.ttl.after, change.after);
      }
    } catch (error) {
      // If a set cannot be restored, the caller finds out when it reads DNS back.
      for (const change of begun.reverse())
        await write(zone, version, change, change.ttl.before, change.before).catch(() => {});
      throw error;
    }
    return { kind: 'applied', revert: null, propagated: true };
  }
  async function switchTo(zone: Zone, from: string, to: string, name: string): Promise<void> {
    const body = bodies.newPreset(name, from, to, clock.now());
    let preset = await need('POST', `/zones/${zone.id}/presets`, ANSWERS.preset, body);
    for (let look = 0; !preset.is_completed; look += 1) {
      if ((await liveVersion(zone)) === to) return;
      if (look === LOOKS)
        throw new DnsProviderError('unreachable', 'the switch to the new version is not completed yet');
      await new Promise<void>((resolve) => clock.after(BETWEEN_LOOKS_MS, resolve));
      preset = await need('GET', `/zones/${zone.id}/presets/${preset.id}`, ANSWERS.preset);
    }
  }
  async function cloneAndSwitch(
    zone: Zone,
    live: string,
    changes: readonly SetChange[],
  ): Promise<ApplyOutcome> {
    const name = `hikyaku ${new Date(clock.now()).toISOString()}`;
    const { id: clone } = await need(
      'POST',
      `/zones/${zone.id}/versions`,
      ANSWERS.version,
      bodies.newVersion(live, name),
    );
    let switching = false;
    try {
      // We compare the sets of the clone, because the clone goes live.
      const unchanged = asBefore(await readFrom(zone, clone, changes), changes, 'before');
      if (unchanged) {
        for (const change of changes) await write(zone, clone, change, change.ttl.after, change.after);
        if (!asBefore(await readFrom(zone, clone, changes), changes, 'after'))
          throw new DnsProviderError('refused', 'the new version does not hold what was written to it');
        if ((await liveVersion(zone)) === live) {
          switching = true;
          await switchTo(zone, live, clone, name);
          const revert: Revert = { from: clone, to: live };
          return { kind: 'applied', revert: JSON.stringify(revert), propagated: true };
        }
      }
    } catch (error) {
      if (!switching)
        await call('DELETE', `/zones/${zone.id}/versions/${clone}`, ANSWERS.any).catch(() => {});
      throw error;
    }
    await call('DELETE', `/zones/${zone.id}/versions/${clone}`, ANSWERS.any).catch(() => {});
    return CHANGED;
  }
  /** Every set of a version, each as one text. */
  async function contents(zone: Zone, version: string): Promise<Map<string, string>> {
    const all = await need('GET', records(zone, version), ANSWERS.records);
    const lines = new Map<string, string>();
    for (const { name, type, enable_alias: alias, ttl, records: items = [] } of all)
      lines.set(`${lowerName(name)} ${type}`, JSON.stringify([alias, ttl, items]));
    return lines;
  }

  const provider: DnsProvider = {
    async check() {
      await need('GET', '/zones', ANSWERS.zones);
    },
    async findZone(name) {
      zones ??= need('GET', '/zones', ANSWERS.zones);
      const all = (await zones).map((zone) => ({ id: zone.id, name: lowerName(zone.name) }));
      const [zone = null, other] = longestMatch(all, lowerName(name));
      if (other !== undefined)
        throw new DnsProviderError('ambiguous-zone', `there are several zones ${other.name}`);
      return zone;
    },
    async read(zone, keys) {
      return readFrom(zone, await liveVersion(zone), keys);
    },
    async apply(zone, changes) {
      const live = await liveVersion(zone);
      const { editable } = await need('GET', `/zones/${zone.id}/versions/${live}`, ANSWERS.version);
      return editable ? editInPlace(zone, live, changes) : cloneAndSwitch(zone, live, changes);
    },
    async revert(zone, changes, text) {
      const { from, to } = JSON.parse(text) as Revert;
      if ((await liveVersion(zone)) !== from) return null;
      if ((await call('GET', `/zones/${zone.id}/versions/${to}`, ANSWERS.any)) === null) return null;
      // Whatever else was changed in our version since would be lost with it.
      const [ours, before] = [await contents(zone, from), await contents(zone, to)];
      const known = new Set(changes.map(({ name, type }) => `${name} ${type}`));
      const differ = [...new Set([...ours.keys(), ...before.keys()])].filter(
        (key) => ours.get(key) !== before.get(key) && !known.has(key),
      );
      if (differ.length > 0) return null;
      await switchTo(zone, from, to, `hikyaku undo ${new Date(clock.now()).toISOString()}`);
      return { kind: 'applied', revert: null, propagated: true };
    },
  };
  return provider;
}

export const gehirn: DnsProviderKind = {
  label: { en: 'Gehirn DNS', ja: 'Gehirn DNS' },
  about: {
    en: 'An API token of Gehirn DNS that may read and edit the zones.',
    ja: 'ゾーンの読み取りと編集ができる Gehirn DNS の API トークンを使います。',
  },
  fields: {
    token_id: { type: 'text', label: { en: 'Token ID', ja: 'トークン ID' } },
    secret: { type: 'text', label: { en: 'Secret', ja: 'シークレット' }, secret: true },
    api_url: {
      type: 'text',
      label: { en: 'URL of the API', ja: 'API の URL' },
      otherwise: 'https://api.gis.gehirn.jp/dns/v1',
      read: url,
    },
  },
  example: { token_id: 'example-token-id', secret: 'example-token-secret' },
  open: (settings, deps) =>
    createGehirnProvider(
      {
        token_id: textOf(settings, 'token_id'),
        secret: textOf(settings, 'secret'),
        api_url: textOf(settings, 'api_url'),
      },
      deps,
    ),
};
