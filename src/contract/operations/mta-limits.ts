/** Limits, usage, requests for higher limits, the state of retention and of the operator's own records: /mta/v1. */
import Type from 'typebox';
import { op } from '../operation.ts';
import { closed, oneOf, PageQuery } from '../parts.ts';
import {
  DomainUsage,
  InstanceDns,
  LimitRequest,
  Limits,
  ProjectUsage,
  Retention,
} from '../resources/limits.ts';

const domain = { id: 'domain' } as const;
const request = { id: 'limitRequest' } as const;
const Limit = Type.Integer({
  minimum: 0,
  maximum: 1_000_000_000,
  description: 'number of recipients; 0: no limit',
});
const ProjectQuery = closed({
  project: Type.Optional(
    Type.String({ maxLength: 36, description: 'for operators: the id of another project' }),
  ),
});
/** Text for people: it may have line feeds, but no other control characters. */
const Text = Type.String({
  minLength: 1,
  maxLength: 2000,
  pattern: '^[^\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
});
const Ask = closed({
  per_minute: Type.Optional(Limit),
  per_day: Type.Optional(Limit),
  reason: Text,
  notify: Type.Optional(
    Type.String({
      maxLength: 254,
      description: 'mail address that receives the decision; default: the address of the member who asks',
    }),
  ),
});
const Approval = Type.Object(
  {
    per_minute: Type.Optional(Limit),
    per_day: Type.Optional(Limit),
    note: Type.Optional(Text),
  },
  {
    additionalProperties: false,
    description: 'grants the request; a limit that is left out is granted as requested',
  },
);
const RequestsQuery = closed({
  ...PageQuery.properties,
  state: Type.Optional(oneOf('open', 'approved', 'approved_in_part', 'refused', 'cancelled')),
  all: Type.Optional(Type.Boolean({ description: 'for operators: the requests of all projects' })),
});

export const getUsage = op({
  id: 'mta.usage.get',
  method: 'GET',
  path: '/mta/v1/usage',
  summary: "returns the present use of the project's limits, and how much it sent and received over time",
  answers: { 200: ProjectUsage },
});
export const getDomainUsage = op({
  id: 'mta.domains.usage.get',
  method: 'GET',
  path: '/mta/v1/domains/{id}/usage',
  permission: 'mta.domains.get',
  summary:
    "returns the present use of a domain's limits, and how much it sent and received over time; also for removed domains",
  params: domain,
  answers: { 200: DomainUsage },
});
export const getLimits = op({
  id: 'mta.limits.get',
  method: 'GET',
  path: '/mta/v1/limits',
  summary: 'returns the limits of the project; operators may name any project',
  query: ProjectQuery,
  answers: { 200: Limits },
  problems: ['not-found'],
});
export const setLimits = op({
  id: 'mta.limits.update',
  permission: { operator: 'mta.limits.update' },
  method: 'PUT',
  path: '/mta/v1/limits',
  summary: 'sets the limits of a project; if they are raised, held mail is sent; for operators',
  query: ProjectQuery,
  body: closed({ per_minute: Limit, per_day: Limit }),
  answers: { 200: Limits },
  problems: ['not-found'],
  examples: { limits: { summary: 'both limits', value: { per_minute: 300, per_day: 10_000 } } },
});
export const getRetention = op({
  id: 'mta.retention.get',
  permission: { operator: 'mta.retention.get' },
  method: 'GET',
  path: '/mta/v1/retention',
  access: 'instance',
  summary:
    'returns how many messages are past their retention, since when, and what the last round removed; for operators',
  answers: { 200: Retention },
});
export const getInstanceDns = op({
  id: 'mta.instance_dns.get',
  permission: { operator: 'mta.instance_dns.get' },
  method: 'GET',
  path: '/mta/v1/instance/dns',
  access: 'instance',
  summary:
    "returns what the hourly check saw of the operator's own records: hosts, PTR, SPF include, zone of keys, certificate; for operators",
  answers: { 200: InstanceDns },
});
export const listLimitRequests = op({
  id: 'mta.limit_requests.list',
  permission: {
    in: 'query',
    field: 'all',
    of: { false: 'mta.limit_requests.list', true: { operator: 'mta.limit_requests.approve' } },
  },
  method: 'GET',
  path: '/mta/v1/limit_requests',
  summary: 'lists requests for higher limits, newest first; with `all`, operators get those of all projects',
  query: RequestsQuery,
  answers: { 200: { list: LimitRequest, filtered: true } },
});
export const createLimitRequest = op({
  id: 'mta.limit_requests.create',
  method: 'POST',
  path: '/mta/v1/limit_requests',
  summary: 'requests higher limits; a project can have one open request at a time',
  body: Ask,
  answers: { 201: LimitRequest },
  examples: {
    minute: {
      summary: 'more in a minute',
      value: { per_minute: 600, reason: 'A newsletter that 500 readers get each Monday.' },
    },
    both: {
      summary: 'both limits, and a mail about the decision',
      value: {
        per_minute: 600,
        per_day: 20_000,
        reason: 'The shop opens in two more countries.',
        notify: 'desk@example.net',
      },
    },
  },
});
export const getLimitRequest = op({
  id: 'mta.limit_requests.get',
  method: 'GET',
  path: '/mta/v1/limit_requests/{id}',
  summary: 'returns one request for higher limits, with the decision',
  params: request,
  answers: { 200: LimitRequest },
});
export const cancelLimitRequest = op({
  id: 'mta.limit_requests.cancel',
  method: 'POST',
  path: '/mta/v1/limit_requests/{id}/cancel',
  permission: 'mta.limit_requests.update',
  summary: 'cancels an open request',
  params: request,
  answers: { 200: LimitRequest },
  problems: ['limit-request-decided'],
});
export const approveLimitRequest = op({
  id: 'mta.limit_requests.approve',
  permission: { operator: 'mta.limit_requests.approve' },
  method: 'POST',
  path: '/mta/v1/limit_requests/{id}/approve',
  summary: 'approves a request, wholly or in part; for operators',
  params: request,
  body: Approval,
  answers: { 200: LimitRequest },
  problems: ['limit-request-decided'],
  examples: {
    whole: { summary: 'as requested', value: {} },
    part: {
      summary: 'a part of the request',
      value: { per_minute: 450, note: 'Ask again once the first month went well.' },
    },
  },
});
export const refuseLimitRequest = op({
  id: 'mta.limit_requests.refuse',
  method: 'POST',
  path: '/mta/v1/limit_requests/{id}/refuse',
  permission: { operator: 'mta.limit_requests.approve' },
  summary: 'refuses a request with a reason; for operators',
  params: request,
  body: closed({ reason: Text }),
  answers: { 200: LimitRequest },
  problems: ['limit-request-decided'],
  examples: { refuse: { summary: 'with a reason', value: { reason: 'The project is a week old.' } } },
});
