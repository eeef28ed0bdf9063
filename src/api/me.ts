/**
 * /iam/v1/me: what members see and change of their own account, in no project. Whoever is being set up may come here for
 * what is missing, and nothing else. Invariants: a step that changes what the session is answers with a new one.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import Type from 'typebox';
import type { Registration } from '../iam/passkeys.ts';
import { passwordComplaint } from '../iam/passwords.ts';
import type { People } from '../iam/people.ts';
import type { Language as LanguageName } from '../iam/people-types.ts';
import { type Begun, IDLE_MS } from '../iam/sessions.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { asMember, found, pathId } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { tooMany } from './guard.ts';
import { byId, MOST_ITEMS, sendList, sendWhole } from './pages.ts';
import type { PeopleViews } from './people-views.ts';
import { conflict, invalid } from './problems.ts';
import { AnyObject, IdParams, Language, List, ResourceName, WholeQuery } from './schemas.ts';
import type { Sessions } from './session-cookie.ts';

const NO_HOST =
  'passkeys belong to a host name: HIKYAKU_PUBLIC_URL must name one (localhost is one), and the page must be opened by it';
const step = (name: string, setUp = false) => ({ step: `iam.me.${name}`, setUp });

export function meRoutes(
  app: FastifyInstance,
  deps: ApiDeps,
  { account }: People,
  sessions: Sessions,
  views: PeopleViews,
): void {
  const { read, transactor } = deps;
  const ok = { response: { 200: AnyObject } };
  async function answer(reply: FastifyReply, { session, token }: Begun) {
    sessions.set(reply, token, session);
    return views.session(session, token);
  }

  app.get('/me', { config: { setUp: true }, schema: ok }, async (request) => {
    const { member } = asMember(request);
    return {
      ...views.member(member),
      has_password: member.password !== null,
      has_totp: member.totp !== null,
      passkeys: (await read.passkeys(member.id)).map(views.passkey),
      recovery_codes_left: await read.recoveryCodesLeft(member.id),
    };
  });
  app.patch(
    '/me',
    {
      config: step('update'),
      schema: {
        body: Type.Object(
          { name: Type.Optional(ResourceName), language: Type.Optional(Language) },
          { additionalProperties: false },
        ),
        ...ok,
      },
    },
    async (request) => {
      const { member } = asMember(request);
      const changed = { ...member, ...(request.body as { name?: string; language?: LanguageName }) };
      await transactor.transact(INSTANCE, (tx) => tx.updateMember(member.id, changed));
      return views.member(changed);
    },
  );
  app.put(
    '/me/password',
    {
      config: step('password', true),
      schema: {
        body: Type.Object(
          { current: Type.Optional(Type.String({ maxLength: 5000 })), new: Type.String({ maxLength: 5000 }) },
          { additionalProperties: false },
        ),
        ...ok,
      },
    },
    async (request, reply) => {
      const self = asMember(request);
      const body = request.body as { current?: string; new: string };
      const complaint = passwordComplaint(body.new, self.member.email);
      if (complaint !== null) throw invalid('new', complaint);
      const attempted = await account.setPassword(self, body.current ?? null, body.new);
      if (attempted.kind === 'throttled') throw tooMany(attempted.retryAfterMs);
      if (attempted.kind === 'refused') throw invalid('current', 'is not the current password');
      return answer(reply, attempted.value);
    },
  );

  app.post('/me/totp', { config: step('totp', true), schema: ok }, async (request) =>
    account.beginTotp(asMember(request)),
  );
  app.post(
    '/me/totp/confirm',
    {
      config: step('totp', true),
      schema: {
        body: Type.Object({ code: Type.String({ maxLength: 100 }) }, { additionalProperties: false }),
        ...ok,
      },
    },
    async (request, reply) => {
      const begun = await account.confirmTotp(asMember(request), (request.body as { code: string }).code);
      if (begun === null) throw invalid('code', 'is not a code of the secret that was shown');
      return answer(reply, begun);
    },
  );
  app.delete('/me/totp', { config: step('totp') }, async (request, reply) => {
    const self = asMember(request);
    found(self.member.totp);
    if (!(await account.deleteTotp(self)))
      throw conflict('last-second-factor', 'a passkey must be there before one-time codes can go');
    return reply.code(204).send();
  });

  app.post('/me/passkeys/options', { config: step('passkeys', true), schema: ok }, async (request) => {
    const options = await account.passkeyOptions(asMember(request));
    if (options === null) throw conflict('passkeys-need-a-host-name', NO_HOST);
    return options;
  });
  app.post(
    '/me/passkeys',
    {
      config: step('passkeys', true),
      schema: {
        body: Type.Object({ name: ResourceName, response: AnyObject }, { additionalProperties: false }),
        response: { 201: AnyObject },
      },
    },
    async (request, reply) => {
      const { name, response } = request.body as { name: string; response: Registration };
      const result = await account.addPasskey(asMember(request), name, response);
      if (result.kind === 'refused') throw invalid('response', result.detail);
      reply.code(201);
      return { ...views.passkey(result.passkey), session: await answer(reply, result.begun) };
    },
  );
  const listed = { schema: { querystring: WholeQuery, response: { 200: List } } };
  app.get('/me/passkeys', listed, async (request, reply) => {
    const items = await read.passkeys(asMember(request).member.id);
    return sendWhole(request, reply, { items, keyOf: byId, order: 'up' }, views.passkey);
  });
  app.patch(
    '/me/passkeys/:id',
    {
      config: step('passkeys'),
      schema: {
        params: IdParams,
        body: Type.Object({ name: ResourceName }, { additionalProperties: false }),
        ...ok,
      },
    },
    async (request) => {
      const { member } = asMember(request);
      const id = pathId<'passkey'>(request);
      const passkey = found((await read.passkeys(member.id)).find((one) => one.id === id) ?? null);
      const { name } = request.body as { name: string };
      await transactor.transact(INSTANCE, (tx) => tx.renamePasskey(member.id, id, name));
      return views.passkey({ ...passkey, name });
    },
  );
  app.delete(
    '/me/passkeys/:id',
    { config: step('passkeys'), schema: { params: IdParams } },
    async (request, reply) => {
      const result = await account.deletePasskey(asMember(request), pathId(request));
      if (result === 'unknown') found<never>(null);
      if (result === 'last')
        throw conflict('last-second-factor', 'another second factor must be there before this one can go');
      return reply.code(204).send();
    },
  );
  app.post('/me/recovery_codes', { config: step('recovery_codes'), schema: ok }, async (request) => ({
    codes: await account.newRecoveryCodes(asMember(request)),
  }));

  app.get('/me/sessions', listed, async (request, reply) => {
    const { member, session } = asMember(request);
    const now = deps.clock.now();
    const since = { now, idleBefore: now - IDLE_MS };
    return sendList(
      request,
      reply,
      (page) => read.sessions(member.id, since, page),
      (one) => views.sessionItem(one, session),
      { most: MOST_ITEMS },
    );
  });
  app.delete(
    '/me/sessions/:id',
    { config: step('sessions'), schema: { params: IdParams } },
    async (request, reply) => {
      const { member } = asMember(request);
      const id = pathId<'session'>(request);
      found(await read.sessionOf(member.id, id));
      await transactor.transact(INSTANCE, (tx) => tx.deleteSession(member.id, id));
      return reply.code(204).send();
    },
  );
  app.delete('/me/sessions', { config: step('sessions') }, async (request, reply) => {
    const { member, session } = asMember(request);
    await transactor.transact(INSTANCE, (tx) => tx.deleteOtherSessions(member.id, session.id));
    return reply.code(204).send();
  });
}
