/**
 * Authentication of API calls. A program uses a static key (Basic) and acts in the key's project. A member uses a
 * session and names the project in `Hikyaku-Project`, or in the path if the resource is a project. Invariants: no
 * route behind the guard runs without authentication; another member's project is not found, like an unknown
 * project; a session in the state `set_up` reaches only the operations that complete the set-up. Fails with Problems.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OPERATOR_PERMISSIONS } from '../contract/permissions.ts';
import type { Member } from '../iam/people-records.ts';
import { inClosedProject, isRole, operationsOf } from '../iam/policy.ts';
import type { Principal } from '../iam/projects.ts';
import type { Idempotency } from '../ledger/idempotency.ts';
import { parseId } from '../runtime/ids.ts';
import type { AuditRecorder } from './audit-recorder.ts';
import { pathPart } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { notFound, Problem } from './problems.ts';
import type { Refusals } from './refusals.ts';
import { answerRepeats, keepAnswers } from './repeats.ts';
import type { SelfSession, Sessions } from './session-cookie.ts';

export interface GuardDeps {
  readonly deps: Pick<ApiDeps, 'read' | 'authenticator' | 'notices'>;
  readonly idempotency: Idempotency;
  readonly sessions: Sessions;
  readonly audit: Pick<AuditRecorder<never>, 'attach'>;
  readonly refusals: Refusals;
}
const NOTHING: ReadonlySet<string> = new Set();

export function tooMany(retryAfterMs: number): Problem {
  return new Problem('too-many-failures', 'too many failed authentications', {
    headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
  });
}
/** The permissions of the member for the whole instance. */
export function instanceOperations({ instanceRoles }: Member): ReadonlySet<string> {
  const held = operationsOf(instanceRoles);
  return new Set(OPERATOR_PERMISSIONS.filter((operation) => held.has(operation)));
}
/**
 * The principal of the member in the project. null: the project does not exist, or the member neither belongs to it nor
 * is an operator. Rejects if the store does.
 */
export async function memberPrincipal(
  read: ApiDeps['read'],
  member: Member,
  projectId: Principal['projectId'],
): Promise<Principal | null> {
  const [project, membership] = await Promise.all([
    read.project(projectId),
    read.membership(projectId, member.id),
  ]);
  const instance = instanceOperations(member);
  if (project === null || (membership === null && instance.size === 0)) return null;
  const names = membership?.roles ?? [];
  const custom = await read.rolesByName(
    projectId,
    names.filter((name) => !isRole(name)),
  );
  const held = operationsOf(names, custom);
  const own = project.closedAt === null ? held : inClosedProject(held);
  return {
    projectId,
    actor: { kind: 'member', memberId: member.id },
    operations: new Set([...own, ...instance]),
    sandbox: project.sandbox,
  };
}

export function guard(
  app: FastifyInstance,
  { deps, idempotency, sessions, audit, refusals }: GuardDeps,
): void {
  const { read, authenticator, notices } = deps;

  async function byKey(request: FastifyRequest): Promise<Principal | null> {
    const match = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '');
    const text = match === null ? '' : Buffer.from(match[1]!, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon === -1) return null;
    const result = await authenticator.authenticate(text.slice(0, colon), text.slice(colon + 1), request.ip);
    switch (result.kind) {
      case 'ok':
        return result.principal;
      case 'refused':
        notices.tell('auth-refused', request.ip, request.id, result.key === null ? {} : { key: result.key });
        return null;
      case 'throttled':
        notices.tell('auth-capped', request.ip, request.id);
        throw tooMany(result.retryAfterMs);
    }
  }
  async function bySession(request: FastifyRequest, self: SelfSession): Promise<void> {
    const { config } = request.routeOptions;
    request.self = self;
    if (!/^(GET|HEAD|OPTIONS)$/.test(request.method)) sessions.mayChange(request, self);
    if (self.session.state === 'set_up' && config.operation?.setUp !== true)
      throw new Problem('set-up-needed', 'a password and a second factor must be set first');
    request.instance = self.session.state === 'signed_in' ? instanceOperations(self.member) : NOTHING;
    const named =
      config.operation?.projectOfPath === true ? pathPart(request, 'id') : request.headers['hikyaku-project'];
    if (named === undefined || config.operation?.setUp === true) return;
    const id = parseId<'project'>(String(named));
    request.principal = id === null ? null : await memberPrincipal(read, self.member, id);
    if (request.principal === null) throw notFound();
  }

  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization === undefined) {
      const self = await sessions.of(request);
      if (self !== null && self.session.state !== 'second_factor') return bySession(request, self);
    }
    const principal = await byKey(request);
    if (principal === null) {
      // With this header, a browser would open its own window for name and password.
      const browser = request.headers.cookie ?? request.headers['sec-fetch-site'];
      if (browser === undefined) reply.header('www-authenticate', 'Basic realm="hikyaku", charset="UTF-8"');
      throw new Problem(
        'unauthenticated',
        'Use a valid static key (Basic authentication with key id and secret) or the session of a member.',
      );
    }
    request.principal = principal;
    request.instance = new Set(OPERATOR_PERMISSIONS.filter((one) => principal.operations.has(one)));
  });
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.operation === undefined) throw new Error(`${method} ${url} is no operation of the contract`);
  });
  answerRepeats(app, idempotency);
  audit.attach(app);
  refusals.attach(app);
  keepAnswers(app, idempotency);
}
