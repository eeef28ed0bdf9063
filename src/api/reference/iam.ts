/** API clients, static keys and the ownership of domains, under /iam/v1, as the reference has them. */
import type { Reference } from './reference.ts';

const client = { id: 'apiClient' } as const;
const owned = { id: 'ownedDomain' } as const;

export const iamReference: Reference = {
  'GET /iam/v1/api_clients': {
    id: 'iam.api_clients.list',
    summary: 'API clients, newest first',
    answers: { 200: { list: 'ApiClient' } },
  },
  'POST /iam/v1/api_clients': {
    id: 'iam.api_clients.create',
    summary: 'makes an API client; nobody grants what they do not hold',
    answers: { 201: 'ApiClient' },
    examples: {
      sender: { summary: 'a program that only sends', value: { name: 'shop mailer', roles: ['sender'] } },
      single: {
        summary: 'a role of single operations',
        value: { name: 'dashboard', roles: ['mta.messages.list', 'mta.messages.get'] },
      },
    },
  },
  'GET /iam/v1/api_clients/{id}': {
    id: 'iam.api_clients.get',
    summary: 'one API client',
    params: client,
    answers: { 200: 'ApiClient' },
  },
  'PATCH /iam/v1/api_clients/{id}': {
    id: 'iam.api_clients.update',
    summary: 'changes the fields that are given, at once for all of its keys',
    params: client,
    answers: { 200: 'ApiClient' },
    examples: {
      roles: { summary: 'other roles', value: { roles: ['sender', 'mta.messages.list'] } },
      name: { summary: 'another name', value: { name: 'mailer of the shop' } },
    },
  },
  'DELETE /iam/v1/api_clients/{id}': {
    id: 'iam.api_clients.delete',
    summary: 'removes an API client with its keys, which stop working at once',
    params: client,
    answers: { 204: null },
  },
  'GET /iam/v1/api_clients/{id}/static_keys': {
    id: 'iam.static_keys.list',
    summary: 'static keys of an API client, without their secrets',
    params: client,
    answers: { 200: { list: 'StaticKey' } },
  },
  'POST /iam/v1/api_clients/{id}/static_keys': {
    id: 'iam.static_keys.create',
    summary: 'makes a static key; its secret is shown only in this answer',
    params: client,
    answers: { 201: 'NewStaticKey' },
    examples: {
      endless: { summary: 'without an end', value: {} },
      limited: { summary: 'until a day', value: { expires_at: '2099-12-31T00:00:00Z' } },
    },
  },
  'DELETE /iam/v1/api_clients/{id}/static_keys/{key}': {
    id: 'iam.static_keys.delete',
    summary: 'removes a static key; it stops working at once',
    params: { ...client, key: 'staticKey' },
    answers: { 204: null },
  },
  'GET /iam/v1/domains': {
    id: 'iam.domains.list',
    summary: 'domains the project owns or is about to prove',
    answers: { 200: { list: 'OwnedDomain' } },
  },
  'POST /iam/v1/domains': {
    id: 'iam.domains.create',
    summary: 'names a domain; the answer holds the TXT record that proves its ownership',
    answers: { 201: 'OwnedDomain' },
    examples: { domain: { summary: 'a domain', value: { name: 'shop.example.com' } } },
  },
  'GET /iam/v1/domains/{id}': {
    id: 'iam.domains.get',
    summary: 'one domain and its ownership',
    params: owned,
    answers: { 200: 'OwnedDomain' },
  },
  'POST /iam/v1/domains/{id}/verify': {
    id: 'iam.domains.verify',
    needs: 'iam.domains.update',
    summary: 'looks for the TXT record now',
    params: owned,
    answers: { 200: 'OwnedDomain' },
    problems: ['ownership-not-proved', 'ownership-unclear', 'domain-held'],
  },
  'DELETE /iam/v1/domains/{id}': {
    id: 'iam.domains.delete',
    summary: 'gives a domain up; 409 while it is set up for mail',
    params: owned,
    answers: { 204: null },
  },
};
