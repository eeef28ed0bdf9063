/**
 * /iam/v1/session: signing in and out, without the guard. Invariants: each successful step answers with a new
 * session in a new cookie; the audit log has every step, successful or refused; a refusal does not say whether the
 * address, the password or the code was wrong.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import * as ops from '../contract/operations/people.ts';
import type { Attempted } from '../iam/attempts.ts';
import { openLink } from '../iam/links.ts';
import type { People } from '../iam/people.ts';
import type { Begun } from '../iam/sessions.ts';
import { INSTANCE } from '../runtime/ids.ts';
import type { AuditRecorder } from './audit-recorder.ts';
import type { ApiDeps } from './deps.ts';
import { emailOf } from './email.ts';
import { tooMany } from './guard.ts';
import type { Handle } from './handle.ts';
import type { PeopleViews } from './people-views.ts';
import { invalid, Problem } from './problems.ts';
import { originOf, type SelfSession, type Sessions } from './session-cookie.ts';

const WRONG_CODE = 'the code is wrong or was used before';

export interface SessionRouteDeps {
  readonly deps: ApiDeps;
  readonly people: People;
  readonly sessions: Sessions;
  readonly audit: Pick<AuditRecorder<never>, 'failed'>;
  readonly views: PeopleViews;
}

export function sessionRoutes(handle: Handle, given: SessionRouteDeps): void {
  const { deps, people, sessions, audit, views } = given;
  const { signIn } = people;

  async function answer(reply: FastifyReply, { session, token }: Begun) {
    sessions.set(reply, token, session);
    return views.session(session, token);
  }
  /** Returns the next session. Throws the problem of a refused attempt, and records the refusal. */
  async function passed<T>(request: FastifyRequest, attempted: Attempted<T>, detail: string): Promise<T> {
    if (attempted.kind === 'ok') return attempted.value;
    if (attempted.kind === 'throttled') {
      if (request.audit !== null) request.audit.written = true;
      deps.notices.tell('auth-capped', request.ip, request.id);
      throw tooMany(attempted.retryAfterMs);
    }
    deps.notices.tell('auth-refused', request.ip, request.id);
    if (request.audit !== null) await audit.failed(request.audit);
    throw new Problem('sign-in-refused', detail);
  }
  /** The session that waits for its second factor. The audit records the step for its member. */
  async function awaiting(request: FastifyRequest): Promise<SelfSession> {
    const self = await sessions.of(request);
    if (self === null) throw new Problem('unauthenticated', 'sign in with the password first');
    sessions.mayChange(request, self);
    if (self.session.state !== 'second_factor')
      throw new Problem('no-second-factor', 'the session is not waiting for a second factor');
    if (request.audit !== null) request.audit.actor = { kind: 'member', id: self.member.id };
    return self;
  }

  handle(ops.currentSession, async ({ request, reply }) => {
    reply.header('cache-control', 'no-store');
    const self = await sessions.of(request);
    return self === null ? ({ state: 'signed_out' } as const) : views.session(self.session, self.token);
  });
  handle(ops.signInByPassword, async ({ body, request, reply }) => {
    sessions.fromOurPages(request);
    const { email, password } = body;
    const attempted = await signIn.password(email, password, originOf(request), ({ id }) => {
      if (request.audit !== null) request.audit.actor = { kind: 'member', id };
    });
    return answer(reply, await passed(request, attempted, 'e-mail or password is wrong'));
  });
  handle(ops.signInByTotp, async ({ body, request, reply }) => {
    const { session, origin } = await awaiting(request);
    return answer(reply, await passed(request, await signIn.totp(session, body.code, origin), WRONG_CODE));
  });
  handle(ops.signInByRecoveryCode, async ({ body, request, reply }) => {
    const { session, origin } = await awaiting(request);
    return answer(
      reply,
      await passed(request, await signIn.recovery(session, body.code, origin), WRONG_CODE),
    );
  });
  handle(ops.signInPasskeyOptions, async ({ request }) => {
    const { session } = await awaiting(request);
    // A request for the options does not count as an attempt.
    if (request.audit !== null) request.audit.written = true;
    const options = await signIn.passkeyOptions(session);
    if (options === null) throw new Problem('no-passkey', 'you have no passkey that works here');
    return options;
  });
  handle(ops.signInByPasskey, async ({ body, request, reply }) => {
    const { session, origin } = await awaiting(request);
    const { response } = body;
    const attempted = await signIn.passkey(session, response, origin);
    return answer(reply, await passed(request, attempted, 'the passkey was not accepted'));
  });
  handle(ops.openLink, async ({ body, request, reply }) => {
    sessions.fromOurPages(request);
    const { token, ...about } = body;
    const email = about.email === undefined ? undefined : emailOf(about.email, 'email');
    const attempted = await deps.attempts.attempt(
      { address: request.ip, kind: 'link', name: '' },
      async () => {
        const opened = await openLink(
          {
            ...deps,
            found: ({ id }) => {
              if (request.audit !== null) request.audit.actor = { kind: 'member', id };
            },
          },
          token,
          { ...about, email },
          originOf(request),
        );
        return opened.kind === 'gone' ? null : opened;
      },
    );
    const opened = await passed(request, attempted, 'the link is not known, was used, or is too old');
    switch (opened.kind) {
      case 'email-needed':
        throw invalid('email', 'the link has no e-mail address: enter yours');
      case 'sign-in-first':
        throw new Problem('sign-in-first', 'sign in with that e-mail address, then accept the invitation');
      case 'ok':
        return answer(reply, opened.begun);
    }
  });
  handle(ops.signOut, async ({ request, reply }) => {
    const self = await sessions.of(request);
    if (self !== null) {
      sessions.mayChange(request, self);
      if (request.audit !== null) request.audit.actor = { kind: 'member', id: self.member.id };
      await deps.transactor.transact(INSTANCE, (tx) => tx.deleteSession(self.member.id, self.session.id));
    } else if (request.audit !== null) request.audit.written = true;
    sessions.clear(reply);
  });
}
