/** API clients, static keys and the ownership of domains: /iam/v1. */
import Type from 'typebox';
import { op } from '../operation.ts';
import { closed, PageQuery, ResourceName, RoleNames } from '../parts.ts';
import { ApiClient, NewStaticKey, OwnedDomain, StaticKey } from '../resources/people.ts';

const client = { id: 'apiClient' } as const;
const owned = { id: 'ownedDomain' } as const;

export const listApiClients = op({
  id: 'iam.api_clients.list',
  method: 'GET',
  path: '/iam/v1/api_clients',
  summary: 'lists API clients, newest first',
  query: PageQuery,
  answers: { 200: { list: ApiClient } },
});
export const createApiClient = op({
  id: 'iam.api_clients.create',
  method: 'POST',
  path: '/iam/v1/api_clients',
  summary: 'creates an API client; the caller must hold every role that is granted',
  body: closed({ name: ResourceName, roles: RoleNames }),
  answers: { 201: ApiClient },
  examples: {
    sender: { summary: 'a program that only sends', value: { name: 'shop mailer', roles: ['sender'] } },
    single: {
      summary: 'a role of single operations',
      value: { name: 'dashboard', roles: ['mta.messages.list', 'mta.messages.get'] },
    },
  },
});
export const getApiClient = op({
  id: 'iam.api_clients.get',
  method: 'GET',
  path: '/iam/v1/api_clients/{id}',
  summary: 'returns one API client',
  params: client,
  answers: { 200: ApiClient },
});
export const updateApiClient = op({
  id: 'iam.api_clients.update',
  method: 'PATCH',
  path: '/iam/v1/api_clients/{id}',
  summary: 'changes the given fields; the change applies at once to all static keys of the API client',
  params: client,
  body: closed({ name: Type.Optional(ResourceName), roles: Type.Optional(RoleNames) }),
  answers: { 200: ApiClient },
  examples: {
    roles: { summary: 'other roles', value: { roles: ['sender', 'mta.messages.list'] } },
    name: { summary: 'another name', value: { name: 'mailer of the shop' } },
  },
});
export const deleteApiClient = op({
  id: 'iam.api_clients.delete',
  method: 'DELETE',
  path: '/iam/v1/api_clients/{id}',
  summary: 'removes an API client with its static keys; the keys stop working at once',
  params: client,
  answers: { 204: null },
});
export const listStaticKeys = op({
  id: 'iam.static_keys.list',
  method: 'GET',
  path: '/iam/v1/api_clients/{id}/static_keys',
  summary: 'lists the static keys of an API client, without their secrets',
  params: client,
  query: PageQuery,
  answers: { 200: { list: StaticKey } },
});
export const createStaticKey = op({
  id: 'iam.static_keys.create',
  method: 'POST',
  path: '/iam/v1/api_clients/{id}/static_keys',
  summary: 'creates a static key; only this answer shows its secret',
  params: client,
  body: closed({ expires_at: Type.Optional(Type.String({ maxLength: 40 })) }),
  answers: { 201: NewStaticKey },
  examples: {
    endless: { summary: 'a key that does not expire', value: {} },
    limited: { summary: 'a key that expires', value: { expires_at: '2099-12-31T00:00:00Z' } },
  },
});
export const deleteStaticKey = op({
  id: 'iam.static_keys.delete',
  method: 'DELETE',
  path: '/iam/v1/api_clients/{id}/static_keys/{key}',
  summary: 'removes a static key; it stops working at once',
  params: { ...client, key: 'staticKey' },
  answers: { 204: null },
});
export const listOwnedDomains = op({
  id: 'iam.domains.list',
  method: 'GET',
  path: '/iam/v1/domains',
  summary: 'lists the domains of the project, verified or not',
  query: PageQuery,
  answers: { 200: { list: OwnedDomain } },
});
export const createOwnedDomain = op({
  id: 'iam.domains.create',
  method: 'POST',
  path: '/iam/v1/domains',
  summary: 'adds a domain; the answer holds the TXT record that proves its ownership',
  body: closed({ name: Type.String({ maxLength: 1000 }) }),
  answers: { 201: OwnedDomain },
  examples: { domain: { summary: 'a domain', value: { name: 'shop.example.com' } } },
});
export const getOwnedDomain = op({
  id: 'iam.domains.get',
  method: 'GET',
  path: '/iam/v1/domains/{id}',
  summary: 'returns one domain and the state of its ownership',
  params: owned,
  answers: { 200: OwnedDomain },
});
export const verifyOwnedDomain = op({
  id: 'iam.domains.verify',
  method: 'POST',
  path: '/iam/v1/domains/{id}/verify',
  permission: 'iam.domains.update',
  summary: 'looks for the TXT record now and verifies the ownership',
  params: owned,
  answers: { 200: OwnedDomain },
  problems: ['ownership-not-proved', 'ownership-unclear', 'domain-held'],
});
export const deleteOwnedDomain = op({
  id: 'iam.domains.delete',
  method: 'DELETE',
  path: '/iam/v1/domains/{id}',
  summary: 'removes a domain from the project; 409 while it is set up for mail',
  params: owned,
  answers: { 204: null },
});
