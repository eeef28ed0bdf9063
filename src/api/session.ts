/**
 * /iam/v1/session: signing in and out, without the guard. Invariants: each step that succeeds answers with a new session
 * in a new cookie; every step, taken or refused, is in the audit; what is refused does not say whether the address, the
 * password or the code was wrong.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Attempted } from '../iam/attempts.ts';
import { type Introduction, openLink } from '../iam/links.ts';
import type { Assertion } from '../iam/passkeys.ts';
import type { People } from '../iam/people.ts';
import type { Begun } from '../iam/sessions.ts';
import { INSTANCE } from '../runtime/ids.ts';
import type { AuditRecorder } from './audit-recorder.ts';
import type { ApiDeps } from './deps.ts';
import { emailOf } from './email.ts';
import { tooMany } from './guard.ts';
import type { PeopleViews } from './people-views.ts';
import { conflict, invalid, Problem } from './problems.ts';
import { AnyObject, Language, ResourceName } from './schemas.ts';
import { originOf, type SelfSession, type Sessions } from './session-cookie.ts';

export interface SessionRouteDeps {
  readonly deps: ApiDeps;
  readonly people: People;
  readonly sessions: Sessions;
  readonly audit: Pick<AuditRecorder<never>, 'failed'>;
  readonly views: PeopleViews;
}
const Code = Type.Object({ code: Type.String({ maxLength: 100 }) }, { additionalProperties: false });

export function sessionRoutes(app: FastifyInstance, given: SessionRouteDeps): void {
  const { deps, people, sessions, audit, views } = given;
  const { signIn } = people;
  const answers = { schema: { response: { 200: AnyObject } } };

  async function answer(reply: FastifyReply, { session, token }: Begun) {
    sessions.set(reply, token, session);
    return views.session(session, token);
  }
  /** The next session, or the problem the attempt ended in, which is noted. */
  async function passed<T>(request: FastifyRequest, attempted: Attempted<T>, detail: string): Promise<T> {
    if (attempted.kind === 'ok') return attempted.value;
    if (attempted.kind === 'throttled') {
      if (request.audit !== null) request.audit.written = true;
      deps.notices.tell('auth-capped', request.ip, request.id);
      throw tooMany(attempted.retryAfterMs);
    }
    deps.notices.tell('auth-refused', request.ip, request.id);
    if (request.audit !== null) await audit.failed(request.audit);
    throw new Problem(401, 'sign-in-refused', 'Not signed in', detail);
  }
  /** The session whose second factor is awaited; the step is its member's. */
  async function awaiting(request: FastifyRequest): Promise<SelfSession> {
    const self = await sessions.of(request);
    if (self === null)
      throw new Problem(401, 'unauthenticated', 'Unauthenticated', 'the password comes first');
    sessions.mayChange(request, self);
    if (self.session.state !== 'second_factor')
      throw conflict('no-second-factor', 'the session awaits no second factor');
    if (request.audit !== null) request.audit.actor = { kind: 'member', id: self.member.id };
    return self;
  }

  app.get('/session', answers, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const self = await sessions.of(request);
    return self === null ? { state: 'signed_out' } : views.session(self.session, self.token);
  });
  app.post(
    '/session',
    {
      config: { step: 'iam.sessions.password' },
      schema: {
        body: Type.Object(
          { email: Type.String({ maxLength: 500 }), password: Type.String({ maxLength: 5000 }) },
          { additionalProperties: false },
        ),
        ...answers.schema,
      },
    },
    async (request, reply) => {
      sessions.fromOurPages(request);
      const { email, password } = request.body as { email: string; password: string };
      const attempted = await signIn.password(email, password, originOf(request), ({ id }) => {
        if (request.audit !== null) request.audit.actor = { kind: 'member', id };
      });
      return answer(reply, await passed(request, attempted, 'e-mail or password is wrong'));
    },
  );
  for (const method of ['totp', 'recovery'] as const)
    app.post(
      `/session/${method}`,
      { config: { step: `iam.sessions.${method}` }, schema: { body: Code, ...answers.schema } },
      async (request, reply) => {
        const { session, origin } = await awaiting(request);
        const attempted = await signIn[method](session, (request.body as { code: string }).code, origin);
        return answer(reply, await passed(request, attempted, 'the code is wrong or was used before'));
      },
    );
  app.post(
    '/session/passkey/options',
    { config: { step: 'iam.sessions.passkey_options' }, ...answers },
    async (request) => {
      const { session } = await awaiting(request);
      // Asking for them is no attempt yet.
      if (request.audit !== null) request.audit.written = true;
      const options = await signIn.passkeyOptions(session);
      if (options === null) throw conflict('no-passkey', 'there is no passkey that could be used here');
      return options;
    },
  );
  app.post(
    '/session/passkey',
    {
      config: { step: 'iam.sessions.passkey' },
      schema: {
        body: Type.Object({ response: AnyObject }, { additionalProperties: false }),
        ...answers.schema,
      },
    },
    async (request, reply) => {
      const { session, origin } = await awaiting(request);
      const { response } = request.body as { response: Assertion };
      if (typeof response.id !== 'string') throw invalid('response', 'is no answer of an authenticator');
      const attempted = await signIn.passkey(session, response, origin);
      return answer(reply, await passed(request, attempted, 'the passkey was not accepted'));
    },
  );
  app.post(
    '/session/link',
    {
      config: { step: 'iam.sessions.link' },
      schema: {
        body: Type.Object(
          {
            token: Type.String({ maxLength: 100 }),
            email: Type.Optional(Type.String({ maxLength: 500 })),
            name: Type.Optional(ResourceName),
            language: Type.Optional(Language),
          },
          { additionalProperties: false },
        ),
        ...answers.schema,
      },
    },
    async (request, reply) => {
      sessions.fromOurPages(request);
      const { token, ...about } = request.body as Introduction & { token: string };
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
          throw invalid('email', 'the link names nobody: say your e-mail address');
        case 'sign-in-first':
          throw conflict('sign-in-first', 'sign in with that e-mail address, then accept the invitation');
        case 'ok':
          return answer(reply, opened.begun);
      }
    },
  );
  app.delete('/session', { config: { step: 'iam.sessions.delete' } }, async (request, reply) => {
    const self = await sessions.of(request);
    if (self !== null) {
      sessions.mayChange(request, self);
      if (request.audit !== null) request.audit.actor = { kind: 'member', id: self.member.id };
      await deps.transactor.transact(INSTANCE, (tx) => tx.deleteSession(self.member.id, self.session.id));
    } else if (request.audit !== null) request.audit.written = true;
    sessions.clear(reply);
    return reply.code(204).send();
  });
}
