/**
 * The session of a request: its cookie, and the protection against other sites that try to use it. Invariants: the
 * cookie is HttpOnly and SameSite=Lax, and has `__Host-` and Secure if the client uses TLS; a request that changes
 * something with a cookie must come from a page of this service and hold the session's CSRF token; no answer allows
 * CORS. Fails with Problems 401 and 403.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Member, PeopleReader, PeopleTx, Session } from '../iam/people-records.ts';
import { hashToken, isCsrfToken, isOver, type Origin, wantsTouch } from '../iam/sessions.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { Problem } from './problems.ts';

/** The session of a request and its member. */
export interface SelfSession {
  readonly member: Member;
  readonly session: Session;
  readonly token: string;
  readonly origin: Origin;
}
export interface SessionDeps {
  readonly read: PeopleReader;
  /** A transactor without audit: using a session is not a change. */
  readonly transactor: Transactor<PeopleTx>;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publicUrl: () => string;
  /** Clients use TLS: to this server, to a trusted proxy, or because the public URL is https. */
  readonly secure: boolean;
}
export interface Sessions {
  /** null: the request has no cookie, or its session has ended. */
  of(request: FastifyRequest): Promise<SelfSession | null>;
  /** Throws a Problem if a page of another site may have sent the request. */
  fromOurPages(request: FastifyRequest): void;
  /** The same check; the request must also hold the session's CSRF token. */
  mayChange(request: FastifyRequest, self: SelfSession): void;
  set(reply: FastifyReply, token: string, session: Session): void;
  clear(reply: FastifyReply): void;
}
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function originOf(request: FastifyRequest): Origin {
  return { address: request.ip, agent: String(request.headers['user-agent'] ?? '') };
}

export function createSessions(deps: SessionDeps): Sessions {
  const { read, transactor, sealer, clock, logger, secure } = deps;
  const name = secure ? '__Host-hikyaku_session' : 'hikyaku_session';
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;

  function tokenOf(request: FastifyRequest): string | null {
    const found = (request.headers.cookie ?? '')
      .split(';')
      .map((part) => part.trim())
      .filter((part) => part.startsWith(`${name}=`))
      .map((part) => part.slice(name.length + 1));
    // If two cookies have this name, another site may have set one of them; neither is accepted.
    return found.length === 1 && TOKEN.test(found[0]!) ? found[0]! : null;
  }
  function isOurs(origin: string, host: string): boolean {
    const url = URL.parse(origin);
    return url !== null && (url.origin === new URL(deps.publicUrl()).origin || url.host === host);
  }
  function fromOurPages({ headers }: FastifyRequest): void {
    const { origin, host = '' } = headers;
    const site = headers['sec-fetch-site'];
    const strange =
      (origin === undefined && site === undefined) ||
      (origin !== undefined && !isOurs(origin, host)) ||
      (site !== undefined && site !== 'same-origin');
    if (strange)
      throw new Problem(
        'cross-site',
        'a request that changes something with a session must come from a page of this service (Origin or Sec-Fetch-Site)',
      );
  }
  return {
    fromOurPages,
    async of(request) {
      const token = tokenOf(request);
      if (token === null) return null;
      const session = await read.session(hashToken(token));
      const now = clock.now();
      if (session === null || isOver(session, now)) return null;
      const member = await read.member(session.memberId);
      if (member === null) return null;
      const origin = originOf(request);
      if (wantsTouch(session, now)) {
        const agent = origin.agent.replace(/[^\x20-\x7e]/g, '').slice(0, 300);
        transactor
          .transact(INSTANCE, (tx) =>
            tx.touchSession(session.hash, { lastUsedAt: now, address: origin.address, agent }),
          )
          .catch((error: unknown) =>
            logger.warn({ err: error }, 'the service could not record the use of a session'),
          );
      }
      return { member, session, token, origin };
    },
    mayChange(request, { token }) {
      fromOurPages(request);
      const given = request.headers['hikyaku-csrf'];
      if (typeof given !== 'string' || !isCsrfToken(sealer, token, given))
        throw new Problem(
          'csrf-token',
          "the header Hikyaku-CSRF must hold the session's csrf_token (GET /iam/v1/session)",
        );
    },
    set(reply, token, session) {
      const seconds = Math.max(0, Math.floor((session.expiresAt - clock.now()) / 1000));
      reply.header('cache-control', 'no-store');
      reply.header('set-cookie', `${name}=${token}; ${attributes}; Max-Age=${seconds}`);
    },
    clear: (reply) => void reply.header('set-cookie', `${name}=; ${attributes}; Max-Age=0`),
  };
}
