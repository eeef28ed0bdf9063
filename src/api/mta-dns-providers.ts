/**
 * /mta/v1/dns_accounts and /mta/v1/domains/:id/dns/{plan,apply,undo,changes}: a domain's records set at its DNS provider.
 * Credentials go in and never come out. A provider's refusal is the caller's to mend (409), its silence is not (502).
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { readSettings, SettingsError, sealSettings } from '../domains/dns-providers/accounts.ts';
import type { ApplyResult, UndoResult } from '../domains/dns-providers/automatic.ts';
import { PLAN_LIFE_MS } from '../domains/dns-providers/automatic.ts';
import {
  type DnsAccount,
  type DnsChange,
  type DnsProviderError,
  PROVIDERS,
  type ProviderName,
  type SetChange,
  type StoredPlan,
} from '../domains/dns-providers/types.ts';
import { failure, notAsPlanned } from '../domains/dns-providers/words.ts';
import type { MtaDomain } from '../domains/types.ts';
import { type Id, type ProjectId, parseId } from '../runtime/ids.ts';
import { callerOf, found, pathId, permitted, selfId } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { sendList } from './pages.ts';
import { conflict, invalid, Problem } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery, ResourceName, Self } from './schemas.ts';

const Settings = Type.Record(
  Type.String({ maxLength: 100 }),
  Type.Union([Type.String({ maxLength: 4096 }), Type.Integer()]),
  { maxProperties: 20, description: 'by provider; credentials are never shown again' },
);
const Create = Type.Object(
  {
    provider: Type.Union(PROVIDERS.map((name) => Type.Literal(name))),
    name: ResourceName,
    settings: Settings,
  },
  { additionalProperties: false },
);
const Change = Type.Object(
  { name: Type.Optional(ResourceName), settings: Type.Optional(Settings) },
  { additionalProperties: false },
);
const Plan = Type.Object({ account: Self }, { additionalProperties: false });
const Apply = Type.Object(
  {
    account: Self,
    plan_id: Type.String({ maxLength: 36 }),
    replace_mx: Type.Optional(
      Type.Boolean({
        description: 'true: foreign MX go away; false: MX is left alone; needed where there are any',
      }),
    ),
  },
  { additionalProperties: false },
);
const Undo = Type.Object({ change_id: Type.String({ maxLength: 36 }) }, { additionalProperties: false });
const CHECKED_DOMAINS = 50;
const iso = (ms: number) => new Date(ms).toISOString();

export function mtaDnsProviderRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { read, transactor, random, clock, automaticDns } = deps;
  const self = (id: DnsAccount['id']) => `${deps.publicUrl()}/mta/v1/dns_accounts/${id}`;
  const accountView = ({ id, provider, name, settings, createdAt }: DnsAccount) => ({
    id,
    self: self(id),
    provider,
    name,
    settings,
    created_at: iso(createdAt),
  });
  const setView = ({ name, type, before, after, ttl }: SetChange) => ({ name, type, before, after, ttl });
  const planView = ({ id, accountId, zone, plan, createdAt }: StoredPlan) => ({
    id,
    account: { self: self(accountId) },
    zone: zone.name,
    changes: plan.changes.map((change) => ({
      purpose: change.purpose,
      ...setView(change),
      message: change.message,
      message_ja: change.message_ja,
    })),
    kept: plan.kept,
    conflicts: plan.conflicts,
    replaces_mx: plan.foreignMx,
    created_at: iso(createdAt),
    expires_at: iso(createdAt + PLAN_LIFE_MS),
  });
  const changeView = (c: DnsChange) => ({
    id: c.id,
    kind: c.kind,
    undoes: c.undoes,
    account: { self: self(c.accountId) },
    zone: c.zone.name,
    state: c.state,
    changes: c.changes.map(setView),
    done: c.done,
    cause: c.cause,
    actor: c.actor,
    created_at: iso(c.createdAt),
    completed_at: c.completedAt === null ? null : iso(c.completedAt),
  });
  const oneAccount = async (request: FastifyRequest, project: ProjectId) =>
    found(await read.dnsAccount(project, pathId(request)));
  const oneDomain = async (request: FastifyRequest, project: ProjectId) =>
    found(await read.domain(project, pathId(request)));
  async function accountOf(project: ProjectId, reference: { self: string }): Promise<DnsAccount> {
    const account = await read.dnsAccount(
      project,
      selfId(reference.self, '/mta/v1/dns_accounts', 'account.self'),
    );
    if (account === null) throw invalid('account.self', 'there is no such account');
    return account;
  }
  /** An id in a body, or a problem of its field. */
  function bodyId<K extends string>(text: string, field: string): Id<K> {
    const id = parseId<K>(text);
    if (id === null) throw invalid(field, 'is not an id');
    return id;
  }
  function settingsOf(provider: ProviderName, given: Record<string, unknown>) {
    try {
      return readSettings(provider, given, deps.allowPrivateTargets);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      throw invalid(`settings.${error.field}`, error.message);
    }
  }

  app.get(
    '/dns_accounts',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.dns_accounts.list');
      return sendList(request, reply, (page) => read.dnsAccounts(projectId, page), accountView);
    },
  );
  app.post(
    '/dns_accounts',
    {
      config: { operation: 'mta.dns_accounts.create' },
      schema: { body: Create, response: { 201: AnyObject } },
    },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.dns_accounts.create');
      const body = request.body as {
        provider: ProviderName;
        name: string;
        settings: Record<string, unknown>;
      };
      const base = {
        id: random.id<'dns-account'>(),
        projectId,
        provider: body.provider,
        name: body.name,
        createdAt: clock.now(),
      };
      const sealed = sealSettings(deps.sealer, base, settingsOf(body.provider, body.settings));
      const account: DnsAccount = { ...base, ...sealed };
      await transactor.transact(projectId, (tx) => tx.insertDnsAccount(account));
      return reply.code(201).send(accountView(account));
    },
  );
  app.get(
    '/dns_accounts/:id',
    { schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'mta.dns_accounts.get');
      return accountView(await oneAccount(request, projectId));
    },
  );
  app.patch(
    '/dns_accounts/:id',
    { schema: { params: IdParams, body: Change, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'mta.dns_accounts.update');
      const before = await oneAccount(request, projectId);
      const { name = before.name, settings } = request.body as {
        name?: string;
        settings?: Record<string, unknown>;
      };
      // All settings or none: a stored credential is never sent to an address that is given later.
      const sealed =
        settings === undefined
          ? {}
          : sealSettings(deps.sealer, before, settingsOf(before.provider, settings));
      const account: DnsAccount = { ...before, name, ...sealed };
      const conditional = ifMatch(request, accountView(before));
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectDnsAccount(before);
        tx.updateDnsAccount(account);
      });
      return accountView(account);
    },
  );
  app.delete('/dns_accounts/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'mta.dns_accounts.delete');
    const account = await oneAccount(request, projectId);
    const conditional = ifMatch(request, accountView(account));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectDnsAccount(account);
      tx.deleteDnsAccount(projectId, account.id);
    });
    return reply.code(204).send();
  });
  app.post(
    '/dns_accounts/:id/test',
    {
      config: { operation: 'mta.dns_accounts.update' },
      schema: { params: IdParams, response: { 200: AnyObject } },
    },
    async (request) => {
      const { projectId } = permitted(request, 'mta.dns_accounts.update');
      const account = await oneAccount(request, projectId);
      const domains = await read.domains(projectId, { limit: CHECKED_DOMAINS, cursor: null });
      const { error, zones } = await automaticDns.check(
        account,
        domains.items.map(({ name }) => name),
      );
      return {
        ok: error === null,
        error: error === null ? null : { code: error.code, ...failure(error.code, error.message) },
        domains: [...zones].map(([name, zone]) => ({ name, zone: zone?.name ?? null })),
      };
    },
  );

  app.post(
    '/domains/:id/dns/plan',
    {
      config: { operation: 'mta.domains.update' },
      schema: { params: IdParams, body: Plan, response: { 200: AnyObject } },
    },
    async (request) => {
      const { projectId } = permitted(request, 'mta.domains.update');
      permitted(request, 'mta.dns_accounts.get');
      const domain = await oneDomain(request, projectId);
      const account = await accountOf(projectId, (request.body as { account: { self: string } }).account);
      const result = await automaticDns.plan(domain, account);
      if (result.kind === 'failed') throw providerProblem(result.error);
      if (result.kind === 'no-zone') throw noZone(domain, account);
      return planView(result.plan);
    },
  );
  app.post(
    '/domains/:id/dns/apply',
    {
      config: { operation: 'mta.domains.update' },
      schema: { params: IdParams, body: Apply, response: { 200: AnyObject } },
    },
    async (request) => {
      const principal = permitted(request, 'mta.domains.update');
      permitted(request, 'mta.dns_accounts.update');
      const { projectId } = principal;
      const domain = await oneDomain(request, projectId);
      const body = request.body as { account: { self: string }; plan_id: string; replace_mx?: boolean };
      const account = await accountOf(projectId, body.account);
      const plan = await read.dnsPlan(projectId, domain.id, bodyId<'dns-plan'>(body.plan_id, 'plan_id'));
      if (plan === null) throw invalid('plan_id', 'there is no such plan, or it was used');
      if (plan.accountId !== account.id)
        throw invalid('account.self', 'the plan was made with another account');
      return shown(
        await automaticDns.apply(account, plan, body.replace_mx ?? null, callerOf(principal)),
        domain,
      );
    },
  );
  app.post(
    '/domains/:id/dns/undo',
    {
      config: { operation: 'mta.domains.update' },
      schema: { params: IdParams, body: Undo, response: { 200: AnyObject } },
    },
    async (request) => {
      const principal = permitted(request, 'mta.domains.update');
      permitted(request, 'mta.dns_accounts.update');
      const { projectId } = principal;
      const domain = await oneDomain(request, projectId);
      const { change_id: text } = request.body as { change_id: string };
      const change = await read.dnsChange(projectId, domain.id, bodyId<'dns-change'>(text, 'change_id'));
      if (change === null) throw invalid('change_id', 'there is no such change');
      return shown(await automaticDns.undo(change, callerOf(principal)), domain);
    },
  );
  app.get(
    '/domains/:id/dns/changes',
    { schema: { params: IdParams, querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.domains.get');
      const domain = await oneDomain(request, projectId);
      return sendList(request, reply, (page) => read.dnsChanges(projectId, domain.id, page), changeView);
    },
  );

  /** What came of a change, or the problem that it is. */
  function shown(result: ApplyResult | UndoResult, domain: MtaDomain) {
    switch (result.kind) {
      case 'expired':
        throw conflict('dns-plan-expired', 'the plan is older than an hour: plan again');
      case 'mx-unconfirmed':
        throw new Problem(
          409,
          'mx-replacement-unconfirmed',
          'Conflict',
          `replace_mx: mail would no longer go to ${result.foreignMx.join(', ')}; true replaces them, false leaves MX alone`,
          { field: 'replace_mx' },
        );
      case 'account-gone':
        throw conflict('dns-account-gone', 'the account with which this was changed is removed');
      case 'running':
        throw conflict('dns-change-running', 'the change is still under way');
      case 'failed':
        throw providerProblem(result.error);
    }
    const { change, outcome } = result;
    switch (outcome.kind) {
      case 'changed':
        throw conflict('dns-changed', notAsPlanned(outcome.sets).message);
      case 'failed':
        throw providerProblem(outcome.error);
      case 'partial':
        throw new Problem(
          502,
          'dns-partly-changed',
          'Partly changed',
          `only ${outcome.done.map(({ name, type }) => `${type} ${name}`).join(', ')} was changed (${outcome.cause}); change ${change.id} can be undone`,
        );
      case 'unknown':
        throw new Problem(
          502,
          'dns-change-unknown',
          'Unknown outcome',
          `it is not known what was changed (${outcome.cause}); change ${change.id} can be undone`,
        );
    }
    // What DNS shows now is looked at without anyone waiting for it.
    void deps
      .checkDomain(domain.projectId, domain.id)
      .catch((error: unknown) =>
        deps.logger.warn(
          { domain: domain.name, error: String(error) },
          'DNS could not be checked after a change',
        ),
      );
    return { ...changeView(change), propagated: outcome.propagated };
  }
}

function noZone(domain: MtaDomain, account: DnsAccount): Problem {
  return conflict(
    'dns-zone-not-found',
    `the account ${account.name} has no zone that ${domain.name} lies in`,
  );
}
function providerProblem({ code, message }: DnsProviderError): Problem {
  const detail = failure(code, message).message;
  switch (code) {
    case 'credentials':
      return conflict('dns-provider-credentials', detail);
    case 'ambiguous-zone':
      return conflict('dns-provider-ambiguous-zone', detail);
    case 'blocked-address':
      return conflict('dns-provider-blocked-address', detail);
    case 'refused':
      return conflict('dns-provider-refused', detail);
    case 'unreachable':
      return new Problem(502, 'dns-provider-unreachable', 'Provider unreachable', detail);
  }
}
