/** /iam/v1/domains: ownership of domains, proved by DNS, also against a project that holds one. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { challengeRecord } from '../domains/ownership.ts';
import type { OwnedDomain } from '../iam/types.ts';
import { parseDomain } from '../mail/domain.ts';
import { found, pathId, permitted, type Views } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { ifMatch } from './etag.ts';
import { sendList } from './pages.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, List, PageQuery } from './schemas.ts';

export function iamDomainRoutes(app: FastifyInstance, deps: ApiDeps, views: Views): void {
  const { read, transactor, random, clock } = deps;

  app.get(
    '/domains',
    { schema: { querystring: PageQuery, response: { 200: List } } },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.domains.list');
      return sendList(request, reply, (page) => read.ownedDomains(projectId, page), views.owned);
    },
  );
  app.post(
    '/domains',
    {
      config: { operation: 'iam.domains.create' },
      schema: {
        body: Type.Object({ name: Type.String({ maxLength: 1000 }) }, { additionalProperties: false }),
        response: { 201: AnyObject },
      },
    },
    async (request, reply) => {
      const { projectId } = permitted(request, 'iam.domains.create');
      const name = parseDomain((request.body as { name: string }).name);
      if (name === null) throw invalid('name', 'is not a domain name');
      const owned: OwnedDomain = {
        id: random.id<'owned-domain'>(),
        projectId,
        name,
        challenge: random.bytes(24).toString('hex'),
        verifiedAt: null,
        proof: null,
        createdAt: clock.now(),
      };
      await transactor.transact(projectId, (tx) => tx.insertOwnedDomain(owned));
      return reply.code(201).send(views.owned(owned));
    },
  );
  app.get('/domains/:id', { schema: { params: IdParams, response: { 200: AnyObject } } }, async (request) => {
    const { projectId } = permitted(request, 'iam.domains.get');
    return views.owned(found(await read.ownedDomain(projectId, pathId(request))));
  });
  app.post(
    '/domains/:id/verify',
    {
      config: { operation: 'iam.domains.update' },
      schema: { params: IdParams, response: { 200: AnyObject } },
    },
    async (request) => {
      const { projectId } = permitted(request, 'iam.domains.update');
      const owned = found(await read.ownedDomain(projectId, pathId(request)));
      const { name, value } = challengeRecord(owned);
      const result = await deps.verifyOwnership(owned);
      switch (result.kind) {
        case 'verified':
          return views.owned({ ...owned, verifiedAt: result.at, proof: result.proof });
        case 'failed':
          throw conflict('ownership-unclear', `DNS gave no clear answer: ${result.cause}`);
        case 'absent':
          throw conflict(
            'ownership-not-proved',
            `the TXT record ${name} does not hold ${value}; it holds: ${result.found.join(', ') || 'nothing'}`,
          );
        case 'held':
          throw conflict(
            'domain-held',
            `your record is there, but so is the one of the project that holds the domain now; have the TXT record ${result.record.name} with ${result.record.value} removed, keep ${value}, and verify again`,
          );
      }
    },
  );
  app.delete('/domains/:id', { schema: { params: IdParams } }, async (request, reply) => {
    const { projectId } = permitted(request, 'iam.domains.delete');
    const owned = found(await read.ownedDomain(projectId, pathId(request)));
    const conditional = ifMatch(request, views.owned(owned));
    await transactor.transact(projectId, (tx) => {
      if (conditional) tx.expectOwnedDomain(owned);
      tx.deleteOwnedDomain(projectId, owned.id);
    });
    return reply.code(204).send();
  });
}
