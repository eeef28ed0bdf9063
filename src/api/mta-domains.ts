/** /mta/v1/domains: set up and remove sending and receiving, and the three families of rules. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { canDelegate } from '../domains/delegation.ts';
import { makeDkimKeys } from '../domains/dkim-keys.ts';
import { nextStep } from '../domains/next-step.ts';
import { REMOVED_CAUSES, recordRemoval } from '../domains/removal.ts';
import { DEFAULT_ROTATION_DAYS, LEAST_ROTATION_DAYS, MOST_ROTATION_DAYS } from '../domains/rotation.ts';
import type { MtaDomain } from '../domains/types.ts';
import { DELIVERY_EVENTS, PROJECT_EVENTS } from '../events/catalogue.ts';
import { isRuleLocalPart } from '../rules/local-part.ts';
import type { Rule } from '../rules/types.ts';
import type { DomainId, ProjectId, TopicId } from '../runtime/ids.ts';
import type { PageRequest } from '../runtime/transactor.ts';
import { found, pathId, permitted, selfId, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { MOST_ITEMS, sendList } from './pages.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery, Self, WholeQuery } from './schemas.ts';

const Limits = Type.Object(
  {
    per_minute: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
    per_day: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
  },
  { additionalProperties: false },
);
const Switches = {
  receiving: Type.Optional(Type.Boolean()),
  dkim_enabled: Type.Optional(Type.Boolean({ description: 'the same as dkim.enabled' })),
  dkim: Type.Optional(
    Type.Object(
      {
        enabled: Type.Optional(Type.Boolean()),
        rotation_days: Type.Optional(
          Type.Union(
            [Type.Integer({ minimum: LEAST_ROTATION_DAYS, maximum: MOST_ROTATION_DAYS }), Type.Null()],
            { description: 'days after which a key gets a successor; null: never by itself' },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  ),
  limits: Type.Optional(Limits),
};
const Create = Type.Object(
  { domain: Self, default_topic: Self, ...Switches },
  { additionalProperties: false },
);
const Change = Type.Object(
  { default_topic: Type.Optional(Self), ...Switches },
  { additionalProperties: false },
);
const RuleParams = Type.Object({ id: Type.String(), rule: Type.String() });
interface Changes {
  receiving?: boolean;
  dkim_enabled?: boolean;
  dkim?: { enabled?: boolean; rotation_days?: number | null };
  limits?: { per_minute?: number | null; per_day?: number | null };
  default_topic?: { self: string };
}
const RULE_BODIES = {
  incoming: Type.Object(
    {
      type: Type.Union([Type.Literal('account'), Type.Literal('all'), Type.Literal('catch_all')]),
      local_part: Type.Optional(Type.String({ maxLength: 64 })),
      topic: Self,
    },
    { additionalProperties: false },
  ),
  outgoing: Type.Object({ topic: Self }, { additionalProperties: false }),
  event: Type.Object(
    { names: Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 50 }), topic: Self },
    { additionalProperties: false },
  ),
};

export function mtaDomainRoutes(app: FastifyInstance, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const domainOf = async (request: FastifyRequest, project: ProjectId): Promise<MtaDomain> =>
    found(await read.domain(project, pathId(request)));
  async function topicOf(project: ProjectId, reference: { self: string }, field: string): Promise<TopicId> {
    const topic = await read.topic(project, selfId(reference.self, '/edj/v1/topics', `${field}.self`));
    if (topic === null) throw invalid(`${field}.self`, 'there is no such topic');
    return topic.id;
  }
  /** A domain's own limits go up to the project's. */
  async function checkLimits(project: ProjectId, { limits = {} }: Changes): Promise<void> {
    const own = (await read.projectLimits(project)) ?? deps.limitDefaults;
    for (const [name, most] of [
      ['per_minute', own.perMinute],
      ['per_day', own.perDay],
    ] as const)
      if (most > 0 && (limits[name] ?? 0) > most)
        throw invalid(`limits.${name}`, `is above the project's limit of ${most}`);
  }
  const apply = (domain: MtaDomain, { receiving, dkim_enabled: same, dkim, limits }: Changes): MtaDomain => ({
    ...domain,
    receiving: receiving ?? domain.receiving,
    dkimEnabled: dkim?.enabled ?? same ?? domain.dkimEnabled,
    dkimRotationDays: dkim?.rotation_days === undefined ? domain.dkimRotationDays : dkim.rotation_days,
    limitPerMinute: limits?.per_minute === undefined ? domain.limitPerMinute : limits.per_minute,
    limitPerDay: limits?.per_day === undefined ? domain.limitPerDay : limits.per_day,
  });

  const show = async (domain: MtaDomain) => {
    const rules = await read.rules(domain.projectId, domain.id, 'incoming');
    return { ...views.domain(domain), next_step: nextStep(domain, rules.length) };
  };

  app.get(
    '/domains',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.domains.list');
      return sendList(request, reply, (page) => read.domains(projectId, page), show);
    },
  );
  app.post(
    '/domains',
    { config: { operation: 'mta.domains.create' }, schema: { body: Create, response: { 201: AnyObject } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.domains.create');
      const body = request.body as Changes & { domain: { self: string }; default_topic: { self: string } };
      const owned = await read.ownedDomain(
        projectId,
        selfId(body.domain.self, '/iam/v1/domains', 'domain.self'),
      );
      if (owned === null) throw invalid('domain.self', 'there is no such domain');
      if (owned.verifiedAt === null)
        throw conflict('domain-not-verified', `the ownership of ${owned.name} is not proved yet`);
      const id = random.id<'mta-domain'>();
      const domain = apply(
        {
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
        },
        body,
      );
      await checkLimits(projectId, body);
      const keys = await makeDkimKeys(
        { random, sealer: deps.sealer, clock },
        { projectId, domainId: id },
        canDelegate(owned.name, deps.dns.dkimZone ?? null),
      );
      await transactor.transact(projectId, (tx) => {
        tx.insertDomain(domain);
        for (const key of keys) tx.insertDkimKey(key);
      });
      deps.domainChanged(projectId, id);
      return reply.code(201).send(await show(domain));
    },
  );
  app.get('/domains/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'mta.domains.get');
    return show(await domainOf(request, projectId));
  });
  app.patch(
    '/domains/:id',
    { schema: { params: IdParams, body: Change, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'mta.domains.update');
      const body = request.body as Changes;
      const before = await domainOf(request, projectId);
      await checkLimits(projectId, body);
      const conditional = ifMatch(request, await show(before));
      const topic =
        body.default_topic === undefined
          ? before.defaultTopicId
          : await topicOf(projectId, body.default_topic, 'default_topic');
      const domain = { ...apply(before, body), defaultTopicId: topic };
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectDomain(before);
        tx.updateDomain(domain);
      });
      if (body.limits !== undefined) deps.limitsRaised(projectId);
      deps.domainChanged(projectId, domain.id);
      return show(domain);
    },
  );
  app.delete('/domains/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'mta.domains.delete');
    const domain = await domainOf(request, projectId);
    const now = clock.now();
    const conditional = ifMatch(request, await show(domain));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectDomain(domain);
      recordRemoval(tx, domain, 'deleted', now);
    });
    deps.cancelQueued(projectId, domain.id, REMOVED_CAUSES.deleted);
    return reply.code(204).send();
  });
  app.get(
    '/removed_domains',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'mta.domains.list');
      return sendList(request, reply, (page) => read.removedDomains(projectId, page), views.removedDomain);
    },
  );

  function ruleRoutes(family: Rule['family'], path: string, params: 'domain' | 'project'): void {
    const place = async (request: FastifyRequest, project: ProjectId): Promise<DomainId | null> =>
      params === 'project' ? null : (await domainOf(request, project)).id;
    const one = async (request: FastifyRequest, project: ProjectId): Promise<Rule> => {
      const domainId = await place(request, project);
      const rule = await read.rule(project, pathId(request, 'rule'));
      return found(rule !== null && rule.family === family && rule.domainId === domainId ? rule : null);
    };
    const listParams = params === 'project' ? {} : { params: IdParams };
    const oneParams = { params: params === 'project' ? Type.Object({ rule: Type.String() }) : RuleParams };
    const policy = `mta.${family}_rules`;
    const listed = { ...listParams, querystring: WholeQuery, response: { 200: List } };
    app.get(path, { schema: listed }, async (request, reply) => {
      const { projectId } = permitted(request, `${policy}.list`);
      const domainId = await place(request, projectId);
      const pages = (page: PageRequest) => read.rulePage(projectId, domainId, family, page);
      return sendList(request, reply, pages, views.rule, { most: MOST_ITEMS });
    });
    app.post(
      path,
      {
        config: { operation: `${policy}.create` },
        schema: { ...listParams, body: RULE_BODIES[family], response: { 201: AnyObject } },
      },
      async (request, reply) => {
        const { projectId } = permitted(request, `${policy}.create`);
        const domainId = await place(request, projectId);
        const body = request.body as {
          type: 'account' | 'all' | 'catch_all';
          local_part?: string;
          names: string[];
          topic: { self: string };
        };
        const base = {
          id: random.id<'rule'>(),
          projectId,
          topicId: await topicOf(projectId, body.topic, 'topic'),
          createdAt: clock.now(),
        };
        let rule: Rule;
        if (family === 'incoming') {
          const { type, local_part: local } = body;
          if (type === 'account' && (local === undefined || !isRuleLocalPart(local))) {
            throw invalid(
              'local_part',
              'must be a-z 0-9 - _ . , 1 to 64 characters, no dot first, last or twice in a row',
            );
          }
          if (type !== 'account' && local !== undefined)
            throw invalid('local_part', 'only an account rule has one');
          rule = { ...base, family, domainId: domainId!, type, localPart: local ?? null };
        } else if (family === 'outgoing') rule = { ...base, family, domainId: domainId! };
        else {
          const known: readonly string[] = domainId === null ? PROJECT_EVENTS : DELIVERY_EVENTS;
          body.names.forEach((name, i) => {
            if (!known.includes(name)) throw invalid(`names[${i}]`, `is none of ${known.join(', ')}`);
          });
          rule = { ...base, family, domainId, names: [...new Set(body.names)] };
        }
        await transactor.transact(projectId, (tx) => tx.insertRule(rule));
        return reply.code(201).send(views.rule(rule));
      },
    );
    app.get(`${path}/:rule`, { schema: { ...oneParams, response: { 200: AnyObject } } }, async (request) => {
      const { projectId } = permitted(request, `${policy}.get`);
      return views.rule(await one(request, projectId));
    });
    app.delete(`${path}/:rule`, { schema: oneParams }, async (request, reply) => {
      const { projectId } = permitted(request, `${policy}.delete`);
      const rule = await one(request, projectId);
      const conditional = ifMatch(request, views.rule(rule));
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectRule(rule);
        tx.deleteRule(projectId, rule.id);
      });
      return reply.code(204).send();
    });
  }
  for (const family of ['incoming', 'outgoing', 'event'] as const)
    ruleRoutes(family, `/domains/:id/${family}_rules`, 'domain');
  ruleRoutes('event', '/event_rules', 'project');
}
