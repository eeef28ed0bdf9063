/**
 * The audit log of the API. Each request that may change something has a context. The first changing transaction in
 * this context also writes the audit event, so both are written or neither. For changes outside the API's own
 * transactions, the event is written before the answer is sent. An audit event holds names of fields, never values.
 * Sending and publishing are not audited: they have events of their own. Previews change nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { permissionOf } from '../contract/operation.ts';
import type { AuditActor, AuditEvent, AuditTx } from '../ledger/audit.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Transactor } from '../runtime/transactor.ts';

export interface AuditContext {
  projectId: ProjectId;
  actor: AuditActor;
  operation: string;
  target: string;
  readonly address: string;
  fields: readonly string[];
  written: boolean;
}
export interface AuditRecorder<Tx> {
  /** Like the given transactor, but it also writes the audit event of the context. */
  readonly transactor: Transactor<Tx>;
  /** Gives a context to every request of the scope that may change something, after authentication. */
  attach(scope: FastifyInstance): void;
  /** Writes a separate event for a refused sign-in. */
  failed(context: AuditContext): Promise<void>;
}
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const UNAUDITED = new Set(['mta.domains.send', 'edj.topics.publish', 'edj.subscribers.preview']);
/**
 * Writes that are not changes by themselves, like conditions (`expect…`): the change that follows may still be
 * refused.
 */
const QUIET = new Set(['setPending', 'touchSession']);
/** Inserts whose id does not become the target of the audit event. */
const UNNAMED = new Set(['insertSession', 'insertSignInLink', 'insertAuditEvent']);

export function auditActorOf({ principal, self }: FastifyRequest): AuditActor {
  if (principal !== null)
    return principal.actor.kind === 'key'
      ? { kind: 'key', id: principal.actor.apiClientId }
      : { kind: 'member', id: principal.actor.memberId };
  return self === null ? { kind: 'unknown', id: null } : { kind: 'member', id: self.member.id };
}

export function createAuditRecorder<Tx extends AuditTx>(deps: {
  readonly transactor: Transactor<Tx>;
  readonly random: Random;
  readonly clock: Clock;
}): AuditRecorder<Tx> {
  const { transactor, random, clock } = deps;
  const current = new AsyncLocalStorage<AuditContext>();

  function eventOf(context: AuditContext, outcome: AuditEvent['outcome'], made: string | null): AuditEvent {
    const { projectId, actor, operation, target, address, fields } = context;
    return {
      id: random.id(),
      projectId,
      actor,
      operation,
      target: made === null ? target : `${target}/${made}`,
      address,
      at: clock.now(),
      fields,
      outcome,
    };
  }
  /** Reports each write, with the id of a row that it inserts. */
  function watching(tx: Tx, written: (name: string, made: string | null) => void): Tx {
    return new Proxy(tx as object, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function' || typeof name !== 'string') return method;
        return (...args: unknown[]) => {
          const id = (args[0] as { id?: unknown } | null | undefined)?.id;
          const makes = /^insert[A-Z]/.test(name) && !UNNAMED.has(name) && typeof id === 'string';
          written(name, makes ? id : null);
          return Reflect.apply(method, target, args);
        };
      },
    }) as Tx;
  }
  return {
    transactor: {
      async transact(project, record, urgent) {
        const context = current.getStore();
        if (context === undefined || context.written) return transactor.transact(project, record, urgent);
        let changes = false;
        await transactor.transact(
          project,
          (tx) => {
            let id: string | null = null;
            record(
              watching(tx, (name, made) => {
                changes ||= !QUIET.has(name) && !/^expect[A-Z]/.test(name);
                id ??= made;
              }),
            );
            if (changes) tx.insertAuditEvent(eventOf(context, 'succeeded', id));
          },
          urgent,
        );
        context.written ||= changes;
      },
    },
    attach(scope) {
      scope.addHook('preHandler', (request, _reply, done) => {
        const { method, url, body } = request;
        const { config } = request.routeOptions;
        const { operation } = config;
        if (SAFE.has(method) || UNAUDITED.has(operation?.id ?? '')) return done();
        const context: AuditContext = {
          projectId: request.principal?.projectId ?? INSTANCE,
          actor: auditActorOf(request),
          operation:
            operation === undefined ? '' : (operation.step ?? permissionOf(operation) ?? operation.id),
          target: url.split('?', 1)[0]!,
          address: request.ip,
          fields: typeof body === 'object' && body !== null ? Object.keys(body).sort() : [],
          written: false,
        };
        request.audit = context;
        current.run(context, done);
      });
      scope.addHook('onSend', async (request, reply, payload) => {
        const { audit } = request;
        if (audit !== null && !audit.written && reply.statusCode < 300) {
          audit.written = true;
          await transactor.transact(audit.projectId, (tx) =>
            tx.insertAuditEvent(eventOf(audit, 'succeeded', null)),
          );
        }
        return payload;
      });
    },
    async failed(context) {
      context.written = true;
      await transactor.transact(context.projectId, (tx) =>
        tx.insertAuditEvent(eventOf(context, 'failed', null)),
      );
    },
  };
}
