/**
 * The HTTP server: routes, authentication, problems, idempotency, OpenAPI, and deadlines for slow callers.
 * Invariants: every route except health, metrics, documents and signing in needs a static key or a member's session
 * (guard.ts); every error is answered with a problem.
 */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { SecureContext } from 'node:tls';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Service as ApiService } from '../contract/operation.ts';
import { createPeople } from '../iam/people.ts';
import { createIdempotency } from '../ledger/idempotency.ts';
import type { Service } from '../runtime/lifecycle.ts';
import { NoPlace } from '../runtime/places.ts';
import { ConflictError, StaleError, StoreError } from '../runtime/transactor.ts';
import { auditRoutes } from './audit.ts';
import { createAuditRecorder } from './audit-recorder.ts';
import { ClientGone } from './client-gone.ts';
import { conflictWords } from './conflict-words.ts';
import { consoleRoutes, readConsole } from './console-files.ts';
import { createViews } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { docsPage } from './docs-page.ts';
import { createDoor, DOOR_LIMITS, type DoorLimits } from './door.ts';
import { edjRoutes } from './edj.ts';
import { edjEventRoutes } from './edj-events.ts';
import { edjSampleRoutes } from './edj-samples.ts';
import { preconditionFailed, tagResources } from './etag.ts';
import { NO_SLASH } from './given.ts';
import { guard } from './guard.ts';
import { createHandle, type Handle } from './handle.ts';
import { createPathMethods, edgeProblem, originForm, refuseAtEdge } from './http-edge.ts';
import { iamRoutes } from './iam.ts';
import { iamDomainRoutes } from './iam-domains.ts';
import { takeJson } from './json-body.ts';
import { createInTurn } from './judged.ts';
import { createRefusal, leaveRest } from './linger.ts';
import { meRoutes } from './me.ts';
import { memberRoutes } from './members.ts';
import { METRICS_TYPE } from './metrics-listener.ts';
import { mtaDkimRoutes } from './mta-dkim.ts';
import { mtaDnsProviderRoutes } from './mta-dns-providers.ts';
import { mtaDomainRoutes } from './mta-domains.ts';
import { mtaInstanceRoutes } from './mta-instance.ts';
import { mtaLimitRequestRoutes } from './mta-limit-requests.ts';
import { mtaLimitRoutes } from './mta-limits.ts';
import { mtaMessageRoutes } from './mta-messages.ts';
import { mtaQueueRoutes } from './mta-queues.ts';
import { mtaRetentionRoutes } from './mta-retention.ts';
import { mtaRuleRoutes } from './mta-rules.ts';
import { createDocuments } from './openapi.ts';
import { JSON_TYPE } from './pages.ts';
import { createPeopleViews } from './people-views.ts';
import { ALWAYS, Problem, sendProblem } from './problems.ts';
import { projectRoutes } from './projects.ts';
import { createRefusals } from './refusals.ts';
import { roleRoutes } from './roles.ts';
import { sessionRoutes } from './session.ts';
import { createSessions } from './session-cookie.ts';
import { storeProblem } from './store-problem.ts';
import { takeStreams } from './streamed.ts';
import { takeTurns } from './turns.ts';
import { type Violation, validationProblem } from './validation-words.ts';

export interface ApiOptions {
  readonly host: string;
  readonly port: number;
  /** Called at each handshake; null: plain HTTP. */
  readonly secureContext: (() => SecureContext) | null;
  readonly trustedProxies: readonly string[];
  /** Whether /metrics is answered here: only if the port is not open to the world. */
  readonly hasMetrics: boolean;
  /** True for addresses whose connections are not limited. */
  readonly exempt?: (address: string) => boolean;
  readonly door?: Partial<DoorLimits>;
  readonly deadlines?: Deadlines;
}
/** Total time for the header of a request and for the whole request, and the interval of the check, in ms. */
export interface Deadlines {
  readonly headerMs: number;
  readonly requestMs: number;
  readonly everyMs: number;
}
const DEADLINES: Deadlines = { headerMs: 15_000, requestMs: 60_000, everyMs: 5_000 };
/** Time between two requests, and time without an octet in either direction. */
const KEEP_ALIVE_MS = 72_000;
const STILL_MS = 120_000;
export interface Api extends Service {
  readonly port: number;
}
/** Time for unfinished answers when the service stops, ms. */
const STOP_MS = 5_000;
const BODY_LIMIT = 16 * 1024 * 1024;

export async function createApi(given: ApiDeps, options: ApiOptions): Promise<Api> {
  const audit = createAuditRecorder(given);
  /** The routes write through this transactor, so the audit log records their writes. */
  const deps: ApiDeps = { ...given, transactor: audit.transactor };
  const sessions = createSessions({
    ...given,
    secure:
      options.secureContext !== null ||
      options.trustedProxies.length > 0 ||
      given.publicUrl().startsWith('https:'),
  });
  const people = createPeople(deps);
  const { headerMs, requestMs, everyMs } = options.deadlines ?? DEADLINES;
  const door = createDoor({
    ...given,
    secureContext: options.secureContext,
    exempt: options.exempt ?? (() => false),
    limits: { ...DOOR_LIMITS, ...options.door },
  });
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    clientErrorHandler: createRefusal(deps.clock),
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    forceCloseConnections: 'idle',
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // A path that is no path, before it is looked for.
    frameworkErrors: (error: FastifyError, _request: unknown, reply: FastifyReply) =>
      sendProblem(
        reply,
        error.code === 'FST_ERR_MAX_PARAM_LENGTH'
          ? new Problem('uri-too-long', 'a part of the path is longer than any id')
          : new Problem('bad-request', 'the percent signs in the path do not stand for UTF-8'),
      ),
    serverFactory(routed: RequestListener) {
      const handler: RequestListener = (request, response) => {
        const problem = edgeProblem(request);
        if (problem !== null) return refuseAtEdge(request, response, problem, deps.clock);
        request.url = originForm(request.url ?? '/');
        routed(request, response);
      };
      const server = door.open(
        {
          headersTimeout: headerMs,
          requestTimeout: requestMs,
          connectionsCheckingInterval: everyMs,
          keepAliveTimeout: KEEP_ALIVE_MS,
          // Node would answer without a problem.
          requireHostHeader: false,
        },
        handler,
      );
      return server.setTimeout(STILL_MS);
    },
  } as object) as unknown as FastifyInstance;
  // Query values are converted to the schema's types. Bodies are not converted: the number 5 is not a string.
  app.setValidatorCompiler(TypeBoxValidatorCompiler as never);
  // A schema describes an answer, but does not change it.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  const views = createViews(deps.publicUrl);
  const idempotency = createIdempotency(given);
  const refusals = createRefusals(given);
  const peopleViews = createPeopleViews({ deps, people });
  const documents = createDocuments(deps.publicUrl, deps.connect);

  takeJson(app);
  takeStreams(app, deps);
  const stop = { asked: false };
  app.addHook('preClose', async () => {
    stop.asked = true;
  });
  // The client has already disconnected. There is no address to count and nobody to answer.
  app.addHook('onRequest', async (request, reply) => {
    if (request.socket.remoteAddress !== undefined) return;
    reply.hijack();
    request.raw.destroy();
  });
  const paths = createPathMethods();
  app.addHook('onRoute', ({ method, url }) => paths.add(method, url));
  app.addHook('onSend', async (request, reply, payload) => {
    for (const [name, value] of Object.entries(ALWAYS)) if (!reply.hasHeader(name)) reply.header(name, value);
    if (stop.asked) reply.header('connection', 'close');
    leaveRest(request.raw, deps.clock);
    return payload;
  });
  app.decorateRequest('principal', null);
  app.decorateRequest('idempotencyKey', null);
  app.decorateRequest('givenBody', null);
  app.decorateRequest('self', null);
  app.decorateRequest('audit', null);
  app.decorateRequest('refusal', null);
  app.decorateRequest('place', null);
  app.decorateRequest('instance', null as never);
  app.setErrorHandler<FastifyError | Error>((error, request, reply) => {
    const isUnmet = error instanceof StaleError && request.headers['if-match'] !== undefined;
    const problem = isUnmet ? preconditionFailed() : problemOf(error, deps, request);
    request.refusal = problem;
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = paths.of(request.url);
    return sendProblem(
      reply,
      allowed.length === 0
        ? new Problem('not-found', hasOddSlash(request.url) ? NO_SLASH : NO_PATH)
        : new Problem('method-not-allowed', `the path has no ${request.method}; /docs lists its methods`, {
            headers: { allow: allowed.join(', ') },
          }),
    );
  });

  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const notReady = await deps.notReady();
    if (notReady === null) return { status: 'ready' };
    const { reason, lastCommitAgeSeconds } = notReady;
    return reply
      .code(503)
      .send({ status: 'not ready', reason, last_commit_age_seconds: lastCommitAgeSeconds });
  });
  app.get('/metrics', async (_request, reply) => {
    if (!options.hasMetrics)
      throw new Problem(
        'not-found',
        'the metrics are not on this port: the service answers them only at HIKYAKU_METRICS_LISTEN',
      );
    return reply.type(METRICS_TYPE).send(await deps.metrics.render());
  });
  consoleRoutes(app, readConsole(), deps.random);
  app.get('/docs', async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      )
      .header('x-content-type-options', 'nosniff')
      .send(docsPage(deps.publicUrl(), documents.all())),
  );

  async function part(
    name: ApiService,
    routes: (handle: Handle) => void,
    open: (handle: Handle, scope: FastifyInstance) => void = () => {},
  ): Promise<void> {
    await app.register(
      async (scope) => {
        // All clients get the same octets, so a client that does not read costs no memory of its own. No key is needed.
        scope.get('/openapi.json', async (_request, reply) => {
          return reply.type(JSON_TYPE).send(documents.octets(name));
        });
        await scope.register(async (guarded) => {
          guard(guarded, { deps, idempotency, sessions, audit, refusals });
          takeTurns(guarded, deps);
          tagResources(guarded);
          routes(createHandle(guarded));
        });
        await scope.register(async (unguarded) => open(createHandle(unguarded), unguarded));
      },
      { prefix: `/${name}/v1` },
    );
  }
  await part('mta', (handle) => {
    mtaDomainRoutes(handle, deps, views);
    mtaRuleRoutes(handle, deps, views);
    mtaDkimRoutes(handle, deps);
    mtaDnsProviderRoutes(handle, deps);
    mtaMessageRoutes(handle, deps, views);
    mtaQueueRoutes(handle, deps);
    mtaLimitRoutes(handle, deps);
    mtaRetentionRoutes(handle, deps);
    mtaInstanceRoutes(handle, deps);
    mtaLimitRequestRoutes(handle, deps);
  });
  await part('edj', (handle) => {
    edjRoutes(handle, deps, views);
    edjEventRoutes(handle, deps, () => stop.asked);
    edjSampleRoutes(handle, deps);
  });
  await part(
    'iam',
    (handle) => {
      const inTurn = createInTurn();
      iamRoutes(handle, deps, views, inTurn);
      iamDomainRoutes(handle, deps, views);
      projectRoutes(handle, deps, views);
      memberRoutes(handle, deps, peopleViews, inTurn);
      roleRoutes(handle, deps, inTurn);
      auditRoutes(handle, deps);
      meRoutes(handle, deps, people, sessions, peopleViews);
    },
    (handle, scope) => {
      audit.attach(scope);
      sessionRoutes(handle, { deps, people, sessions, audit, views: peopleViews });
    },
  );
  await app.ready();

  let six: Server | null = null;
  /**
   * `localhost` leads to ::1 as well, and browsers try that first: the same port there belongs to this service, too.
   * Without IPv6, or if another program has the port, browsers use 127.0.0.1.
   */
  async function alsoOnSix(): Promise<void> {
    const { port } = app.server.address() as AddressInfo;
    // As Node's HTTP server takes its connections.
    const server = createServer(
      { allowHalfOpen: true, noDelay: true },
      (socket) => void app.server.emit('connection', socket),
    );
    try {
      server.listen({ port, host: '::1', ipv6Only: true });
      await once(server, 'listening');
      server.on('error', (error) => deps.logger.warn({ err: error }, 'accepting HTTP at [::1] failed'));
      six = server;
    } catch (error) {
      deps.logger.info({ err: error }, 'HTTP is not answered at [::1]; localhost leads to 127.0.0.1');
    }
  }

  return {
    get port() {
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    async start() {
      await app.listen({ host: options.host, port: options.port });
      if (options.host === '127.0.0.1') await alsoOnSix();
    },
    async [Symbol.asyncDispose]() {
      six?.close();
      door.shut();
      // Node counts a connection without any request as busy, so all connections are closed after a while.
      const timer = deps.clock.after(STOP_MS, () => door.clear());
      await app.close();
      timer.cancel();
      door.clear();
    },
  };
}

const NO_PATH = 'the API has no such path; /docs lists them all';
const hasOddSlash = (url: string): boolean => /\/\/|\/$/.test(url.split('?', 1)[0]!);
/** Converts any error to a problem. An unexpected error goes to the log; its problem holds only the request's id. */
function problemOf(
  error: FastifyError | Error,
  deps: ApiDeps,
  request: Pick<FastifyRequest, 'id' | 'method' | 'body' | 'query' | 'params'>,
): Problem {
  const { id: requestId, method } = request;
  if (error instanceof Problem) return error;
  // Nobody reads this answer.
  if (error instanceof ClientGone) return new Problem('bad-request', error.message);
  if (error instanceof ConflictError) return new Problem('conflict', conflictWords(error.what));
  if (error instanceof StaleError)
    return new Problem('conflict', 'the resource was changed or removed in the meantime');
  if (error instanceof StoreError) {
    if (method === 'GET' || method === 'HEAD')
      return new Problem('store-unavailable', 'the store cannot be read, try again later');
    return storeProblem(error, 'the data could not be stored, try again later');
  }
  if (error instanceof NoPlace)
    return new Problem('too-busy', 'the service had no free place for the answer in time, try again later', {
      headers: { 'retry-after': '10' },
    });
  const { validation, validationContext, statusCode, code, message } = error as FastifyError;
  if (validation !== undefined)
    return validationProblem(
      validation as readonly Violation[],
      validationContext ?? 'body',
      { querystring: request.query, params: request.params }[String(validationContext)] ?? request.body,
    );
  if (statusCode === 413)
    return new Problem('body-too-large', `the body must have at most ${BODY_LIMIT} octets`);
  if (statusCode === 415)
    return new Problem('unsupported-media-type', 'the body must be JSON: Content-Type: application/json');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Problem(
      'bad-request',
      code?.startsWith('FST_') ? 'the method, the headers or the length of the body is not valid' : message,
      { status: statusCode },
    );
  deps.logger.error({ request: requestId, err: error }, 'a request failed unexpectedly');
  return new Problem('internal', `the service failed; the id in the log is ${requestId}`);
}
