/**
 * What members do to their own account: password, one-time codes, passkeys, recovery codes. Invariants: a
 * password change ends all other sessions; an account in use always keeps a second factor; when a member sets
 * the last missing part, the session moves on: to signed in if the password was proved or set in this
 * session, otherwise to the second factor.
 */
import type { Resources } from '../contract/resources/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type PasskeyId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { ConflictError, StaleError, type Transactor } from '../runtime/transactor.ts';
import type { Attempted, Attempts } from './attempts.ts';
import { createRecoveryCodes, createTotp, totpStep } from './one-time-codes.ts';
import { type AuthenticatorAnswer, type Ceremonies, newChallenge, PasskeyRefused } from './passkeys.ts';
import type { Passwords } from './passwords.ts';
import type { Member, Passkey, PeopleReader, PeopleTx, Session, SessionState } from './people-records.ts';
import { type Begun, newSession, type Origin, recordReplace } from './sessions.ts';

export interface AccountDeps {
  readonly read: PeopleReader;
  readonly transactor: Transactor<PeopleTx>;
  readonly attempts: Attempts;
  readonly passwords: Passwords;
  readonly ceremonies: Ceremonies;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  /** The name that apps for one-time codes show. */
  readonly issuer: string;
}
/** A member who acts on the own account; the session proves who it is. */
export interface Self {
  readonly member: Member;
  readonly session: Session;
  readonly origin: Origin;
}
export type Registered =
  | { readonly kind: 'ok'; readonly passkey: Passkey; readonly begun: Begun }
  | { readonly kind: 'refused'; readonly detail: string };

export const MOST_PASSKEYS = 20;

export interface Account {
  /** Proves again who the member is, by one of the two; the session is replaced. */
  confirm(
    self: Self,
    proof: { readonly password: string } | { readonly code: string },
  ): Promise<Attempted<Begun>>;
  /** `current` is required if the member has a password and the session is signed in. */
  setPassword(self: Self, current: string | null, next: string): Promise<Attempted<Begun>>;
  beginTotp(self: Self): Promise<{ secret: string; uri: string }>;
  /** null if the code does not match the secret of this setup. */
  confirmTotp(self: Self, code: string): Promise<Begun | null>;
  /** false if it is the last second factor, or if there are no one-time codes. */
  deleteTotp(self: Self): Promise<boolean>;
  /** null if passkeys cannot be used here. */
  passkeyOptions(self: Self): Promise<Resources['PasskeyCreation'] | null>;
  addPasskey(self: Self, name: string, response: AuthenticatorAnswer): Promise<Registered>;
  /** 'last': it is the last second factor. */
  deletePasskey(self: Self, id: PasskeyId): Promise<'ok' | 'unknown' | 'last'>;
  newRecoveryCodes(self: Self): Promise<readonly string[]>;
}

export function createAccount(deps: AccountDeps): Account {
  const { read, transactor, attempts, passwords, ceremonies, sealer, clock, random } = deps;
  const write = (record: (tx: PeopleTx) => void) => transactor.transact(INSTANCE, record);
  const next = ({ member, origin }: Self, state: SessionState) =>
    newSession({ random, now: clock.now() }, member.id, state, origin);
  /** The state after a second factor is set: signed in if the password is set as well. */
  const afterFactor = ({ session, member }: Self): SessionState =>
    session.state === 'set_up' && member.password === null ? 'set_up' : 'signed_in';

  /** The next session after a new factor. Adding one is no proof of who the member is, so it does not count as one. */
  const afterAdding = (self: Self): Begun => {
    const begun = next(self, afterFactor(self));
    const { state, createdAt } = self.session;
    return state === 'signed_in' ? { ...begun, session: { ...begun.session, createdAt } } : begun;
  };
  /** Records the conditions of the proof; null if it is wrong. */
  async function proved(
    { member }: Self,
    proof: Parameters<Account['confirm']>[1],
  ): Promise<((tx: PeopleTx) => void) | null> {
    if ('password' in proof)
      return (await passwords.verify(member.password, proof.password)) ? () => {} : null;
    if (member.totp === null) return null;
    const step = totpStep(sealer, member.totp.sealedSecret, proof.code.replace(/\s/g, ''), clock.now());
    return step === null ? null : (tx) => tx.takeTotpStep(member.id, step);
  }

  async function factorExists(member: Member): Promise<boolean> {
    return member.totp !== null || (await read.passkeys(member.id)).length > 0;
  }
  return {
    async confirm(self, proof) {
      const { member, session, origin } = self;
      const kind = 'password' in proof ? 'password' : 'factor';
      const name = kind === 'password' ? member.email : member.id;
      return attempts.attempt({ address: origin.address, kind, name }, async () => {
        const take = await proved(self, proof);
        if (take === null) return null;
        const begun = next(self, 'signed_in');
        try {
          await write((tx) => {
            take(tx);
            recordReplace(tx, session, begun.session);
          });
          return begun;
        } catch (error) {
          // The code was used before, or the session has ended.
          if (error instanceof StaleError) return null;
          throw error;
        }
      });
    },
    async setPassword(self, current, password) {
      const { member, session, origin } = self;
      const state =
        session.state === 'signed_in'
          ? 'signed_in'
          : (await factorExists(member))
            ? 'second_factor'
            : 'set_up';
      const change = async (): Promise<Begun> => {
        const encoded = await passwords.hash(password);
        const begun = next(self, state);
        await write((tx) => {
          tx.endSession(session.hash);
          tx.setPassword(member.id, encoded);
          tx.deleteSessions(member.id);
          tx.insertSession(begun.session);
        });
        return begun;
      };
      if (session.state !== 'signed_in' && member.password === null)
        return { kind: 'ok', value: await change() };
      return attempts.attempt({ address: origin.address, kind: 'password', name: member.email }, async () =>
        (await passwords.verify(member.password, current ?? '')) ? change() : null,
      );
    },
    async beginTotp({ member, session }) {
      const { sealed, secret, uri } = createTotp({ random, sealer }, deps.issuer, member.email);
      await write((tx) => tx.setPending(session.hash, { challenge: session.challenge, sealedTotp: sealed }));
      return { secret, uri };
    },
    async confirmTotp(self, code) {
      const { member, session } = self;
      if (session.sealedTotp === null) return null;
      const step = totpStep(sealer, session.sealedTotp, code.replace(/\s/g, ''), clock.now());
      if (step === null) return null;
      const sealedSecret = session.sealedTotp;
      const begun = afterAdding(self);
      await write((tx) => {
        recordReplace(tx, session, begun.session);
        tx.setTotp(member.id, { sealedSecret, lastStep: step });
      });
      return begun;
    },
    async deleteTotp({ member }) {
      if (member.totp === null) return false;
      try {
        await write((tx) => tx.deleteTotp(member.id));
        return true;
      } catch (error) {
        if (error instanceof StaleError) return false;
        throw error;
      }
    },
    async passkeyOptions({ member, session }) {
      if (ceremonies.host() === null) return null;
      const challenge = newChallenge(random);
      const options = await ceremonies.registration(member, await read.passkeys(member.id), challenge);
      await write((tx) =>
        tx.setPending(session.hash, {
          challenge: challenge.toString('base64url'),
          sealedTotp: session.sealedTotp,
        }),
      );
      return options;
    },
    async addPasskey(self, name, response) {
      const { member, session } = self;
      const { challenge } = session;
      if (challenge === null) return { kind: 'refused', detail: 'no registration was begun' };
      await write((tx) => tx.setPending(session.hash, { challenge: null, sealedTotp: session.sealedTotp }));
      const full = async () => (await read.passkeys(member.id)).length >= MOST_PASSKEYS;
      const refusedFull = { kind: 'refused', detail: `there are ${MOST_PASSKEYS} passkeys already` } as const;
      if (await full()) return refusedFull;
      try {
        const credential = await ceremonies.register(response, challenge);
        const passkey: Passkey = {
          ...credential,
          id: random.id(),
          memberId: member.id,
          name,
          createdAt: clock.now(),
          lastUsedAt: null,
        };
        const begun = afterAdding(self);
        await write((tx) => {
          recordReplace(tx, session, begun.session);
          tx.capPasskeys(member.id, MOST_PASSKEYS);
          tx.insertPasskey(passkey);
        });
        return { kind: 'ok', passkey, begun };
      } catch (error) {
        if (error instanceof PasskeyRefused) return { kind: 'refused', detail: error.message };
        if (error instanceof ConflictError && error.what === 'passkey.credential_id')
          return { kind: 'refused', detail: 'the passkey is registered already' };
        // Parallel requests took the last place.
        if (error instanceof StaleError && (await full())) return refusedFull;
        throw error;
      }
    },
    async deletePasskey({ member }, id) {
      const known = await read.passkeys(member.id);
      if (!known.some((passkey) => passkey.id === id)) return 'unknown';
      try {
        await write((tx) => tx.deletePasskey(member.id, id));
        return 'ok';
      } catch (error) {
        if (error instanceof StaleError) return 'last';
        throw error;
      }
    },
    async newRecoveryCodes({ member }) {
      const { codes, hashes } = createRecoveryCodes({ random, sealer });
      await write((tx) => tx.setRecoveryCodes(member.id, hashes));
      return codes;
    },
  };
}
