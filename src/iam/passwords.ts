/**
 * Passwords are hashed with argon2id and OWASP's parameters (19 MiB, 2 passes, 1 lane). The parameters are
 * stored with the hash in PHC form, so they can be raised later. Hashing runs off the event loop, a few at a
 * time: many sign-ins must not take the whole thread pool from files and DNS. An unknown member's password is
 * checked against a dummy hash and takes the same time.
 */
import { argon2, timingSafeEqual } from 'node:crypto';
import type { Random } from '../runtime/random.ts';

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}
/** OWASP Password Storage Cheat Sheet; memory in KiB. */
const COST: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
const TAG_LENGTH = 32;
const AT_ONCE = 2;
export const SHORTEST_PASSWORD = 10;
export const LONGEST_PASSWORD = 1000;

/** Common passwords that are long enough to pass the length check; compared without case and spaces. */
const COMMONEST: ReadonlySet<string> = new Set([
  '1234567890',
  '0123456789',
  '12345678910',
  '123456789a',
  '1234567891',
  '0987654321',
  '9876543210',
  '1111111111',
  '0000000000',
  'qwertyuiop',
  'qwertyuiop123',
  'qwerty123456',
  'qwerty12345',
  '1q2w3e4r5t',
  '1q2w3e4r5t6y',
  '1qaz2wsx3edc',
  'q1w2e3r4t5',
  'asdfghjkl123',
  'zaq12wsxcde3',
  'abcdefghij',
  'abcdefghijk',
  'abc1234567',
  'password12',
  'password123',
  'password1234',
  'password12345',
  'passw0rd123',
  'p@ssw0rd123',
  'p@ssword123',
  'mypassword',
  'mypassword1',
  'letmein1234',
  'letmein123',
  'iloveyou123',
  'iloveyou12',
  'welcome123',
  'welcome1234',
  'administrator',
  'administrator1',
  'admin12345',
  'admin123456',
  'changeme123',
  'football123',
  'sunshine123',
  'princess123',
  'correcthorsebatterystaple',
]);

/** Why the password is not accepted, or null. */
export function passwordComplaint(password: string, email: string): string | null {
  const length = [...password].length;
  if (length < SHORTEST_PASSWORD) return `must have at least ${SHORTEST_PASSWORD} characters`;
  if (length > LONGEST_PASSWORD) return `must have at most ${LONGEST_PASSWORD} characters`;
  const folded = password.normalize('NFKC').toLowerCase();
  const local = email.slice(0, email.lastIndexOf('@'));
  // Nearly every password contains a name of one or two letters.
  if (local.length > 2 && folded.includes(local)) return 'must not hold the name of your e-mail address';
  if (COMMONEST.has(folded.replaceAll(' ', ''))) return 'is one of the commonest passwords';
  if (new Set(folded).size <= 2) return 'is the same few characters over and over';
  return null;
}

export interface Passwords {
  hash(password: string): Promise<string>;
  /** If `encoded` is null, takes the same time and returns false. */
  verify(encoded: string | null, password: string): Promise<boolean>;
}

export function createPasswords(random: Random): Passwords {
  const state = { running: 0 };
  const waiting: (() => void)[] = [];

  async function derive(password: string, salt: Buffer, parameters: Cost): Promise<Buffer> {
    if (state.running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    else state.running += 1;
    try {
      return await new Promise<Buffer>((resolve, reject) =>
        argon2(
          'argon2id',
          { message: password.normalize('NFKC'), nonce: salt, tagLength: TAG_LENGTH, ...parameters },
          (error, tag) => (error === null ? resolve(tag) : reject(error)),
        ),
      );
    } finally {
      // The next waiting call takes this place.
      const next = waiting.shift();
      if (next === undefined) state.running -= 1;
      else next();
    }
  }
  return {
    async hash(password) {
      const salt = random.bytes(16);
      return encode(COST, salt, await derive(password, salt, COST));
    },
    async verify(encoded, password) {
      const known = encoded === null ? null : decode(encoded);
      const { parameters, salt, tag } = known ?? {
        parameters: COST,
        salt: Buffer.alloc(16),
        tag: Buffer.alloc(TAG_LENGTH),
      };
      const got = await derive(password, salt, parameters);
      return timingSafeEqual(got, tag) && known !== null;
    },
  };
}

const base64 = (octets: Buffer) => octets.toString('base64').replaceAll('=', '');
function encode({ memory, passes, parallelism }: Cost, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}
/** Throws if the stored text was not written by `encode`. */
function decode(encoded: string): { parameters: Cost; salt: Buffer; tag: Buffer } {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(encoded);
  if (match === null) throw new Error('a stored password is not in a known form');
  const [, memory, passes, parallelism, salt, tag] = match;
  return {
    parameters: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt!, 'base64'),
    tag: Buffer.from(tag!, 'base64'),
  };
}
