/** /iam/v1: API clients and static keys. */

import * as ops from '../contract/operations/iam.ts';
import type { ApiClient } from '../iam/projects.ts';
import { createStaticKey } from '../iam/static-keys.ts';
import { found, type Views } from './context.ts';
import type { ApiDeps, ApiTx } from './deps.ts';
import { expectJudged, knownRoles, mayChangeHolder, mayGrant } from './granting.ts';
import type { Call, Handle } from './handle.ts';
import { type InTurn, judgedAgain } from './judged.ts';
import { list } from './pages.ts';
import { invalid } from './problems.ts';
import { timeOf } from './times.ts';

export function iamRoutes(handle: Handle, deps: ApiDeps, views: Views, inTurn: InTurn): void {
  const { read, transactor, random, clock } = deps;
  const show = async (client: ApiClient) =>
    views.apiClient({ ...client, roles: await knownRoles(read, client) });

  handle(ops.listApiClients, async ({ projectId }) => {
    return list((page) => read.apiClients(projectId, page), show);
  });
  handle(ops.createApiClient, async ({ body, principal, projectId }) => {
    const { name, roles } = body;
    const client = { id: random.id<'api-client'>(), projectId, name, roles, createdAt: clock.now() };
    await judgedAgain(async () => {
      const granted = await mayGrant(read, principal, roles);
      await transactor.transact(projectId, (tx) => {
        expectJudged(tx, granted);
        tx.insertApiClient(client);
      });
    });
    return views.apiClient(client);
  });
  handle(ops.getApiClient, async ({ params, projectId }) => {
    return show(found(await read.apiClient(projectId, params.id)));
  });
  type OfClient = Pick<Call<typeof ops.getApiClient>, 'projectId' | 'principal'> & {
    readonly params: { readonly id: ApiClient['id'] };
  };
  /**
   * Changes a client, or its keys. If the client changes meanwhile, that matters only where the caller said so, or
   * where it has other roles now than those that were judged.
   */
  const changing = <T>(
    { params, principal, projectId }: OfClient,
    change: (client: ApiClient) => Promise<{ answer: T; write: (tx: ApiTx) => void }>,
    grants: readonly string[] = [],
  ): Promise<T> =>
    inTurn(projectId, async () => {
      const client = found(await read.apiClient(projectId, params.id));
      const granted = await mayGrant(read, principal, grants);
      const held = await mayChangeHolder(read, principal, client.roles);
      const { answer, write } = await change(client);
      await transactor.transact(projectId, (tx) => {
        expectJudged(tx, granted, held);
        tx.expectClientRoles(client);
        write(tx);
      });
      return answer;
    });
  handle(ops.updateApiClient, async (call) => {
    const { name, roles } = call.body;
    const given = { ...(name === undefined ? {} : { name }), ...(roles === undefined ? {} : { roles }) };
    const client = await changing(
      call,
      async (before) => {
        const conditional = call.ifMatch(await show(before));
        return {
          answer: { ...before, ...given },
          write(tx) {
            if (conditional) tx.expectApiClient(before);
            tx.updateApiClient({ projectId: before.projectId, id: before.id, ...given });
          },
        };
      },
      roles,
    );
    return show(client);
  });
  handle(ops.deleteApiClient, (call) =>
    changing(call, async (client) => {
      const conditional = call.ifMatch(await show(client));
      return {
        answer: undefined,
        write(tx) {
          if (conditional) tx.expectApiClient(client);
          tx.deleteApiClient(client.projectId, client.id);
        },
      };
    }),
  );
  handle(ops.listStaticKeys, async ({ params, projectId }) => {
    const { id } = found(await read.apiClient(projectId, params.id));
    return list((page) => read.staticKeys(projectId, id, page), views.staticKey);
  });
  handle(ops.createStaticKey, (call) =>
    changing(call, async ({ projectId, id }) => {
      const { expires_at: text } = call.body;
      const expiresAt = text === undefined ? null : timeOf(text, 'expires_at');
      if (expiresAt !== null && expiresAt <= clock.now()) throw invalid('expires_at', 'has passed');
      const { key, secret } = await createStaticKey(
        { random, sealer: deps.sealer, now: clock.now() },
        { projectId, apiClientId: id, expiresAt },
      );
      return { answer: { ...views.staticKey(key), secret }, write: (tx) => tx.insertStaticKey(key) };
    }),
  );
  handle(ops.deleteStaticKey, (call) =>
    changing(call, async (client) => {
      const key = found(await read.findKey(call.params.key));
      if (key.client.id !== client.id) return found<never>(null);
      // A static key cannot be changed, only removed.
      call.ifMatch(views.staticKey(key.key));
      return { answer: undefined, write: (tx) => tx.deleteStaticKey(client.projectId, key.key.id) };
    }),
  );
}
