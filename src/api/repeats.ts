/**
 * Repeated calls: a POST with an Idempotency-Key gets the stored answer of the first call. The key belongs to the
 * project and the operation, and where one operation has several procedures, to the procedure. Invariants: only a
 * caller who may make the call gets the stored answer; how the answer is given (`is_sync`) is no part of the request.
 * Fails with Problems.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type OperationSpec, procedureOf } from '../contract/operation.ts';
import { canonicalJson, type Idempotency, type KeyedCall } from '../ledger/idempotency.ts';
import { pathPart } from './context.ts';
import { mayCall } from './handle.ts';
import { Problem } from './problems.ts';

/** Parameters of a query that say how to answer, not what to do. */
const HOW = ['is_sync'];

/** The operation acts in no project, and the service does not repeat its answers. */
const isStep = ({ access = 'project' }: OperationSpec): boolean => access !== 'project';

/** The call in the form in which it is stored. The body is the valid one, without fields that are null for absence. */
function callOf(request: FastifyRequest, operation: OperationSpec, key: string): KeyedCall {
  const { query, body = null } = request;
  const ids = Object.keys(operation.params ?? {}).map((name) => pathPart(request, name).toLowerCase());
  const asked = Object.entries(query ?? {}).filter(([name]) => !HOW.includes(name));
  return {
    key: `http:${[operation.id, ...procedureOf(operation, body)].join(' ')}:${key}`,
    request: canonicalJson({ ids, query: Object.fromEntries(asked), body }),
  };
}
/**
 * The same call as earlier versions stored it: by its URL with the query, and by the text of its body. Their records
 * count for the 24 hours after an upgrade. Until then a repetition with another text is refused, and makes nothing twice.
 */
function formerCalls({ url, body, givenBody }: FastifyRequest, key: string): readonly KeyedCall[] {
  const [path] = url.split('?', 1);
  const request = JSON.stringify(givenBody ?? body ?? null);
  const urls = new Set([
    url,
    path,
    ...HOW.flatMap((name) => [`${path}?${name}=true`, `${path}?${name}=false`]),
  ]);
  return [...urls].map((one) => ({ key: `http:${one}:${key}`, request }));
}

export function answerRepeats(app: FastifyInstance, idempotency: Idempotency): void {
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    const { operation } = request.routeOptions.config;
    if (request.method !== 'POST' || key === undefined || request.principal === null) return;
    if (operation === undefined || isStep(operation)) return;
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new Problem('validation', 'Idempotency-Key: 1 to 255 visible ASCII characters', {
        field: 'Idempotency-Key',
      });
    }
    mayCall(request, operation);
    const call = callOf(request, operation, key);
    const begun = await idempotency.begin(request.principal.projectId, call, formerCalls(request, key));
    switch (begun.kind) {
      case 'first':
        request.idempotencyKey = call.key;
        return;
      case 'replay':
        return reply
          .code(begun.status)
          .type('application/json')
          .header('idempotent-replayed', 'true')
          .send(begun.body);
      case 'running':
        throw new Problem('idempotency-running', 'the first call with this Idempotency-Key is still running');
      case 'other-body':
        throw new Problem('idempotency-mismatch', 'this Idempotency-Key was used with another request');
    }
  });
}
/** Call this after every other hook that may still fail the answer. */
export function keepAnswers(app: FastifyInstance, idempotency: Idempotency): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.idempotencyKey !== null && request.principal !== null) {
      await idempotency.finish(
        request.principal.projectId,
        request.idempotencyKey,
        reply.statusCode,
        String(payload ?? ''),
      );
    }
    return payload;
  });
}
