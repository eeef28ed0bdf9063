/** /mta/v1: limits, usage and requests for higher limits as the reference has them. */
import type { Reference } from './reference.ts';

const domain = { id: 'domain' } as const;
const request = { id: 'limitRequest' } as const;

export const mtaLimitReference: Reference = {
  'GET /mta/v1/usage': {
    id: 'mta.usage.get',
    summary: 'what the rolling windows hold now, and what was sent and received over time',
    answers: { 200: 'ProjectUsage' },
  },
  'GET /mta/v1/domains/{id}/usage': {
    id: 'mta.domains.usage.get',
    needs: 'mta.domains.get',
    summary: 'what the rolling windows hold now, and what was sent and received; of removed domains, too',
    params: domain,
    answers: { 200: 'DomainUsage' },
  },
  'GET /mta/v1/limits': {
    id: 'mta.limits.get',
    summary: 'the limits of the project; operators see those of any',
    answers: { 200: 'Limits' },
    problems: ['not-found'],
  },
  'PUT /mta/v1/limits': {
    id: 'mta.limits.update',
    summary: 'operators set the limits of a project; held mail flows where they are raised',
    answers: { 200: 'Limits' },
    problems: ['not-found'],
    examples: { limits: { summary: 'both limits', value: { per_minute: 300, per_day: 10_000 } } },
  },
  'GET /mta/v1/retention': {
    id: 'mta.retention.get',
    summary: 'how much is over and still there, since when, and what the last round removed; for operators',
    answers: { 200: 'Retention' },
  },
  'GET /mta/v1/limit_requests': {
    id: 'mta.limit_requests.list',
    summary: 'requests for higher limits, newest first; with `all` those of all projects, for operators',
    answers: { 200: { list: 'LimitRequest', filtered: true } },
  },
  'POST /mta/v1/limit_requests': {
    id: 'mta.limit_requests.create',
    summary: 'asks for higher limits; one request of a project is open at a time',
    answers: { 201: 'LimitRequest' },
    examples: {
      minute: {
        summary: 'more in a minute',
        value: { per_minute: 600, reason: 'A newsletter that 500 readers get each Monday.' },
      },
      both: {
        summary: 'both limits, with a letter about the decision',
        value: {
          per_minute: 600,
          per_day: 20_000,
          reason: 'The shop opens in two more countries.',
          notify: 'desk@example.net',
        },
      },
    },
  },
  'GET /mta/v1/limit_requests/{id}': {
    id: 'mta.limit_requests.get',
    summary: 'one request for higher limits and what was decided',
    params: request,
    answers: { 200: 'LimitRequest' },
  },
  'POST /mta/v1/limit_requests/{id}/cancel': {
    id: 'mta.limit_requests.cancel',
    needs: 'mta.limit_requests.update',
    summary: 'takes an open request back',
    params: request,
    answers: { 200: 'LimitRequest' },
    problems: ['limit-request-decided'],
  },
  'POST /mta/v1/limit_requests/{id}/approve': {
    id: 'mta.limit_requests.approve',
    summary: 'operators grant what was asked for, or a part of it',
    params: request,
    answers: { 200: 'LimitRequest' },
    problems: ['limit-request-decided'],
    examples: {
      whole: { summary: 'as asked for', value: {} },
      part: {
        summary: 'a part of it',
        value: { per_minute: 450, note: 'Ask again once the first month went well.' },
      },
    },
  },
  'POST /mta/v1/limit_requests/{id}/refuse': {
    id: 'mta.limit_requests.refuse',
    needs: 'mta.limit_requests.approve',
    summary: 'operators refuse, with a reason',
    params: request,
    answers: { 200: 'LimitRequest' },
    problems: ['limit-request-decided'],
    examples: { refuse: { summary: 'with a reason', value: { reason: 'The project is a week old.' } } },
  },
};
