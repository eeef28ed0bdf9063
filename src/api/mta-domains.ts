/** /mta/v1/domains: sets domains up for mail, changes and removes them. */

import * as ops from '../contract/operations/mta-domains.ts';
import type { Resources } from '../contract/resources/index.ts';
import { canDelegate } from '../domains/delegation.ts';
import { makeDkimKeys } from '../domains/dkim-keys.ts';
import type { MtaDomain } from '../domains/mta-domains.ts';
import { nextStep } from '../domains/next-step.ts';
import { REMOVED_CAUSES, recordRemoval } from '../domains/removal.ts';
import { DEFAULT_ROTATION_DAYS } from '../domains/rotation.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import { createTopicOf, found, selfId, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Call, Handle } from './handle.ts';
import { judgedAgain } from './judged.ts';
import { list } from './pages.ts';
import { invalid, Problem } from './problems.ts';

type Changes = Call<typeof ops.updateDomain>['body'];

export function mtaDomainRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const domainOf = async (project: ProjectId, id: DomainId): Promise<MtaDomain> =>
    found(await read.domain(project, id));
  const topicOf = createTopicOf(read);
  /** The limits of a domain must not exceed those of the project. */
  async function checkLimits(project: ProjectId, { limits = {} }: Changes): Promise<void> {
    const own = (await read.projectLimits(project)) ?? deps.limitDefaults;
    for (const [name, most] of [
      ['per_minute', own.perMinute],
      ['per_day', own.perDay],
    ] as const)
      if (most > 0 && (limits[name] ?? 0) > most)
        throw invalid(`limits.${name}`, `is above the project's limit of ${most}`);
  }
  /** Only what the request sets. */
  function changesOf({ receiving, dkim_enabled: same, dkim, limits }: Changes): Partial<MtaDomain> {
    const enabled = dkim?.enabled ?? same;
    return {
      ...(receiving === undefined ? {} : { receiving }),
      ...(enabled === undefined ? {} : { dkimEnabled: enabled }),
      ...(dkim?.rotation_days === undefined ? {} : { dkimRotationDays: dkim.rotation_days }),
      ...(limits?.per_minute === undefined ? {} : { limitPerMinute: limits.per_minute }),
      ...(limits?.per_day === undefined ? {} : { limitPerDay: limits.per_day }),
    };
  }

  const show = async (domain: MtaDomain): Promise<Resources['MtaDomain']> => {
    const rules = await read.rules(domain.projectId, domain.id, 'incoming');
    return { ...views.domain(domain), next_step: nextStep(domain, rules.length) };
  };

  handle(ops.listDomains, async ({ projectId }) => {
    return list((page) => read.domains(projectId, page), show);
  });
  const create = async ({ body, projectId }: Call<typeof ops.createDomain>) => {
    const owned = await read.ownedDomain(
      projectId,
      selfId(body.domain.self, '/iam/v1/domains', 'domain.self'),
    );
    if (owned === null) throw invalid('domain.self', 'there is no such domain');
    if (owned.verifiedAt === null)
      throw new Problem('domain-not-verified', `the ownership of ${owned.name} is not verified yet`);
    const id = random.id<'mta-domain'>();
    const domain: MtaDomain = {
      id,
      projectId,
      ownedDomainId: owned.id,
      name: owned.name,
      defaultTopicId: await topicOf(projectId, body.default_topic, 'default_topic'),
      receiving: true,
      mxSeen: false,
      dkimEnabled: false,
      dkimRotationDays: DEFAULT_ROTATION_DAYS,
      limitPerMinute: null,
      limitPerDay: null,
      dns: null,
      createdAt: clock.now(),
      ...changesOf(body),
    };
    await checkLimits(projectId, body);
    const keys = await makeDkimKeys(
      { random, sealer: deps.sealer, clock },
      { projectId, domainId: id },
      canDelegate(owned.name, deps.dns.dkimZone ?? null),
    );
    await transactor.transact(projectId, (tx) => {
      // Its ownership may just have ended.
      tx.expectOwnedDomain(owned);
      tx.insertDomain(domain);
      for (const key of keys) tx.insertDkimKey(key);
    });
    deps.domainChanged(projectId, id);
    return await show(domain);
  };
  handle(ops.createDomain, (call) => judgedAgain(() => create(call)));
  handle(ops.getDomain, async ({ params, projectId }) => {
    return show(await domainOf(projectId, params.id));
  });
  handle(ops.updateDomain, async ({ body, params, projectId, ifMatch }) => {
    const before = await domainOf(projectId, params.id);
    await checkLimits(projectId, body);
    const conditional = ifMatch(await show(before));
    const changes: Partial<MtaDomain> = {
      ...changesOf(body),
      ...(body.default_topic === undefined
        ? {}
        : { defaultTopicId: await topicOf(projectId, body.default_topic, 'default_topic') }),
    };
    const domain = { ...before, ...changes };
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectDomain(before);
      tx.updateDomain({ projectId, id: before.id, ...changes });
    });
    if (body.limits !== undefined) deps.limitsRaised(projectId);
    deps.domainChanged(projectId, domain.id);
    return show(domain);
  });
  handle(ops.deleteDomain, async ({ params, projectId, ifMatch }) => {
    const domain = await domainOf(projectId, params.id);
    const now = clock.now();
    const conditional = ifMatch(await show(domain));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectDomain(domain);
      recordRemoval(tx, domain, 'deleted', now);
    });
    deps.cancelQueued(projectId, domain.id, REMOVED_CAUSES.deleted);
  });
  handle(ops.listRemovedDomains, async ({ projectId }) => {
    return list((page) => read.removedDomains(projectId, page), views.removedDomain);
  });
}
