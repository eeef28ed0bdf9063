/**
 * /mta/v1: receive, send and event rules of a domain, and event rules of the project. A rule names the topic of an
 * event.
 */
import { DELIVERY_EVENTS, EVENTS, isEventName, PROJECT_EVENTS } from '../contract/events.ts';
import * as ops from '../contract/operations/mta-domains.ts';
import { isRuleLocalPart } from '../rules/local-part.ts';
import type { EventRule, Rule, RuleOf, RuleReader } from '../rules/rules.ts';
import type { DomainId, ProjectId, RuleId } from '../runtime/ids.ts';
import { createTopicOf, found, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import type { Call, Handle } from './handle.ts';
import { list, MOST_ITEMS } from './pages.ts';
import { invalid } from './problems.ts';

type Family = Rule['family'];
type Deletion = Pick<Call<typeof ops.deleteIncomingRule>, 'ifMatch'>;

/**
 * The local part of a receive rule. Only an account rule has one. Throws a Problem if it is missing, invalid or not
 * allowed.
 */
function localPartOf({
  type,
  local_part: local,
}: Call<typeof ops.createIncomingRule>['body']): string | null {
  if (type !== 'account') {
    if (local !== undefined) throw invalid('local_part', 'only an account rule has one');
    return null;
  }
  if (local === undefined || !isRuleLocalPart(local))
    throw invalid(
      'local_part',
      'must be a-z 0-9 - _ . , 1 to 64 characters, no dot first, last or twice in a row',
    );
  return local;
}
/** Event rules of a domain and of a project take different names: says where the other ones go. */
function hint(name: string): string {
  const kind = isEventName(name) ? EVENTS[name].by : null;
  if (kind === 'project') return '; events of the project: /mta/v1/event_rules';
  return kind === 'delivery' ? '; events of deliveries: /mta/v1/domains/{id}/event_rules' : '';
}
/** The names, each once. Throws a Problem if a name is not in `known`. */
function namesOf<N extends string>(names: readonly string[], known: readonly N[]): readonly N[] {
  const read = names.map((name, i) => {
    const one = known.find((each) => each === name);
    if (one === undefined) throw invalid(`names[${i}]`, `must be one of ${known.join(', ')}${hint(name)}`);
    return one;
  });
  return [...new Set(read)];
}

export function mtaRuleRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const topicOf = createTopicOf(read);
  async function inDomain(project: ProjectId, id: DomainId): Promise<DomainId> {
    return found(await read.domain(project, id)).id;
  }
  const rules = createRules(read);
  async function base(projectId: ProjectId, topic: { readonly self: string }) {
    const topicId = await topicOf(projectId, topic, 'topic');
    return { id: random.id<'rule'>(), projectId, topicId, createdAt: clock.now() };
  }
  async function insert<R extends Rule>(rule: R): Promise<R> {
    await transactor.transact(rule.projectId, (tx) => tx.insertRule(rule));
    return rule;
  }
  async function remove(rule: Rule, view: object, { ifMatch }: Deletion): Promise<void> {
    const conditional = ifMatch(view);
    await transactor.transact(rule.projectId, (tx) => {
      if (conditional) tx.expectRule(rule);
      tx.deleteRule(rule.projectId, rule.id);
    });
  }
  const all = { most: MOST_ITEMS };

  handle(ops.listIncomingRules, async ({ projectId, params }) =>
    list(rules.pages(projectId, await inDomain(projectId, params.id), 'incoming'), views.incomingRule, all),
  );
  handle(ops.createIncomingRule, async ({ projectId, params, body }) => {
    const domainId = await inDomain(projectId, params.id);
    const made = await base(projectId, body.topic);
    const rule = { ...made, family: 'incoming', domainId, type: body.type, localPart: localPartOf(body) };
    return views.incomingRule(await insert(rule as RuleOf<'incoming'>));
  });
  handle(ops.getIncomingRule, async ({ projectId, params }) =>
    views.incomingRule(await rules.one(projectId, params.id, params.rule, 'incoming')),
  );
  handle(ops.deleteIncomingRule, async (call) => {
    const rule = await rules.one(call.projectId, call.params.id, call.params.rule, 'incoming');
    await remove(rule, views.incomingRule(rule), call);
  });

  handle(ops.listOutgoingRules, async ({ projectId, params }) =>
    list(rules.pages(projectId, await inDomain(projectId, params.id), 'outgoing'), views.outgoingRule, all),
  );
  handle(ops.createOutgoingRule, async ({ projectId, params, body }) => {
    const domainId = await inDomain(projectId, params.id);
    const made = await base(projectId, body.topic);
    return views.outgoingRule(await insert({ ...made, family: 'outgoing', domainId }));
  });
  handle(ops.getOutgoingRule, async ({ projectId, params }) =>
    views.outgoingRule(await rules.one(projectId, params.id, params.rule, 'outgoing')),
  );
  handle(ops.deleteOutgoingRule, async (call) => {
    const rule = await rules.one(call.projectId, call.params.id, call.params.rule, 'outgoing');
    await remove(rule, views.outgoingRule(rule), call);
  });

  handle(ops.listEventRules, async ({ projectId, params }) =>
    list(rules.pages(projectId, await inDomain(projectId, params.id), 'event'), views.eventRule, all),
  );
  handle(ops.createEventRule, async ({ projectId, params, body }) => {
    const domainId = await inDomain(projectId, params.id);
    const made = await base(projectId, body.topic);
    const names = namesOf(body.names, DELIVERY_EVENTS);
    return views.eventRule(await insert<EventRule>({ ...made, family: 'event', domainId, names }));
  });
  handle(ops.getEventRule, async ({ projectId, params }) =>
    views.eventRule(await rules.one(projectId, params.id, params.rule, 'event')),
  );
  handle(ops.deleteEventRule, async (call) => {
    const rule = await rules.one(call.projectId, call.params.id, call.params.rule, 'event');
    await remove(rule, views.eventRule(rule), call);
  });

  handle(ops.listProjectEventRules, async ({ projectId }) =>
    list(rules.pages(projectId, null, 'event'), views.eventRule, all),
  );
  handle(ops.createProjectEventRule, async ({ projectId, body }) => {
    const made = await base(projectId, body.topic);
    const names = namesOf(body.names, PROJECT_EVENTS);
    return views.eventRule(await insert<EventRule>({ ...made, family: 'event', domainId: null, names }));
  });
  handle(ops.getProjectEventRule, async ({ projectId, params }) =>
    views.eventRule(await rules.one(projectId, null, params.rule, 'event')),
  );
  handle(ops.deleteProjectEventRule, async (call) => {
    const rule = await rules.one(call.projectId, null, call.params.rule, 'event');
    await remove(rule, views.eventRule(rule), call);
  });
}

/** `domain` null: the rules of the project. */
function createRules(read: Pick<RuleReader, 'rule' | 'rulePage'>) {
  return {
    pages:
      <F extends Family>(project: ProjectId, domain: DomainId | null, family: F) =>
      (page: Parameters<RuleReader['rulePage']>[3]) =>
        read.rulePage(project, domain, family, page),
    /** Throws 404 if the rule is not of this domain and family. */
    async one<F extends Family>(
      project: ProjectId,
      domain: DomainId | null,
      id: RuleId,
      family: F,
    ): Promise<RuleOf<F>> {
      const rule = found(await read.rule(project, id));
      if (!isOf(rule, family) || rule.domainId !== domain) return found<never>(null);
      return rule;
    },
  };
}
function isOf<F extends Family>(rule: Rule, family: F): rule is RuleOf<F> {
  return rule.family === family;
}
