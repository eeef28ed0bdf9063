/**
 * Passkeys (WebAuthn Level 3) as the second factor next to the password. The authenticator must have verified
 * its user. Invariants: a challenge is taken once, whatever the result; origin and host are those of the
 * public URL. Fails with PasskeyRefused if a response does not prove what it should; the error's message is
 * for people.
 */

import { isIP } from 'node:net';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Resources } from '../contract/resources/index.ts';
import type { Random } from '../runtime/random.ts';
import type { Member, Passkey } from './people-records.ts';

export class PasskeyRefused extends Error {
  override name = 'PasskeyRefused';
}
/**
 * An authenticator's answer (WebAuthn Level 3 §5.1, as JSON), unchanged: the library parses it and refuses
 * invalid ones.
 */
export interface AuthenticatorAnswer {
  readonly id: string;
  readonly rawId: string;
  readonly type: 'public-key';
  readonly response: object;
}

export interface Ceremonies {
  /** null if the public URL has an IP address as its host: passkeys belong to host names. */
  readonly host: () => string | null;
  registration(
    member: Member,
    known: readonly Passkey[],
    challenge: Buffer,
  ): Promise<Resources['PasskeyCreation']>;
  /** Throws PasskeyRefused. */
  register(
    response: AuthenticatorAnswer,
    challenge: string,
  ): Promise<Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'transports'>>;
  assertion(known: readonly Passkey[], challenge: Buffer): Promise<Resources['PasskeyRequest']>;
  /** Returns the new counter. Throws PasskeyRefused. */
  assert(response: AuthenticatorAnswer, challenge: string, passkey: Passkey): Promise<number>;
}

const NAME = 'Hikyaku';
const CHALLENGE_OCTETS = 32;
export const newChallenge = (random: Random): Buffer => random.bytes(CHALLENGE_OCTETS);

/** `publicUrl` is called late, because the port may be known only then. */
export function createCeremonies(publicUrl: () => string): Ceremonies {
  const place = () => {
    const { hostname, origin } = new URL(publicUrl());
    return { rpID: hostname, origin };
  };
  const transportsOf = ({ transports }: Passkey) => ({ transports: transports as never });
  return {
    host() {
      const { rpID } = place();
      return isIP(rpID.replace(/^\[|\]$/g, '')) === 0 ? rpID : null;
    },
    registration: async (member, known, challenge) =>
      (await generateRegistrationOptions({
        rpName: NAME,
        rpID: place().rpID,
        userID: Uint8Array.from(Buffer.from(member.id)),
        userName: member.email,
        userDisplayName: member.name,
        challenge: Uint8Array.from(challenge),
        attestationType: 'none',
        excludeCredentials: known.map((passkey) => ({
          id: passkey.credentialId,
          ...transportsOf(passkey),
        })),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      })) as Resources['PasskeyCreation'],
    async register(response, challenge) {
      const { rpID, origin } = place();
      const result = await refusing(() =>
        verifyRegistrationResponse({
          response: response as unknown as RegistrationResponseJSON,
          expectedChallenge: challenge,
          expectedOrigin: origin,
          expectedRPID: rpID,
          requireUserVerification: true,
        }),
      );
      if (!result.verified) throw new PasskeyRefused(UNREADABLE);
      const { id, publicKey, counter } = result.registrationInfo.credential;
      const transports = transportsIn(response).slice(0, 10);
      return { credentialId: id, publicKey: Buffer.from(publicKey), counter, transports };
    },
    assertion: async (known, challenge) =>
      (await generateAuthenticationOptions({
        rpID: place().rpID,
        challenge: Uint8Array.from(challenge),
        allowCredentials: known.map((passkey) => ({ id: passkey.credentialId, ...transportsOf(passkey) })),
        userVerification: 'required',
      })) as Resources['PasskeyRequest'],
    async assert(response, challenge, passkey) {
      const { rpID, origin } = place();
      const { verified, authenticationInfo } = await refusing(() =>
        verifyAuthenticationResponse({
          response: response as unknown as AuthenticationResponseJSON,
          expectedChallenge: challenge,
          expectedOrigin: origin,
          expectedRPID: rpID,
          requireUserVerification: true,
          credential: {
            id: passkey.credentialId,
            publicKey: Uint8Array.from(passkey.publicKey),
            counter: passkey.counter,
          },
        }),
      );
      if (!verified) throw new PasskeyRefused('the signature does not hold');
      return authenticationInfo.newCounter;
    },
  };
}

/** The transports that a registration names; a valid registration has a list of names. */
function transportsIn({ response }: AuthenticatorAnswer): readonly string[] {
  const { transports } = response as { transports?: unknown };
  return Array.isArray(transports) ? transports.filter((one) => typeof one === 'string') : [];
}

const ELSEWHERE = 'the page was opened at another address than the public URL';
const UNREADABLE = 'is no answer of an authenticator';
/** The library reports a bad response with plain errors, in its own words. Our own code throws none of them. */
async function refusing<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (error) {
    const isElsewhere = error instanceof Error && /\borigin\b/.test(error.message);
    throw new PasskeyRefused(isElsewhere ? ELSEWHERE : UNREADABLE);
  }
}
