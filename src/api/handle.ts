/**
 * Binds a handler to an operation of the contract: the contract's schemas validate the request and give the answer
 * its type, and the permission is checked once, here, before the handler runs. Fails with Problems.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type TSchema } from 'typebox';
import type {
  Answer,
  Answered,
  BodyOf,
  Grant,
  ListAnswer,
  OctetsAnswer,
  OperationSpec,
  QueryOf,
  StreamedAnswer,
} from '../contract/operation.ts';
import { isConditional, permissionOf } from '../contract/operation.ts';
import { closed } from '../contract/parts.ts';
import type { Principal } from '../iam/projects.ts';
import { type Id, type ProjectId, parseId } from '../runtime/ids.ts';
import { asMember, pathPart, permitted, permittedOnInstance } from './context.ts';
import { ifMatch, refuseCondition } from './etag.ts';
import { takeGiven } from './given.ts';
import { readable } from './kinds.ts';
import type { Listing, PageAsked } from './pages.ts';
import { notFound } from './problems.ts';
import type { SelfSession } from './session-cookie.ts';

/** The kinds of ids that placeholders of a path stand for, by the names of their examples. */
interface Kinds {
  readonly project: 'project';
  readonly apiClient: 'api-client';
  readonly staticKey: 'static-key';
  readonly ownedDomain: 'owned-domain';
  readonly domain: 'mta-domain';
  readonly topic: 'topic';
  readonly subscriber: 'subscriber';
  readonly incomingRule: 'rule';
  readonly outgoingRule: 'rule';
  readonly eventRule: 'rule';
  readonly projectEventRule: 'rule';
  readonly message: 'message';
  readonly sendTask: 'task';
  readonly publishTask: 'task';
  readonly event: 'event';
  readonly dkimKey: 'dkim-key';
  readonly dnsAccount: 'dns-account';
  readonly limitRequest: 'limit-request';
  readonly member: 'member';
  readonly invitation: 'invitation';
  readonly role: 'role';
  readonly passkey: 'passkey';
  readonly session: 'session';
}
type ParamsOf<O> = O extends { readonly params: infer P }
  ? { readonly [K in keyof P]: P[K] extends keyof Kinds ? Id<Kinds[P[K]]> : never }
  : Record<never, never>;
type AccessOf<O> = O extends { readonly access: infer A } ? A : 'project';
/** The caller's principal; null if none is needed, or if a permission for the instance is enough. */
type PrincipalOf<O> = O extends { readonly asksItself: true }
  ? Principal | null
  : AccessOf<O> extends 'project'
    ? O extends { readonly permission: { readonly of: infer G } }
      ? Extract<G[keyof G], object> extends never
        ? Principal
        : Principal | null
      : Principal
    : null;
type SelfOf<O> = O extends { readonly people: true }
  ? SelfSession
  : AccessOf<O> extends 'account'
    ? SelfSession
    : SelfSession | null;

export interface Call<O extends OperationSpec> {
  readonly body: BodyOf<O>;
  readonly query: QueryOf<O>;
  /** The ids in the path. */
  readonly params: ParamsOf<O>;
  readonly principal: PrincipalOf<O>;
  readonly projectId: PrincipalOf<O> extends Principal ? ProjectId : null;
  readonly self: SelfOf<O>;
  /** True if the caller set If-Match and it holds. Throws 412 if it does not hold. */
  ifMatch(resource: object): boolean;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

type Nothing = Awaited<Promise<void>>;
type ResultOf<A> = A extends null
  ? Nothing
  : A extends ListAnswer<infer I>
    ? Listing<Answered<I>>
    : A extends StreamedAnswer | OctetsAnswer
      ? FastifyReply | Listing<object>
      : A extends TSchema
        ? Answered<A>
        : never;
type Answers<O extends OperationSpec> = O['answers'];
/** The result of a handler: the answer, with its status if the operation has several. */
export type Result<O extends OperationSpec> = [keyof Answers<O>] extends [infer S extends keyof Answers<O>]
  ? IsUnion<S> extends true
    ? { [K in S]: { readonly status: K; readonly answer: ResultOf<Answers<O>[K]> } }[S]
    : ResultOf<Answers<O>[S]>
  : never;
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;

export type Handle = <const O extends OperationSpec>(
  operation: O,
  handler: (call: Call<O>) => Promise<Result<O>>,
) => void;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The operation of the route. */
    operation?: OperationSpec;
  }
}

/** `/mta/v1/domains/{id}` becomes `/domains/:id` below the prefix of its service. */
function urlOf({ path }: OperationSpec): string {
  return path.replace(/^\/\w+\/v1/, '').replace(/\{(\w+)\}/g, ':$1');
}
const NO_QUERY = closed({});
function schemaOf({ params = {}, query = NO_QUERY, body }: OperationSpec) {
  const names = Object.keys(params);
  return {
    ...(names.length === 0
      ? {}
      : { params: Type.Object(Object.fromEntries(names.map((name) => [name, Type.String()]))) }),
    querystring: query,
    ...(body === undefined ? {} : { body: readable(body) }),
  };
}
function granted(request: FastifyRequest, grant: Grant): void {
  if (typeof grant === 'string') permitted(request, grant);
  else permittedOnInstance(request, grant.operator);
}
/** Throws if the caller may not call the operation. Needs the valid body and query of the request. */
export function mayCall(request: FastifyRequest, operation: OperationSpec): void {
  const { access = 'project', permission = operation.id, projectOfPath, permissions = [] } = operation;
  if (access === 'open' || access === 'account' || operation.asksItself === true) return;
  if (projectOfPath === true) {
    // Another project's id is not found; this comes before the check of the role.
    const id = parseId<'project'>(pathPart(request, 'id'));
    if (id === null || (request.principal !== null && request.principal.projectId !== id)) throw notFound();
  }
  if (access === 'instance') {
    permittedOnInstance(request, permissionOf(operation)!);
    return;
  }
  if (typeof permission === 'object' && 'of' in permission) {
    const from = (permission.in === 'body' ? request.body : request.query) as Record<string, unknown>;
    const grant = permission.of[String(from[permission.field] ?? false)];
    if (grant === undefined) throw new Error(`${operation.id} asks for no permission`);
    granted(request, grant);
  } else permitted(request, typeof permission === 'string' ? permission : permission.operator);
  for (const name of permissions) permitted(request, name);
}
function idsOf(request: FastifyRequest, { params = {} }: OperationSpec): Record<string, Id<string>> {
  return Object.fromEntries(
    Object.keys(params).map((name) => {
      const id = parseId<string>(pathPart(request, name));
      if (id === null) throw notFound();
      return [name, id];
    }),
  );
}
function isListing(answer: unknown): answer is Listing<unknown> {
  return typeof answer === 'object' && answer !== null && 'sendTo' in answer;
}

export function createHandle(app: FastifyInstance): Handle {
  return (operation, handler) => {
    const statuses = Object.keys(operation.answers).map(Number);
    const [only] = statuses;
    const schema = schemaOf(operation);
    app.route({
      method: operation.method,
      url: urlOf(operation),
      config: { operation },
      schema,
      preValidation: async (request) => takeGiven(request, schema.body, schema.querystring),
      async handler(request, reply) {
        mayCall(request, operation);
        if (operation.method !== 'GET' && !isConditional(operation)) refuseCondition(request);
        const self = operation.access === 'account' || operation.people ? asMember(request) : request.self;
        const call = {
          body: request.body,
          query: request.query as PageAsked,
          params: idsOf(request, operation),
          principal: request.principal,
          projectId: request.principal?.projectId ?? null,
          self,
          ifMatch: (resource: object) => ifMatch(request, resource),
          request,
          reply,
        };
        const result: unknown = await handler(call as unknown as Call<typeof operation>);
        // The answer sends itself; Fastify waits for it.
        if (reply.sent || reply.raw.headersSent) return;
        const [status, answer] =
          statuses.length === 1
            ? [only!, result]
            : [(result as { status: number }).status, (result as { answer: unknown }).answer];
        if (isListing(answer)) return answer.sendTo(call);
        return reply.code(status).send(answer);
      },
    });
  };
}
/** One answer of an operation that has several. */
export function answered<S extends number, A>(
  status: S,
  answer: A,
): { readonly status: S; readonly answer: A } {
  return { status, answer };
}
export type { Answer };
