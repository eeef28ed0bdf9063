/**
 * Plans the changes that bring a domain's records into its zone. Pure. Invariants: the MX set is replaced as a whole; SPF
 * is merged into the existing SPF string, and every other TXT string stays, octet for octet and in its place; a set that
 * belongs to somebody else (DMARC policy, SRV, address) is left and named; the plan says in words what cannot be set.
 * After a plan was applied, a new plan is empty.
 */

import { RECORD_TYPES } from '../../contract/values.ts';
import type { DnsPlan, PlannedChange, RecordSet, RecordType, Remark, SetKey, Words } from './provider.ts';
import { lowerName, parseSrv, sameValues, txtOf, txtText, valueKey } from './record-values.ts';
import * as say from './words.ts';

/** One record that the domain needs. DnsRecord (domains/dns-records.ts) has this form. */
export interface WantedRecord {
  readonly purpose: string;
  readonly type: RecordType;
  /** Absolute, without a final dot. */
  readonly name: string;
  /** Presentation form without final dots; TXT as its plain text. `spf`: already merged with the existing record. */
  readonly value: string;
}
export interface PlanInput {
  readonly records: readonly WantedRecord[];
  /** Those sets of `keysFor(records)` that exist. */
  readonly sets: readonly RecordSet[];
  /** Names that lie in another zone than the domain. They are not set here. */
  readonly elsewhere: ReadonlySet<string>;
}
/** The TTL of new sets, in seconds. */
export const NEW_TTL = 3600;
const DKIM = /^v\s*=\s*DKIM1\s*(;|$)|^(k=\w+\s*;\s*)?p\s*=/i;
const DMARC = /^v\s*=\s*DMARC1\s*(;|$)/i;
const SPF = /^v=spf1( |$)/i;

/** Everything that a plan must read: the sets themselves, and the sets that may not exist beside them. */
export function keysFor(records: readonly WantedRecord[]): SetKey[] {
  const keys = new Map<string, SetKey>();
  const add = (name: string, type: RecordType) => keys.set(`${name} ${type}`, { name, type });
  for (const { name: given, type } of records) {
    const name = lowerName(given);
    for (const each of type === 'CNAME' ? RECORD_TYPES : ([type, 'CNAME'] as const)) add(name, each);
  }
  return [...keys.values()];
}
/** The SPF record among the strings of a TXT set; null if there is none or more than one. */
export function existingSpf(set: RecordSet | undefined): string | null {
  const found = (set?.values ?? []).map(txtText).filter((text) => SPF.test(text));
  return found.length === 1 ? found[0]! : null;
}

export function planChanges({ records, sets, elsewhere }: PlanInput): DnsPlan {
  const changes: PlannedChange[] = [];
  const kept: Remark[] = [];
  const conflicts: Remark[] = [];
  const foreignMx: string[] = [];
  const setAt = (name: string, type: RecordType) =>
    sets.find((set) => set.type === type && lowerName(set.name) === name);
  const valuesAt = (name: string, type: RecordType) => setAt(name, type)?.values ?? [];
  const remark = (to: Remark[], purpose: string, key: SetKey, words: Words) =>
    to.push({ purpose, name: key.name, type: key.type, found: valuesAt(key.name, key.type), ...words });
  function change(purpose: string, { name, type }: SetKey, after: readonly string[], words: Words): void {
    const set = setAt(name, type);
    const before = set?.values ?? [];
    if (sameValues(type, before, after)) return;
    if (set?.fixed !== undefined) {
      remark(conflicts, purpose, { name, type }, say.fixed({ name, type }, set.fixed));
      return;
    }
    const ttl = { before: set?.ttl ?? null, after: after.length === 0 ? null : (set?.ttl ?? NEW_TTL) };
    const extras = set?.extras === undefined ? {} : { extras: set.extras };
    changes.push({ purpose, name, type, before, after, ttl, ...extras, ...words });
  }

  for (const [key, wanted] of groups(records)) {
    const { name, type } = key;
    const purpose = wanted[0]!.purpose;
    const values = wanted.map(({ value }) => value);
    if (elsewhere.has(name)) {
      remark(conflicts, purpose, key, say.elsewhere(key, values));
      continue;
    }
    const alias = valuesAt(name, 'CNAME');
    if (type !== 'CNAME' && alias.length > 0) {
      remark(conflicts, purpose, { name, type: 'CNAME' }, say.aliasThere(key, alias[0]!));
      continue;
    }
    const before = valuesAt(name, type);
    if (type === 'MX') {
      const ours = new Set(values.map((value) => exchangeOf(value)));
      const foreign = before.filter((value) => !ours.has(exchangeOf(value)));
      if (setAt(name, type)?.fixed === undefined) foreignMx.push(...foreign);
      change(purpose, key, values, say.mx(name, foreign, before.length > 0));
    } else if (type === 'TXT') planTxt(key, wanted, before);
    else if (type === 'CNAME') planAlias(key, purpose, values[0]!);
    else if (before.length === 0) change(purpose, key, values, say.added(key, purpose));
    else if (type === 'SRV' && before.every((value) => values.some((ours) => sameTarget(ours, value))))
      change(purpose, key, values, say.replaced(key, purpose));
    else if (!sameValues(type, before, values)) remark(kept, purpose, key, say.kept(key, purpose, values));
  }

  function planTxt(key: SetKey, wanted: readonly WantedRecord[], before: readonly string[]): void {
    let after = [...before];
    let words: Words | null = null;
    const purposes: string[] = [];
    for (const { purpose, value } of wanted) {
      const there = after.map(txtText);
      if (there.includes(value)) continue;
      purposes.push(purpose);
      if (purpose === 'spf') {
        const found = there.filter((text) => SPF.test(text));
        if (found.length > 1) {
          remark(conflicts, purpose, key, say.severalSpf(key.name));
          continue;
        }
        words = found.length === 1 ? say.spfMerged(key.name) : say.spfNew(key.name, before.length);
        after =
          found.length === 1
            ? after.map((text, i) => (SPF.test(there[i]!) ? txtOf(value) : text))
            : [...after, txtOf(value)];
      } else if (purpose === 'dmarc' && there.some((text) => DMARC.test(text)))
        remark(kept, purpose, key, say.keptDmarc(key.name));
      else {
        // The selector is ours, so the key at it is ours, too.
        const left = purpose === 'dkim' ? after.filter((_, i) => !DKIM.test(there[i]!)) : after;
        words =
          left.length < after.length ? say.replaced(key, purpose) : say.added(key, purpose, left.length > 0);
        after = [...left, txtOf(value)];
      }
    }
    if (words !== null) change(purposes.join(' '), key, after, words);
  }
  function planAlias(key: SetKey, purpose: string, target: string): void {
    const beside = RECORD_TYPES.filter((type) => type !== 'CNAME' && valuesAt(key.name, type).length > 0);
    const ourKeys =
      purpose === 'dkim' &&
      beside.every((type) => type === 'TXT') &&
      valuesAt(key.name, 'TXT').every((value) => DKIM.test(txtText(value)));
    if (beside.length > 0 && !ourKeys) {
      remark(conflicts, purpose, { name: key.name, type: beside[0]! }, say.othersThere(key, target, beside));
      return;
    }
    const before = valuesAt(key.name, 'CNAME');
    if (sameValues('CNAME', before, [target])) return;
    if (before.length > 0 && purpose !== 'dkim') {
      remark(kept, purpose, key, say.kept(key, purpose, [target]));
      return;
    }
    for (const type of beside)
      change(purpose, { name: key.name, type }, [], say.removed({ name: key.name, type }, purpose));
    change(purpose, key, [target], before.length > 0 ? say.replaced(key, purpose) : say.added(key, purpose));
  }
  return { changes, kept, conflicts, foreignMx };
}

/** The records grouped by set, in the order of each set's first record. */
function groups(records: readonly WantedRecord[]): [SetKey, WantedRecord[]][] {
  const all = new Map<string, [SetKey, WantedRecord[]]>();
  for (const record of records) {
    const key = { name: lowerName(record.name), type: record.type };
    const id = `${key.name} ${key.type}`;
    const group = all.get(id);
    if (group === undefined) all.set(id, [key, [record]]);
    else if (
      record.type === 'TXT' ||
      !group[1].some(({ value }) => valueKey(record.type, value) === valueKey(record.type, record.value))
    )
      group[1].push(record);
  }
  return [...all.values()];
}
function exchangeOf(value: string): string {
  return lowerName(value.split(' ').at(-1)!);
}
function sameTarget(a: string, b: string): boolean {
  return lowerName(parseSrv(a).target) === lowerName(parseSrv(b).target);
}
