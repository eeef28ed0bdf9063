/** Domains set up for mail, and their receive, send and event rules: /mta/v1. */
import Type from 'typebox';
import { exampleSelf } from '../example-ids.ts';
import { op } from '../operation.ts';
import { closed, oneOf, PageQuery, Self, WholeQuery } from '../parts.ts';
import { MtaDomain, RemovedDomain } from '../resources/domains.ts';
import { EventRule, IncomingRule, OutgoingRule } from '../resources/mail.ts';
import { LEAST_ROTATION_DAYS, MOST_ROTATION_DAYS } from '../values.ts';

const domain = { id: 'domain' } as const;
const topic = exampleSelf('/edj/v1/topics', 'topic');
const OwnLimit = Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]));
const Switches = {
  receiving: Type.Optional(Type.Boolean()),
  dkim_enabled: Type.Optional(Type.Boolean({ description: 'the same as dkim.enabled' })),
  dkim: Type.Optional(
    closed({
      enabled: Type.Optional(Type.Boolean()),
      rotation_days: Type.Optional(
        Type.Union(
          [Type.Integer({ minimum: LEAST_ROTATION_DAYS, maximum: MOST_ROTATION_DAYS }), Type.Null()],
          { description: 'days after which a key gets a successor; null: the service does not rotate keys' },
        ),
      ),
    }),
  ),
  limits: Type.Optional(closed({ per_minute: OwnLimit, per_day: OwnLimit })),
};
const SetUp = closed({ domain: Self, default_topic: Self, ...Switches });
const Change = closed({ default_topic: Type.Optional(Self), ...Switches });

const IncomingBody = closed({
  type: oneOf('account', 'all', 'catch_all'),
  local_part: Type.Optional(Type.String({ maxLength: 64 })),
  topic: Self,
});
const OutgoingBody = closed({ topic: Self });
const EventBody = closed({
  names: Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 50 }),
  topic: Self,
});

export const listDomains = op({
  id: 'mta.domains.list',
  method: 'GET',
  path: '/mta/v1/domains',
  summary: 'lists the domains that are set up for mail',
  query: PageQuery,
  answers: { 200: { list: MtaDomain } },
});
export const createDomain = op({
  id: 'mta.domains.create',
  method: 'POST',
  path: '/mta/v1/domains',
  summary: 'sets a verified domain up for mail and creates its DKIM keys',
  body: SetUp,
  answers: { 201: MtaDomain },
  problems: ['domain-not-verified'],
  examples: {
    domain: {
      summary: 'sending and receiving',
      value: { domain: exampleSelf('/iam/v1/domains', 'provedDomain'), default_topic: topic },
    },
  },
});
export const getDomain = op({
  id: 'mta.domains.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}',
  summary: 'returns one domain',
  params: domain,
  answers: { 200: MtaDomain },
});
export const updateDomain = op({
  id: 'mta.domains.update',
  method: 'PATCH',
  path: '/mta/v1/domains/{id}',
  summary: 'changes the given fields',
  params: domain,
  body: Change,
  answers: { 200: MtaDomain },
  examples: {
    limits: { summary: 'limits for this domain', value: { limits: { per_minute: 60, per_day: null } } },
    topic: { summary: 'another default topic', value: { default_topic: topic } },
    rotation: {
      summary: 'DKIM keys get a successor each quarter',
      value: { dkim: { rotation_days: 90 } },
    },
  },
});
export const deleteDomain = op({
  id: 'mta.domains.delete',
  method: 'DELETE',
  path: '/mta/v1/domains/{id}',
  summary: 'removes the mail set-up of a domain, with its rules and DKIM keys',
  params: domain,
  answers: { 204: null },
});
export const listRemovedDomains = op({
  id: 'mta.removed_domains.list',
  method: 'GET',
  path: '/mta/v1/removed_domains',
  permission: 'mta.domains.list',
  summary: 'lists domains that are no longer set up for mail, newest first',
  query: PageQuery,
  answers: { 200: { list: RemovedDomain } },
});
export const listIncomingRules = op({
  id: 'mta.incoming_rules.list',
  method: 'GET',
  path: '/mta/v1/domains/{id}/incoming_rules',
  summary: 'lists the receive rules of a domain, newest first',
  params: domain,
  query: WholeQuery,
  answers: { 200: { list: IncomingRule } },
});
export const createIncomingRule = op({
  id: 'mta.incoming_rules.create',
  method: 'POST',
  path: '/mta/v1/domains/{id}/incoming_rules',
  summary: 'creates a receive rule',
  params: domain,
  body: IncomingBody,
  answers: { 201: IncomingRule },
  examples: {
    account: { summary: 'one address', value: { type: 'account', local_part: 'orders', topic } },
    all: { summary: 'every message', value: { type: 'all', topic } },
  },
});
export const getIncomingRule = op({
  id: 'mta.incoming_rules.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/incoming_rules/{rule}',
  summary: 'returns one receive rule',
  params: { ...domain, rule: 'incomingRule' },
  answers: { 200: IncomingRule },
});
export const deleteIncomingRule = op({
  id: 'mta.incoming_rules.delete',
  method: 'DELETE',
  path: '/mta/v1/domains/{id}/incoming_rules/{rule}',
  summary: 'removes a receive rule',
  params: { ...domain, rule: 'incomingRule' },
  answers: { 204: null },
});
export const listOutgoingRules = op({
  id: 'mta.outgoing_rules.list',
  method: 'GET',
  path: '/mta/v1/domains/{id}/outgoing_rules',
  summary: 'lists the send rules of a domain, newest first',
  params: domain,
  query: WholeQuery,
  answers: { 200: { list: OutgoingRule } },
});
export const createOutgoingRule = op({
  id: 'mta.outgoing_rules.create',
  method: 'POST',
  path: '/mta/v1/domains/{id}/outgoing_rules',
  summary: 'creates a send rule',
  params: domain,
  body: OutgoingBody,
  answers: { 201: OutgoingRule },
  examples: { copy: { summary: 'a copy of each sent message', value: { topic } } },
});
export const getOutgoingRule = op({
  id: 'mta.outgoing_rules.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/outgoing_rules/{rule}',
  summary: 'returns one send rule',
  params: { ...domain, rule: 'outgoingRule' },
  answers: { 200: OutgoingRule },
});
export const deleteOutgoingRule = op({
  id: 'mta.outgoing_rules.delete',
  method: 'DELETE',
  path: '/mta/v1/domains/{id}/outgoing_rules/{rule}',
  summary: 'removes a send rule',
  params: { ...domain, rule: 'outgoingRule' },
  answers: { 204: null },
});
export const listEventRules = op({
  id: 'mta.event_rules.list',
  method: 'GET',
  path: '/mta/v1/domains/{id}/event_rules',
  summary: 'lists the event rules of a domain, newest first',
  params: domain,
  query: WholeQuery,
  answers: { 200: { list: EventRule } },
});
export const createEventRule = op({
  id: 'mta.event_rules.create',
  method: 'POST',
  path: '/mta/v1/domains/{id}/event_rules',
  summary: 'creates an event rule of a domain',
  params: domain,
  body: EventBody,
  answers: { 201: EventRule },
  examples: { failures: { summary: 'failed deliveries', value: { names: ['bounced', 'expired'], topic } } },
});
export const getEventRule = op({
  id: 'mta.event_rules.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/event_rules/{rule}',
  summary: 'returns one event rule of a domain',
  params: { ...domain, rule: 'eventRule' },
  answers: { 200: EventRule },
});
export const deleteEventRule = op({
  id: 'mta.event_rules.delete',
  method: 'DELETE',
  path: '/mta/v1/domains/{id}/event_rules/{rule}',
  summary: 'removes an event rule of a domain',
  params: { ...domain, rule: 'eventRule' },
  answers: { 204: null },
});
export const listProjectEventRules = op({
  id: 'mta.project_event_rules.list',
  method: 'GET',
  path: '/mta/v1/event_rules',
  permission: 'mta.event_rules.list',
  summary: 'lists the event rules of the project, newest first',
  query: WholeQuery,
  answers: { 200: { list: EventRule } },
});
export const createProjectEventRule = op({
  id: 'mta.project_event_rules.create',
  method: 'POST',
  path: '/mta/v1/event_rules',
  permission: 'mta.event_rules.create',
  summary: 'creates an event rule of the project',
  body: EventBody,
  answers: { 201: EventRule },
  examples: { dns: { summary: 'DNS errors', value: { names: ['domain.dns_error'], topic } } },
});
export const getProjectEventRule = op({
  id: 'mta.project_event_rules.get',
  method: 'GET',
  path: '/mta/v1/event_rules/{rule}',
  permission: 'mta.event_rules.get',
  summary: 'returns one event rule of the project',
  params: { rule: 'projectEventRule' },
  answers: { 200: EventRule },
});
export const deleteProjectEventRule = op({
  id: 'mta.project_event_rules.delete',
  method: 'DELETE',
  path: '/mta/v1/event_rules/{rule}',
  permission: 'mta.event_rules.delete',
  summary: 'removes an event rule of the project',
  params: { rule: 'projectEventRule' },
  answers: { 204: null },
});
