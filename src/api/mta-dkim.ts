/** /mta/v1/domains/:id/{dkim_keys,dns}: the keys of a domain, the records it needs, and what DNS says of them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { canDelegate, delegationTarget, freeSelector, keyRecord } from '../domains/delegation.ts';
import { importPrivateKey, isSelector } from '../domains/dkim-import.ts';
import {
  ALGORITHMS,
  KEY_KINDS,
  type KeyKind,
  makeDkimKey,
  rsaBits,
  sealedKey,
} from '../domains/dkim-keys.ts';
import { type DnsRecord, expectedRecords } from '../domains/dns-records.ts';
import { finding, inWords } from '../domains/findings.ts';
import { keyWords, replacedBy, tellPending } from '../domains/key-steps.ts';
import { recordMayGoAt } from '../domains/rotation.ts';
import type { DkimKey, DnsCheck, DnsCheckItem, MtaDomain, RecordState } from '../domains/types.ts';
import type { ProjectId } from '../runtime/ids.ts';
import { found, pathId, permitted } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { byCreation, sendWhole } from './pages.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, List, WholeQuery } from './schemas.ts';

const KeyBody = Type.Object(
  {
    algorithm: Type.Optional(
      Type.Union(
        KEY_KINDS.map((kind) => Type.Literal(kind)),
        { description: 'of the key that is made; rsa-2048' },
      ),
    ),
    selector: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'needed for a key of your own; else a new one',
      }),
    ),
    delegated: Type.Optional(
      Type.Boolean({
        description:
          'whether the key is published here and led to by a CNAME record; true where this service has a zone for keys (`dkim_zone` of the DNS state) and neither selector nor private_key is given',
      }),
    ),
    private_key: Type.Optional(
      Type.String({ minLength: 1, maxLength: 20_000, description: 'PEM; never shown again' }),
    ),
  },
  { additionalProperties: false },
);
interface NewKey {
  readonly algorithm?: KeyKind;
  readonly selector?: string;
  readonly delegated?: boolean;
  readonly private_key?: string;
}
const KeyParams = Type.Object({ id: Type.String(), key: Type.String() });
/** Keys that are not retired; the records of more would not be looked after by anyone. */
const MOST_KEYS = 20;
const MOST_WITH_RETIRED = 100;

export function mtaDkimRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { read, transactor, random, clock, sealer } = deps;
  const zone = deps.dns.dkimZone ?? null;
  const domainOf = async (request: FastifyRequest, project: ProjectId): Promise<MtaDomain> =>
    found(await read.domain(project, pathId(request)));

  const keyView = (domain: MtaDomain, key: DkimKey) => {
    const record = keyRecord(key, domain.name, zone);
    // A delegated key's record stays: a later key takes the name.
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
      ...keyWords(domain, key, zone),
    };
  };

  app.get(
    '/domains/:id/dkim_keys',
    { schema: { params: IdParams, querystring: WholeQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.dkim_keys.list');
      const domain = await domainOf(request, projectId);
      const keys = await read.dkimKeys(projectId, domain.id);
      const whole = { items: keys, keyOf: byCreation, order: 'up' } as const;
      return sendWhole(request, reply, whole, (key) => keyView(domain, key));
    },
  );
  app.post(
    '/domains/:id/dkim_keys',
    {
      config: { operation: 'mta.dkim_keys.create' },
      schema: { params: IdParams, body: KeyBody, response: { 201: AnyObject } },
    },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.dkim_keys.create');
      const domain = await domainOf(request, projectId);
      const keys = await read.dkimKeys(projectId, domain.id);
      if (keys.filter(({ state }) => state !== 'retired').length >= MOST_KEYS)
        throw conflict('too-many-keys', `a domain has at most ${MOST_KEYS} keys; remove one first`);
      if (keys.length >= MOST_WITH_RETIRED)
        throw conflict(
          'too-many-keys',
          `a domain has at most ${MOST_WITH_RETIRED} keys with those that retired; remove one first`,
        );
      const key = await newKey(domain, keys, request.body as NewKey);
      const told = await deps.announce(projectId);
      await transactor.transact(projectId, (tx) => {
        for (const old of replacedBy([key], keys)) tx.deleteDkimKey(projectId, domain.id, old.id);
        tx.insertDkimKey(key);
        told.record(tx, 'dkim.rotated', tellPending(domain, key, zone), domain.defaultTopicId);
      });
      told.committed();
      deps.domainChanged(projectId, domain.id);
      return reply.code(201).send(keyView(domain, key));
    },
  );
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
      throw invalid('algorithm', 'is told by the private key; leave one of the two out');
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
        zone === null ? 'this service has no zone for keys' : 'the name of the domain is too long for it';
      throw invalid('delegated', reason);
    }
    const free = freeSelector(keys, algorithm);
    if (free !== null) return free;
    throw conflict(
      'too-many-keys',
      'both names of delegated keys of this algorithm are in use: wait until the older key has retired, delete one, or give a selector for a key you publish yourself',
    );
  }
  app.get(
    '/domains/:id/dkim_keys/:key',
    { schema: { params: KeyParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'mta.dkim_keys.get');
      const domain = await domainOf(request, projectId);
      return keyView(domain, await keyOf(request, domain));
    },
  );
  async function keyOf(request: FastifyRequest, domain: MtaDomain): Promise<DkimKey> {
    const id = pathId<'dkim-key'>(request, 'key');
    const keys = await read.dkimKeys(domain.projectId, domain.id);
    return found(keys.find((key) => key.id === id) ?? null);
  }
  app.delete('/domains/:id/dkim_keys/:key', { schema: { params: KeyParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'mta.dkim_keys.delete');
    const domain = await domainOf(request, projectId);
    const key = await keyOf(request, domain);
    const conditional = ifMatch(request, keyView(domain, key));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectDkimKey(key);
      tx.deleteDkimKey(projectId, domain.id, key.id);
    });
    deps.domainChanged(projectId, domain.id);
    return reply.code(204).send();
  });

  const dnsView = async (domain: MtaDomain) => {
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
          ...keyWords(domain, key, zone),
        })),
      dkim_zone: zone,
      last_check: checkView(dns),
      mx_seen: domain.mxSeen,
      dkim_enabled: domain.dkimEnabled,
    };
  };
  app.get(
    '/domains/:id/dns',
    { schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'mta.domains.get');
      return dnsView(await domainOf(request, projectId));
    },
  );
  app.post(
    '/domains/:id/dns/check',
    {
      config: { operation: 'mta.domains.update' },
      schema: { params: IdParams, response: { 200: AnyObject } },
    },
    async (request) => {
      const { projectId } = permitted(request, 'mta.domains.update');
      const { id } = await domainOf(request, projectId);
      return dnsView(found(await deps.checkDomain(projectId, id)));
    },
  );
}

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** What the last check said of the record. */
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
function unchecked() {
  return { state: 'unknown', found: [], ...inWords(finding('dns.unchecked')) };
}
function seen({ state, found: values, finding: what }: RecordState) {
  return { state, found: values, ...(what === null ? {} : inWords(what)) };
}
function checkView(dns: DnsCheck | null) {
  if (dns === null) return null;
  const view = ({ finding: what = null, ...item }: DnsCheckItem) => ({
    ...item,
    ...(what === null ? {} : inWords(what)),
  });
  return {
    checked_at: iso(dns.checkedAt),
    mx: view(dns.mx),
    spf: view(dns.spf),
    dkim: view(dns.dkim),
    dmarc: view(dns.dmarc),
  };
}
