/** /mta/v1/domains and the rules as the reference has them. */
import { exampleSelf } from './example-ids.ts';
import type { OperationReference, Reference } from './reference.ts';
import type { ResourceName } from './resources.ts';

const domain = { id: 'domain' } as const;
const topic = exampleSelf('/edj/v1/topics', 'topic');

/** The four routes of a family of rules. */
function rules(
  path: string,
  name: string,
  kind: string,
  resource: ResourceName,
  params: OperationReference['params'],
  rule: 'incomingRule' | 'outgoingRule' | 'eventRule' | 'projectEventRule',
  operation: string,
  examples: OperationReference['examples'],
): Reference {
  const needs = (verb: string) => (name === operation ? {} : { needs: `${operation}.${verb}` });
  const inList = params === undefined ? {} : { params };
  const one = { ...params, rule };
  return {
    [`GET ${path}`]: {
      id: `${name}.list`,
      ...needs('list'),
      summary: `${kind} rules, newest first`,
      ...inList,
      answers: { 200: { list: resource } },
    },
    [`POST ${path}`]: {
      id: `${name}.create`,
      ...needs('create'),
      summary: `makes one of the ${kind} rules`,
      ...inList,
      answers: { 201: resource },
      ...(examples === undefined ? {} : { examples }),
    },
    [`GET ${path}/{rule}`]: {
      id: `${name}.get`,
      ...needs('get'),
      summary: `one of the ${kind} rules`,
      params: one,
      answers: { 200: resource },
    },
    [`DELETE ${path}/{rule}`]: {
      id: `${name}.delete`,
      ...needs('delete'),
      summary: `removes one of the ${kind} rules`,
      params: one,
      answers: { 204: null },
    },
  };
}

export const mtaDomainReference: Reference = {
  'GET /mta/v1/domains': {
    id: 'mta.domains.list',
    summary: 'domains set up for mail',
    answers: { 200: { list: 'MtaDomain' } },
  },
  'POST /mta/v1/domains': {
    id: 'mta.domains.create',
    summary: 'sets a proved domain up for mail and makes its DKIM keys',
    answers: { 201: 'MtaDomain' },
    problems: ['domain-not-verified'],
    examples: {
      domain: {
        summary: 'sending and receiving',
        value: { domain: exampleSelf('/iam/v1/domains', 'provedDomain'), default_topic: topic },
      },
    },
  },
  'GET /mta/v1/domains/{id}': {
    id: 'mta.domains.get',
    summary: 'one domain',
    params: domain,
    answers: { 200: 'MtaDomain' },
  },
  'PATCH /mta/v1/domains/{id}': {
    id: 'mta.domains.update',
    summary: 'changes the fields that are given',
    params: domain,
    answers: { 200: 'MtaDomain' },
    examples: {
      limits: { summary: 'limits of its own', value: { limits: { per_minute: 60, per_day: null } } },
      topic: { summary: 'another default topic', value: { default_topic: topic } },
      rotation: {
        summary: 'DKIM keys get a successor each quarter',
        value: { dkim: { rotation_days: 90 } },
      },
    },
  },
  'DELETE /mta/v1/domains/{id}': {
    id: 'mta.domains.delete',
    summary: 'removes the domain from mail, with its rules and DKIM keys',
    params: domain,
    answers: { 204: null },
  },
  'GET /mta/v1/removed_domains': {
    id: 'mta.removed_domains.list',
    needs: 'mta.domains.list',
    summary: 'domains that were set up for mail once, newest first',
    answers: { 200: { list: 'RemovedDomain' } },
  },
  ...rules(
    '/mta/v1/domains/{id}/incoming_rules',
    'mta.incoming_rules',
    'receive',
    'IncomingRule',
    domain,
    'incomingRule',
    'mta.incoming_rules',
    {
      account: { summary: 'one address', value: { type: 'account', local_part: 'orders', topic } },
      all: { summary: 'every message', value: { type: 'all', topic } },
    },
  ),
  ...rules(
    '/mta/v1/domains/{id}/outgoing_rules',
    'mta.outgoing_rules',
    'send',
    'OutgoingRule',
    domain,
    'outgoingRule',
    'mta.outgoing_rules',
    { copy: { summary: 'a copy of what is sent', value: { topic } } },
  ),
  ...rules(
    '/mta/v1/domains/{id}/event_rules',
    'mta.event_rules',
    'event',
    'EventRule',
    domain,
    'eventRule',
    'mta.event_rules',
    { failures: { summary: 'what went wrong', value: { names: ['bounced', 'expired'], topic } } },
  ),
  ...rules(
    '/mta/v1/event_rules',
    'mta.project_event_rules',
    "project's event",
    'EventRule',
    undefined,
    'projectEventRule',
    'mta.event_rules',
    { dns: { summary: 'trouble with DNS', value: { names: ['domain.dns_error'], topic } } },
  ),
};
