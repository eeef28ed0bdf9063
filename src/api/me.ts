/**
 * /iam/v1/me: the own account of a member, outside any project. A session in the state `set_up` may use only the
 * operations that complete the set-up. Invariant: a step that changes the state of the session answers with a new
 * session.
 */

import type { FastifyReply } from 'fastify';
import * as ops from '../contract/operations/people.ts';
import { passwordComplaint } from '../iam/passwords.ts';
import type { People } from '../iam/people.ts';
import { type Begun, confirmedUntil, IDLE_MS, isConfirmed } from '../iam/sessions.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import { found } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { tooMany } from './guard.ts';
import type { Handle } from './handle.ts';
import { byId, list, MOST_ITEMS, wholeList } from './pages.ts';
import type { PeopleViews } from './people-views.ts';
import { invalid, Problem } from './problems.ts';
import type { SelfSession, Sessions } from './session-cookie.ts';
import { iso } from './times.ts';

const NO_HOST =
  'passkeys need a host name: HIKYAKU_PUBLIC_URL must contain one (localhost is one), and you must open the page under that name';

/** Whoever finds an open session must not be able to add a way to sign in. Throws a Problem. */
export function confirmed({ session }: Pick<SelfSession, 'session'>, clock: Clock): void {
  if (!isConfirmed(session, clock.now()))
    throw new Problem(
      'confirmation-needed',
      'give the password or a one-time code again first (POST /iam/v1/me/confirmation)',
    );
}
export function meRoutes(
  handle: Handle,
  deps: ApiDeps,
  { account }: People,
  sessions: Sessions,
  views: PeopleViews,
): void {
  const { read, transactor } = deps;
  async function answer(reply: FastifyReply, { session, token }: Begun) {
    sessions.set(reply, token, session);
    return views.session(session, token);
  }

  handle(ops.getMe, async ({ self }) => {
    const { member, session } = self;
    return {
      ...views.member(member),
      has_password: member.password !== null,
      has_totp: member.totp !== null,
      passkeys: (await read.passkeys(member.id)).map(views.passkey),
      recovery_codes_left: await read.recoveryCodesLeft(member.id),
      confirmed_until: iso(confirmedUntil(session)),
    };
  });
  handle(ops.updateMe, async ({ body, self }) => {
    const { member } = self;
    await transactor.transact(INSTANCE, (tx) => tx.updateMember(member.id, body));
    return views.member({ ...member, ...body });
  });
  handle(ops.setPassword, async ({ body, self, reply }) => {
    const complaint = passwordComplaint(body.new, self.member.email);
    if (complaint !== null) throw invalid('new', complaint);
    const attempted = await account.setPassword(self, body.current ?? null, body.new);
    if (attempted.kind === 'throttled') throw tooMany(attempted.retryAfterMs);
    if (attempted.kind === 'refused') throw invalid('current', 'is not the current password');
    return answer(reply, attempted.value);
  });

  handle(ops.confirm, async ({ body, self, reply }) => {
    const { password, code } = body;
    if ((password === undefined) === (code === undefined))
      throw invalid('password', 'give either the password or a code');
    const field = password === undefined ? 'code' : 'password';
    const proof = password === undefined ? { code: code! } : { password };
    const attempted = await account.confirm(self, proof);
    if (attempted.kind === 'throttled') throw tooMany(attempted.retryAfterMs);
    if (attempted.kind === 'refused')
      throw invalid(field, field === 'code' ? 'is not a code of your app' : 'is not the current password');
    return answer(reply, attempted.value);
  });
  handle(ops.beginTotp, async ({ self }) => {
    confirmed(self, deps.clock);
    return account.beginTotp(self);
  });
  handle(ops.confirmTotp, async ({ body, self, reply }) => {
    confirmed(self, deps.clock);
    const begun = await account.confirmTotp(self, body.code);
    if (begun === null) throw invalid('code', 'is not a code of the secret that was shown');
    return answer(reply, begun);
  });
  handle(ops.deleteTotp, async ({ self }) => {
    confirmed(self, deps.clock);
    found(self.member.totp);
    if (!(await account.deleteTotp(self)))
      throw new Problem('last-second-factor', 'add a passkey before you remove one-time codes');
  });

  handle(ops.newPasskeyOptions, async ({ self }) => {
    confirmed(self, deps.clock);
    const options = await account.passkeyOptions(self);
    if (options === null) throw new Problem('passkeys-need-a-host-name', NO_HOST);
    return options;
  });
  handle(ops.createPasskey, async ({ body, self, reply }) => {
    confirmed(self, deps.clock);
    const { name, response } = body;
    const result = await account.addPasskey(self, name, response);
    if (result.kind === 'refused') throw invalid('response', result.detail);
    return { ...views.passkey(result.passkey), session: await answer(reply, result.begun) };
  });
  handle(ops.listPasskeys, async ({ self }) => {
    const items = await read.passkeys(self.member.id);
    return wholeList({ items, keyOf: byId, order: 'up' }, views.passkey);
  });
  handle(ops.updatePasskey, async ({ body, params, self }) => {
    const { member } = self;
    const id = params.id;
    const passkey = found((await read.passkeys(member.id)).find((one) => one.id === id) ?? null);
    const { name } = body;
    await transactor.transact(INSTANCE, (tx) => tx.renamePasskey(member.id, id, name));
    return views.passkey({ ...passkey, name });
  });
  handle(ops.deletePasskey, async ({ params, self }) => {
    confirmed(self, deps.clock);
    const result = await account.deletePasskey(self, params.id);
    if (result === 'unknown') found<never>(null);
    if (result === 'last')
      throw new Problem('last-second-factor', 'add another second factor before you remove this one');
  });
  handle(ops.createRecoveryCodes, async ({ self }) => {
    confirmed(self, deps.clock);
    return { codes: await account.newRecoveryCodes(self) };
  });

  handle(ops.listOwnSessions, async ({ self }) => {
    const { member, session } = self;
    const now = deps.clock.now();
    const since = { now, idleBefore: now - IDLE_MS };
    return list(
      (page) => read.sessions(member.id, since, page),
      (one) => views.sessionItem(one, session),
      { most: MOST_ITEMS },
    );
  });
  handle(ops.deleteOwnSession, async ({ params, self }) => {
    const { member } = self;
    const id = params.id;
    found(await read.sessionOf(member.id, id));
    await transactor.transact(INSTANCE, (tx) => tx.deleteSession(member.id, id));
  });
  handle(ops.deleteOtherSessions, async ({ self }) => {
    const { member, session } = self;
    await transactor.transact(INSTANCE, (tx) => tx.deleteOtherSessions(member.id, session.id));
  });
}
