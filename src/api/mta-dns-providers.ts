import * as ops from '../contract/operations/mta-dns.ts';
import type { Resources } from '../contract/resources/index.ts';
import { sealSettings } from '../domains/dns-providers/accounts.ts';
import type { ApplyResult, UndoResult } from '../domains/dns-providers/automatic.ts';
import { PLAN_LIFE_MS } from '../domains/dns-providers/automatic.ts';
import { dnsProviderOf } from '../domains/dns-providers/kinds.ts';
import type {
  DnsAccount,
  DnsChange,
  DnsProviderError,
  SetChange,
  StoredPlan,
} from '../domains/dns-providers/provider.ts';
import { failure, notAsPlanned } from '../domains/dns-providers/words.ts';
import type { MtaDomain } from '../domains/mta-domains.ts';
import { type DnsAccountId, type DomainId, type Id, type ProjectId, parseId } from '../runtime/ids.ts';
import { callerOf, found, selfId } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Handle } from './handle.ts';
import { kindList, settingsOf } from './kinds.ts';
import { list } from './pages.ts';
import { invalid, Problem } from './problems.ts';
import { iso } from './times.ts';

const CHECKED_DOMAINS = 50;

export function mtaDnsProviderRoutes(handle: Handle, deps: ApiDeps): void {
  const { read, transactor, random, clock, automaticDns } = deps;
  const self = (id: DnsAccount['id']) => `${deps.publicUrl()}/mta/v1/dns_accounts/${id}`;
  const accountView = ({
    id,
    provider,
    name,
    settings,
    createdAt,
    broken,
  }: DnsAccount): Resources['DnsAccount'] => ({
    id,
    self: self(id),
    provider,
    name,
    settings,
    ...(broken === true ? { broken } : {}),
    created_at: iso(createdAt),
  });
  const setView = ({ name, type, before, after, ttl }: SetChange) => ({ name, type, before, after, ttl });
  const planView = ({ id, accountId, zone, plan, createdAt }: StoredPlan): Resources['DnsPlan'] => ({
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
  const changeView = (c: DnsChange): Resources['DnsChange'] => ({
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
    completed_at: iso(c.completedAt),
  });
  const oneAccount = async (project: ProjectId, id: DnsAccountId) =>
    found(await read.dnsAccount(project, id));
  const oneDomain = async (project: ProjectId, id: DomainId): Promise<MtaDomain> =>
    found(await read.domain(project, id));
  async function accountOf(project: ProjectId, reference: { self: string }): Promise<DnsAccount> {
    const account = await read.dnsAccount(
      project,
      selfId(reference.self, '/mta/v1/dns_accounts', 'account.self'),
    );
    if (account === null) throw invalid('account.self', 'there is no such account');
    return account;
  }
  /** Reads an id from a body. Throws a Problem that names the field. */
  function bodyId<K extends string>(text: string, field: string): Id<K> {
    const id = parseId<K>(text);
    if (id === null) throw invalid(field, 'is not an id');
    return id;
  }

  function sealedOf(
    account: Pick<DnsAccount, 'projectId' | 'id' | 'provider'>,
    given: Readonly<Record<string, unknown>>,
  ): Pick<DnsAccount, 'settings' | 'sealedSettings'> {
    const kind = dnsProviderOf(account.provider);
    if (kind === null)
      throw invalid('settings', `this version does not know the provider ${account.provider} of the account`);
    const settings = settingsOf(kind, given, 'settings.', deps.allowPrivateTargets);
    return sealSettings(deps.sealer, account, kind, settings);
  }

  handle(ops.listDnsProviders, async () => kindList('dns_provider'));
  handle(ops.listDnsAccounts, async ({ projectId }) => {
    return list((page) => read.dnsAccounts(projectId, page), accountView);
  });
  handle(ops.createDnsAccount, async ({ body, projectId }) => {
    const base = {
      id: random.id<'dns-account'>(),
      projectId,
      provider: body.provider,
      name: body.name,
      createdAt: clock.now(),
    };
    const account: DnsAccount = { ...base, ...sealedOf(base, body.settings) };
    await transactor.transact(projectId, (tx) => tx.insertDnsAccount(account));
    return accountView(account);
  });
  handle(ops.getDnsAccount, async ({ params, projectId }) => {
    return accountView(await oneAccount(projectId, params.id));
  });
  handle(ops.updateDnsAccount, async ({ body, params, projectId, ifMatch }) => {
    const before = await oneAccount(projectId, params.id);
    const { name, settings } = body;
    // All settings are replaced, or none: a stored credential is never sent to an address that is set later.
    const sealed = settings === undefined ? {} : sealedOf(before, settings);
    const { broken, ...whole } = before;
    const account: DnsAccount = { ...whole, ...(name === undefined ? {} : { name }), ...sealed };
    const conditional = ifMatch(accountView(before));
    await transactor.transact(projectId, (tx) => {
      // What cannot be read cannot be compared either.
      if (conditional && broken !== true) tx.expectDnsAccount(before);
      tx.updateDnsAccount({ projectId, id: before.id, ...(name === undefined ? {} : { name }), ...sealed });
    });
    return accountView(account);
  });
  handle(ops.deleteDnsAccount, async ({ params, projectId, ifMatch }) => {
    const account = await oneAccount(projectId, params.id);
    const conditional = ifMatch(accountView(account));
    await transactor.transact(projectId, (tx) => {
      if (conditional && account.broken !== true) tx.expectDnsAccount(account);
      tx.deleteDnsAccount(projectId, account.id);
    });
  });
  handle(ops.testDnsAccount, async ({ params, projectId }) => {
    const account = await oneAccount(projectId, params.id);
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
  });

  handle(ops.planDomainDns, async ({ body, params, projectId }) => {
    const domain = await oneDomain(projectId, params.id);
    const account = await accountOf(projectId, body.account);
    const result = await automaticDns.plan(domain, account);
    if (result.kind === 'failed') throw providerProblem(result.error);
    if (result.kind === 'no-zone') throw noZone(domain, account);
    return planView(result.plan);
  });
  handle(ops.applyDomainDns, async ({ body, params, principal, projectId }) => {
    const domain = await oneDomain(projectId, params.id);
    const account = await accountOf(projectId, body.account);
    const plan = await read.dnsPlan(projectId, domain.id, bodyId<'dns-plan'>(body.plan_id, 'plan_id'));
    if (plan === null) throw invalid('plan_id', 'there is no such plan, or it was used');
    if (plan.accountId !== account.id)
      throw invalid('account.self', 'the plan was made with another account');
    return shown(
      await automaticDns.apply(account, plan, body.replace_mx ?? null, callerOf(principal)),
      domain,
    );
  });
  handle(ops.undoDomainDns, async ({ body, params, principal, projectId }) => {
    const domain = await oneDomain(projectId, params.id);
    const { change_id: text } = body;
    const change = await read.dnsChange(projectId, domain.id, bodyId<'dns-change'>(text, 'change_id'));
    if (change === null) throw invalid('change_id', 'there is no such change');
    return shown(await automaticDns.undo(change, callerOf(principal)), domain);
  });
  handle(ops.listDnsChanges, async ({ params, projectId }) => {
    const domain = await oneDomain(projectId, params.id);
    return list((page) => read.dnsChanges(projectId, domain.id, page), changeView);
  });

  /** Returns the result of a change, or throws its Problem. */
  function shown(result: ApplyResult | UndoResult, domain: MtaDomain) {
    switch (result.kind) {
      case 'expired':
        throw new Problem('dns-plan-expired', 'the plan is older than an hour: plan again');
      case 'mx-unconfirmed':
        throw new Problem(
          'mx-replacement-unconfirmed',
          `replace_mx is needed: the domain has the MX records ${result.foreignMx.join(', ')}; true replaces them, so that mail no longer goes there, false leaves them unchanged`,
          { field: 'replace_mx' },
        );
      case 'account-gone':
        throw new Problem('dns-account-gone', 'the account that made this change was removed');
      case 'running':
        throw new Problem('dns-change-running', 'the change is still in progress');
      case 'failed':
        throw providerProblem(result.error);
    }
    const { change, outcome } = result;
    switch (outcome.kind) {
      case 'changed':
        throw new Problem('dns-changed', notAsPlanned(outcome.sets).message);
      case 'failed':
        throw providerProblem(outcome.error);
      case 'partial':
        throw new Problem(
          'dns-partly-changed',
          `only ${outcome.done.map(({ name, type }) => `${type} ${name}`).join(', ')} was changed (${outcome.cause}); change ${change.id} can be undone`,
        );
      case 'unknown':
        throw new Problem(
          'dns-change-unknown',
          `the service does not know which records were changed (${outcome.cause}); change ${change.id} can be undone`,
        );
    }
    // The DNS check runs in the background; the answer does not wait for it.
    void deps
      .checkDomain(domain.projectId, domain.id)
      .catch((error: unknown) =>
        deps.logger.warn(
          { domain: domain.name, error: String(error) },
          'the DNS check after a change failed',
        ),
      );
    return { ...changeView(change), propagated: outcome.propagated };
  }
}

function noZone(domain: MtaDomain, account: DnsAccount): Problem {
  return new Problem(
    'dns-zone-not-found',
    `the account ${account.name} has no zone that contains ${domain.name}`,
  );
}
function providerProblem({ code, message }: DnsProviderError): Problem {
  const detail = failure(code, message).message;
  switch (code) {
    case 'credentials':
      return new Problem('dns-provider-credentials', detail);
    case 'ambiguous-zone':
      return new Problem('dns-provider-ambiguous-zone', detail);
    case 'blocked-address':
      return new Problem('dns-provider-blocked-address', detail);
    case 'refused':
      return new Problem('dns-provider-refused', detail);
    case 'unreachable':
      return new Problem('dns-provider-unreachable', detail);
  }
}
