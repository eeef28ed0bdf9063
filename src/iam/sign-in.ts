/**
 * Signing in, in steps: the password and then a second factor; or a one-time link and then everything that is
 * missing. Invariants: nobody is signed in without both factors; an unknown e-mail address takes the same
 * path and time as a known one; a code, a link or a challenge is taken once, and the write that takes it
 * makes the next session. Failures count toward the caps of iam/attempts.ts. Rejects if the store does.
 */
import type { Resources } from '../contract/resources/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import type { Attempted, Attempts } from './attempts.ts';
import { memberEmail } from './email.ts';
import { isNewStep, recoveryHash, totpStep } from './one-time-codes.ts';
import { type AuthenticatorAnswer, type Ceremonies, newChallenge, PasskeyRefused } from './passkeys.ts';
import type { Passwords } from './passwords.ts';
import type { Member, PeopleReader, PeopleTx, Session } from './people-records.ts';
import { type Begun, newSession, type Origin, recordReplace } from './sessions.ts';

export type Method = 'totp' | 'passkey' | 'recovery';
export interface SignInDeps {
  readonly read: PeopleReader;
  readonly transactor: Transactor<PeopleTx>;
  readonly attempts: Attempts;
  readonly passwords: Passwords;
  readonly ceremonies: Ceremonies;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
}
export interface SignIn {
  /**
   * The right password leads to a session that waits for the second factor; if the member has no second
   * factor yet, to a session that sets up what is missing. `found` is called with the member before anything
   * is written.
   */
  password(
    email: string,
    password: string,
    origin: Origin,
    found: (member: Member) => void,
  ): Promise<Attempted<Begun & { member: Member }>>;
  totp(session: Session, code: string, origin: Origin): Promise<Attempted<Begun>>;
  recovery(session: Session, code: string, origin: Origin): Promise<Attempted<Begun>>;
  /** Options for the browser; null if passkeys cannot be used here. */
  passkeyOptions(session: Session): Promise<Resources['PasskeyRequest'] | null>;
  passkey(session: Session, response: AuthenticatorAnswer, origin: Origin): Promise<Attempted<Begun>>;
}

/** Which second factors the member can use. */
export async function methodsOf(
  read: PeopleReader,
  member: Member,
  ceremonies: Ceremonies,
): Promise<Method[]> {
  const passkeys = await read.passkeys(member.id);
  return [
    ...(passkeys.length > 0 && ceremonies.host() !== null ? (['passkey'] as const) : []),
    ...(member.totp !== null ? (['totp'] as const) : []),
    ...((await read.recoveryCodesLeft(member.id)) > 0 ? (['recovery'] as const) : []),
  ];
}
/** What the member must set first; empty if both factors are set. */
export async function missingOf(
  read: PeopleReader,
  member: Member,
): Promise<readonly ('password' | 'second_factor')[]> {
  const hasFactor = member.totp !== null || (await read.passkeys(member.id)).length > 0;
  return [
    ...(member.password === null ? (['password'] as const) : []),
    ...(hasFactor ? [] : (['second_factor'] as const)),
  ];
}

export function createSignIn(deps: SignInDeps): SignIn {
  const { read, transactor, attempts, passwords, ceremonies, sealer, clock, random } = deps;
  const begin = (member: Member['id'], state: Session['state'], origin: Origin) =>
    newSession({ random, now: clock.now() }, member, state, origin);

  /** Takes the second factor once; `take` records the conditions of the write. */
  async function step(
    session: Session,
    origin: Origin,
    prove: () => Promise<((tx: PeopleTx) => void) | null>,
  ): Promise<Attempted<Begun>> {
    const who = { address: origin.address, kind: 'factor', name: session.memberId } as const;
    return attempts.attempt(who, async () => {
      const take = await prove();
      if (take === null) return null;
      const next = begin(session.memberId, 'signed_in', origin);
      try {
        await transactor.transact(INSTANCE, (tx) => {
          take(tx);
          recordReplace(tx, session, next.session);
        });
        return next;
      } catch (error) {
        // Another request took the code or used the session in the meantime.
        if (error instanceof StaleError) return null;
        throw error;
      }
    });
  }

  return {
    async password(email, password, origin, found) {
      const known = memberEmail(email);
      const who = { address: origin.address, kind: 'password', name: known ?? email } as const;
      return attempts.attempt(who, async () => {
        const member = known === null ? null : await read.memberByEmail(known);
        if (member !== null) found(member);
        const right = await passwords.verify(member?.password ?? null, password);
        if (member === null || !right) return null;
        const missing = await missingOf(read, member);
        const next = begin(member.id, missing.length > 0 ? 'set_up' : 'second_factor', origin);
        await transactor.transact(INSTANCE, (tx) => tx.insertSession(next.session));
        return { ...next, member };
      });
    },
    totp: (session, code, origin) =>
      step(session, origin, async () => {
        const member = await read.member(session.memberId);
        if (member === null || member.totp === null) return null;
        const taken = totpStep(sealer, member.totp.sealedSecret, code.replace(/\s/g, ''), clock.now());
        if (taken === null || !isNewStep(taken, member.totp.lastStep)) return null;
        return (tx) => tx.takeTotpStep(member.id, taken);
      }),
    recovery: (session, code, origin) =>
      step(session, origin, async () => {
        const hash = recoveryHash(sealer, code);
        return (tx) => tx.takeRecoveryCode(session.memberId, hash);
      }),
    async passkeyOptions(session) {
      const known = await read.passkeys(session.memberId);
      if (known.length === 0 || ceremonies.host() === null) return null;
      const challenge = newChallenge(random);
      await transactor.transact(INSTANCE, (tx) =>
        tx.setPending(session.hash, {
          challenge: challenge.toString('base64url'),
          sealedTotp: session.sealedTotp,
        }),
      );
      return ceremonies.assertion(known, challenge);
    },
    passkey: (session, response, origin) =>
      step(session, origin, async () => {
        const { challenge } = session;
        if (challenge === null) return null;
        await transactor.transact(INSTANCE, (tx) =>
          tx.setPending(session.hash, { challenge: null, sealedTotp: session.sealedTotp }),
        );
        const known = await read.passkeys(session.memberId);
        const passkey = known.find(({ credentialId }) => credentialId === response.id);
        if (passkey === undefined) return null;
        try {
          const counter = await ceremonies.assert(response, challenge, passkey);
          return (tx) => tx.usePasskey(passkey.memberId, passkey.id, counter, clock.now());
        } catch (error) {
          if (error instanceof PasskeyRefused) return null;
          throw error;
        }
      }),
  };
}
