/** /iam/v1: API clients and static keys. */

import * as ops from '../contract/operations/iam.ts';
import type { ApiClient } from '../iam/projects.ts';
import { createStaticKey } from '../iam/static-keys.ts';
import { found, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { knownRoles, mayChangeHolder, mayGrant } from './granting.ts';
import type { Handle } from './handle.ts';
import { list } from './pages.ts';
import { invalid } from './problems.ts';
import { timeOf } from './times.ts';

export function iamRoutes(handle: Handle, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;
  const show = async (client: ApiClient) =>
    views.apiClient({ ...client, roles: await knownRoles(read, client) });

  handle(ops.listApiClients, async ({ projectId }) => {
    return list((page) => read.apiClients(projectId, page), show);
  });
  handle(ops.createApiClient, async ({ body, principal, projectId }) => {
    const { name, roles } = body;
    await mayGrant(read, principal, roles);
    const client = { id: random.id<'api-client'>(), projectId, name, roles, createdAt: clock.now() };
    await transactor.transact(projectId, (tx) => tx.insertApiClient(client));
    return views.apiClient(client);
  });
  handle(ops.getApiClient, async ({ params, projectId }) => {
    return show(found(await read.apiClient(projectId, params.id)));
  });
  handle(ops.updateApiClient, async ({ body, params, principal, projectId, ifMatch }) => {
    const before = found(await read.apiClient(projectId, params.id));
    const { name = before.name, roles = before.roles } = body;
    if (body.roles !== undefined) await mayGrant(read, principal, roles);
    const expectRoles = await mayChangeHolder(read, principal, before.roles);
    ifMatch(await show(before));
    const client = { ...before, name, roles };
    await transactor.transact(projectId, (tx) => {
      expectRoles(tx);
      tx.expectApiClient(before);
      tx.updateApiClient(client);
    });
    return show(client);
  });
  handle(ops.deleteApiClient, async ({ params, principal, projectId, ifMatch }) => {
    const client = found(await read.apiClient(projectId, params.id));
    const expectRoles = await mayChangeHolder(read, principal, client.roles);
    ifMatch(await show(client));
    await transactor.transact(projectId, (tx) => {
      expectRoles(tx);
      tx.expectApiClient(client);
      tx.deleteApiClient(projectId, client.id);
    });
  });
  handle(ops.listStaticKeys, async ({ params, projectId }) => {
    const { id } = found(await read.apiClient(projectId, params.id));
    return list((page) => read.staticKeys(projectId, id, page), views.staticKey);
  });
  handle(ops.createStaticKey, async ({ body, params, principal, projectId }) => {
    const client = found(await read.apiClient(projectId, params.id));
    const expectRoles = await mayChangeHolder(read, principal, client.roles);
    const { expires_at: text } = body;
    const expiresAt = text === undefined ? null : timeOf(text, 'expires_at');
    if (expiresAt !== null && expiresAt <= clock.now()) throw invalid('expires_at', 'has passed');
    const { key, secret } = await createStaticKey(
      { random, sealer: deps.sealer, now: clock.now() },
      { projectId, apiClientId: client.id, expiresAt },
    );
    await transactor.transact(projectId, (tx) => {
      expectRoles(tx);
      tx.expectApiClient(client);
      tx.insertStaticKey(key);
    });
    return { ...views.staticKey(key), secret };
  });
  handle(ops.deleteStaticKey, async ({ params, principal, projectId, ifMatch }) => {
    const client = found(await read.apiClient(projectId, params.id));
    const key = found(await read.findKey(params.key));
    if (key.client.id !== client.id) return found<never>(null);
    const expectRoles = await mayChangeHolder(read, principal, client.roles);
    // A static key cannot be changed, only removed.
    ifMatch(views.staticKey(key.key));
    await transactor.transact(projectId, (tx) => {
      expectRoles(tx);
      tx.expectApiClient(client);
      tx.deleteStaticKey(projectId, key.key.id);
    });
  });
}
