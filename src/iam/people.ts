/** Puts together all functions for members' accounts; the API needs one of these objects. */
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { type Account, createAccount } from './account.ts';
import type { Attempts } from './attempts.ts';
import { type Ceremonies, createCeremonies } from './passkeys.ts';
import { createPasswords } from './passwords.ts';
import type { PeopleReader, PeopleTx } from './people-records.ts';
import { createSignIn, type SignIn } from './sign-in.ts';

export interface People {
  readonly signIn: SignIn;
  readonly account: Account;
  readonly ceremonies: Ceremonies;
}
export function createPeople(deps: {
  readonly read: PeopleReader;
  readonly transactor: Transactor<PeopleTx>;
  readonly attempts: Attempts;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly issuer: string;
  readonly publicUrl: () => string;
}): People {
  const passwords = createPasswords(deps.random);
  const ceremonies = createCeremonies(deps.publicUrl);
  return {
    signIn: createSignIn({ ...deps, passwords, ceremonies }),
    account: createAccount({ ...deps, passwords, ceremonies }),
    ceremonies,
  };
}
