import * as ops from '../contract/operations/mta-dns.ts';
import type { Resources } from '../contract/resources/index.ts';
import { announce } from '../domains/announce.ts';
import { canDelegate, delegationTarget, freeSelector, keyRecord } from '../domains/delegation.ts';
import { importPrivateKey, isSelector } from '../domains/dkim-import.ts';
import { ALGORITHMS, type KeyKind, makeDkimKey, rsaBits, sealedKey } from '../domains/dkim-keys.ts';
import { type DnsRecord, expectedRecords } from '../domains/dns-records.ts';
import { finding, inWords } from '../domains/findings.ts';
import { prepareReplacement } from '../domains/key-replacement.ts';
import { keyWords, recordKeySteps, replacedBy, tellPending } from '../domains/key-steps.ts';
import type { DkimKey, DnsCheck, DnsCheckItem, MtaDomain, RecordState } from '../domains/mta-domains.ts';
import { recordMayGoAt } from '../domains/rotation.ts';
import type { DkimKeyId, DomainId, ProjectId } from '../runtime/ids.ts';
import { found } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { byCreation, wholeList } from './pages.ts';
import { invalid, Problem } from './problems.ts';
import { iso } from './times.ts';
import { withinCap } from './within-cap.ts';

interface NewKey {
  readonly algorithm?: KeyKind;
  readonly selector?: string;
  readonly delegated?: boolean;
  readonly private_key?: string;
}
/** Maximum of keys that are not retired: nobody would take care of the records of more keys. */
const MOST_KEYS = 20;
const MOST_WITH_RETIRED = 100;

export function mtaDkimRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, transactor, random, clock, sealer } = deps;
  const zone = deps.dns.dkimZone ?? null;
  const domainOf = async (project: ProjectId, id: DomainId): Promise<MtaDomain> =>
    found(await read.domain(project, id));

  const keyView = (domain: MtaDomain, key: DkimKey, keys: readonly DkimKey[]): Resources['DkimKey'] => {
    const record = keyRecord(key, domain.name, zone);
    // The CNAME record of a delegated key stays, because a later key uses the same name.
    const mayGo =
      record.type === 'CNAME' ? null : key.state === 'retired' ? key.changedAt : recordMayGoAt(key);
    const bits = key.algorithm === 'rsa-sha256' ? rsaBits(key.publicRecord) : null;
    return {
      id: key.id,
      self: `${deps.publicUrl()}/mta/v1/domains/${domain.id}/dkim_keys/${key.id}`,
      selector: key.selector,
      algorithm: key.algorithm,
      bits,
      state: key.state,
      active: key.state === 'active',
      record,
      public_key: key.publicRecord,
      seen_since: iso(key.seenSince),
      record_may_go_at: iso(mayGo),
      changed_at: iso(key.changedAt),
      created_at: iso(key.createdAt),
      ...keyWords(domain, key, keys, zone),
    };
  };

  handle(ops.listDkimKeys, async ({ params, projectId }) => {
    const domain = await domainOf(projectId, params.id);
    const keys = await read.dkimKeys(projectId, domain.id);
    const whole = { items: keys, keyOf: byCreation, order: 'up' } as const;
    return wholeList(whole, (key) => keyView(domain, key, keys));
  });
  handle(ops.createDkimKey, async ({ params, projectId, body }) => {
    const domain = await domainOf(projectId, params.id);
    const keys = await read.dkimKeys(projectId, domain.id);
    const insert = async () => {
      const key = await newKey(domain, keys, body);
      const told = await deps.projectEvents(projectId);
      await transactor.transact(projectId, (tx) => {
        for (const old of replacedBy([key], keys)) tx.deleteDkimKey(projectId, domain.id, old.id);
        tx.capDkimKeys(projectId, domain.id, MOST_KEYS, MOST_WITH_RETIRED);
        tx.insertDkimKey(key);
        announce(told, tx, 'dkim.rotated', tellPending(domain, key, keys, zone), domain.defaultTopicId);
      });
      return key;
    };
    const reachedBy = async () => {
      const all = await read.dkimKeys(projectId, domain.id);
      if (all.filter(({ state }) => state !== 'retired').length >= MOST_KEYS) return `${MOST_KEYS} keys`;
      return all.length >= MOST_WITH_RETIRED ? `${MOST_WITH_RETIRED} keys, including retired keys` : null;
    };
    let reached: string | null = null;
    const key = await withinCap(insert, {
      async reached() {
        reached = await reachedBy();
        return reached !== null;
      },
      problem: () => new Problem('too-many-keys', `a domain has at most ${reached}; remove one first`),
    });
    deps.domainChanged(projectId, domain.id);
    return keyView(domain, key, keys);
  });
  async function newKey(domain: MtaDomain, keys: readonly DkimKey[], body: NewKey): Promise<DkimKey> {
    const { private_key: pem } = body;
    const kind = body.algorithm ?? 'rsa-2048';
    const selector = body.selector ?? delegatedSelector(domain, keys, ALGORITHMS[kind], body);
    const place = { projectId: domain.projectId, domainId: domain.id };
    if (selector !== undefined && !isSelector(selector, domain.name))
      throw invalid('selector', 'must be labels of a-z, 0-9 and inner hyphens, joined by dots');
    if (pem === undefined)
      return makeDkimKey({ random, sealer, clock }, place, kind, selector === undefined ? {} : { selector });
    if (body.algorithm !== undefined)
      throw invalid('algorithm', 'is determined by the private key; give only one of the two');
    if (selector === undefined) throw invalid('selector', 'is needed for a key of your own');
    const imported = importPrivateKey(pem);
    if (imported.kind === 'refused') throw invalid('private_key', imported.problem);
    return sealedKey({ random, sealer, clock }, place, selector, imported.key, 'pending');
  }
  /** undefined: the key is not delegated. */
  function delegatedSelector(
    domain: MtaDomain,
    keys: readonly DkimKey[],
    algorithm: DkimKey['algorithm'],
    { delegated, private_key: pem }: NewKey,
  ): string | undefined {
    if (delegated === false || pem !== undefined) {
      if (delegated === true) throw invalid('delegated', 'a key of your own needs a selector instead');
      return undefined;
    }
    if (!canDelegate(domain.name, zone)) {
      if (delegated === undefined) return undefined;
      const reason =
        zone === null
          ? 'this service has no zone for keys'
          : 'the domain name is too long for a delegated key';
      throw invalid('delegated', reason);
    }
    const free = freeSelector(keys, algorithm);
    if (free !== null) return free;
    throw new Problem(
      'too-many-keys',
      'both names of delegated keys of this algorithm are in use: wait until the older key has retired, delete one, or give a selector for a key you publish yourself',
    );
  }
  handle(ops.getDkimKey, async ({ params, projectId }) => {
    const domain = await domainOf(projectId, params.id);
    const keys = await read.dkimKeys(projectId, domain.id);
    return keyView(domain, keyIn(keys, params.key), keys);
  });
  function keyIn(keys: readonly DkimKey[], id: DkimKeyId): DkimKey {
    return found(keys.find((key) => key.id === id) ?? null);
  }
  handle(ops.deleteDkimKey, async ({ params, projectId, ifMatch }) => {
    const domain = await domainOf(projectId, params.id);
    const keys = await read.dkimKeys(projectId, domain.id);
    const key = keyIn(keys, params.key);
    const conditional = ifMatch(keyView(domain, key, keys));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectDkimKey(key);
      tx.deleteDkimKey(projectId, domain.id, key.id);
    });
    deps.domainChanged(projectId, domain.id);
  });

  handle(ops.replaceDkimKey, async ({ params, projectId }) => {
    const domain = await domainOf(projectId, params.id);
    const keys = await read.dkimKeys(projectId, domain.id);
    const old = keyIn(keys, params.key);
    const { steps, successor } = await prepareReplacement(
      { sealer, random, clock, dkimZone: zone },
      domain,
      keys,
      old,
      MOST_WITH_RETIRED,
    );
    const told = await deps.projectEvents(projectId);
    await transactor.transact(projectId, (tx) => {
      recordKeySteps(tx, steps);
      for (const content of steps.events) announce(told, tx, 'dkim.rotated', content, domain.defaultTopicId);
    });
    deps.domainChanged(projectId, domain.id);
    const after = keys.map((key) => steps.moves.find((move) => move.key.id === key.id)?.key ?? key);
    return keyView(domain, successor, [...after, ...steps.fresh]);
  });

  const dnsView = async (domain: MtaDomain): Promise<Resources['DomainDns']> => {
    const keys = await read.dkimKeys(domain.projectId, domain.id);
    const { dns } = domain;
    return {
      records: expectedRecords(domain.name, keys, deps.dns, dns?.spf.expected[0] ?? null).map(
        ({ zoneValue, ...record }) => ({ ...record, zone_value: zoneValue, ...stateOf(record, dns) }),
      ),
      obsolete_records: keys
        .filter((key) => key.state === 'retired' && delegationTarget(key, domain.name, zone) === null)
        .map((key) => ({
          type: 'TXT',
          name: keyRecord(key, domain.name, zone).name,
          ...keyWords(domain, key, keys, zone),
        })),
      dkim_zone: zone,
      last_check: checkView(dns),
      mx_seen: domain.mxSeen,
      dkim_enabled: domain.dkimEnabled,
    };
  };
  handle(ops.getDomainDns, async ({ params, projectId }) => {
    return dnsView(await domainOf(projectId, params.id));
  });
  handle(ops.checkDomainDns, async ({ params, projectId }) => {
    const { id } = await domainOf(projectId, params.id);
    return dnsView(found(await deps.checkDomain(projectId, id)));
  });
}

/** The result of the last check for the record. */
function stateOf(record: Pick<DnsRecord, 'purpose' | 'type' | 'name' | 'value'>, dns: DnsCheck | null) {
  const known = dns?.records?.find(
    ({ purpose, type, name, value }) =>
      purpose === record.purpose &&
      type === record.type &&
      name === record.name &&
      (value === null || value === record.value),
  );
  return known === undefined ? unchecked() : seen(known);
}
type Told = Pick<Resources['DomainDns']['records'][number], 'state' | 'found' | 'message' | 'message_ja'>;
function unchecked(): Told {
  return { state: 'unknown', found: [], ...inWords(finding('dns.unchecked')) };
}
function seen({ state, found: values, finding: what }: RecordState): Told {
  return { state, found: values, ...(what === null ? {} : inWords(what)) };
}
function checkView(dns: DnsCheck | null): Resources['DomainDns']['last_check'] {
  if (dns === null) return null;
  const view = ({ finding: what = null, ...item }: DnsCheckItem) => ({
    ...item,
    ...(what === null ? {} : inWords(what)),
  });
  return {
    checked_at: iso(dns.checkedAt),
    observed_at: iso(dns.observedAt ?? dns.checkedAt),
    authoritative: dns.authoritative ?? false,
    mx: view(dns.mx),
    spf: view(dns.spf),
    dkim: view(dns.dkim),
    dmarc: view(dns.dmarc),
  };
}
