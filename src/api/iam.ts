/** /iam/v1: API clients and static keys. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { createStaticKey } from '../iam/static-keys.ts';
import { found, pathId, permitted, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { mayChangeHolder, mayGrant } from './granting.ts';
import { sendList } from './pages.ts';
import { invalid } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery, ResourceName, RoleNames } from './schemas.ts';
import { timeOf } from './times.ts';

const ClientBody = Type.Object(
  {
    name: ResourceName,
    roles: RoleNames,
  },
  { additionalProperties: false },
);
const ClientChange = Type.Object(
  { name: Type.Optional(ResourceName), roles: Type.Optional(RoleNames) },
  { additionalProperties: false },
);
const KeyParams = Type.Object({ id: Type.String(), key: Type.String() });

export function iamRoutes(app: FastifyInstance, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;

  app.get(
    '/api_clients',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.api_clients.list');
      return sendList(request, reply, (page) => read.apiClients(projectId, page), views.apiClient);
    },
  );
  app.post(
    '/api_clients',
    {
      config: { operation: 'iam.api_clients.create' },
      schema: { body: ClientBody, response: { 201: AnyObject } },
    },
    async (request, reply) => {
      const principal = permitted(request, 'iam.api_clients.create');
      const { projectId } = principal;
      const { name, roles } = request.body as { name: string; roles: string[] };
      await mayGrant(read, principal, roles);
      const client = { id: random.id<'api-client'>(), projectId, name, roles, createdAt: clock.now() };
      await transactor.transact(projectId, (tx) => tx.insertApiClient(client));
      return reply.code(201).send(views.apiClient(client));
    },
  );
  app.get(
    '/api_clients/:id',
    { schema: { params: IdParams, response: { 200: AnyObject } } },
    async (request) => {
      const { projectId } = permitted(request, 'iam.api_clients.get');
      return views.apiClient(found(await read.apiClient(projectId, pathId(request))));
    },
  );
  app.patch(
    '/api_clients/:id',
    { schema: { params: IdParams, body: ClientChange, response: { 200: AnyObject } } },
    async (request) => {
      const principal = permitted(request, 'iam.api_clients.update');
      const { projectId } = principal;
      const before = found(await read.apiClient(projectId, pathId(request)));
      const { name = before.name, roles = before.roles } = request.body as {
        name?: string;
        roles?: readonly string[];
      };
      await mayGrant(read, principal, roles);
      await mayChangeHolder(read, principal, before.roles);
      const conditional = ifMatch(request, views.apiClient(before));
      const client = { ...before, name, roles };
      await transactor.transact(projectId, (tx) => {
        if (conditional) tx.expectApiClient(before);
        tx.updateApiClient(client);
      });
      return views.apiClient(client);
    },
  );
  app.delete('/api_clients/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'iam.api_clients.delete');
    const client = found(await read.apiClient(projectId, pathId(request)));
    const conditional = ifMatch(request, views.apiClient(client));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectApiClient(client);
      tx.deleteApiClient(projectId, client.id);
    });
    return reply.code(204).send();
  });
  app.get(
    '/api_clients/:id/static_keys',
    { schema: { params: IdParams, querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.static_keys.list');
      const { id } = found(await read.apiClient(projectId, pathId(request)));
      return sendList(request, reply, (page) => read.staticKeys(projectId, id, page), views.staticKey);
    },
  );
  app.post(
    '/api_clients/:id/static_keys',
    {
      config: { operation: 'iam.static_keys.create' },
      schema: {
        params: IdParams,
        body: Type.Object(
          { expires_at: Type.Optional(Type.String({ maxLength: 40 })) },
          { additionalProperties: false },
        ),
        response: { 201: AnyObject },
      },
    },
    async (request, reply) => {
      const principal = permitted(request, 'iam.static_keys.create');
      const { projectId } = principal;
      const client = found(await read.apiClient(projectId, pathId(request)));
      await mayChangeHolder(read, principal, client.roles);
      const { expires_at: text } = request.body as { expires_at?: string };
      const expiresAt = text === undefined ? null : timeOf(text, 'expires_at');
      if (expiresAt !== null && expiresAt <= clock.now()) throw invalid('expires_at', 'has passed');
      const { key, secret } = await createStaticKey(
        { random, sealer: deps.sealer, now: clock.now() },
        { projectId, apiClientId: client.id, expiresAt },
      );
      await transactor.transact(projectId, (tx) => tx.insertStaticKey(key));
      return reply.code(201).send({ ...views.staticKey(key), secret });
    },
  );
  app.delete(
    '/api_clients/:id/static_keys/:key',
    { schema: { params: KeyParams } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.static_keys.delete');
      const client = found(await read.apiClient(projectId, pathId(request)));
      const key = found(await read.findKey(pathId(request, 'key')));
      if (key.client.id !== client.id) return found<never>(null);
      // A key has no changeable part: it is what it was, or gone.
      ifMatch(request, views.staticKey(key.key));
      await transactor.transact(projectId, (tx) => tx.deleteStaticKey(projectId, key.key.id));
      return reply.code(204).send();
    },
  );
}
