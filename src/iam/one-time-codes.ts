/**
 * Second factors that people type: time-based codes (RFC 6238: SHA-1, 6 digits, 30 s; the steps before and
 * after are accepted, too) and recovery codes. Secrets are stored sealed; recovery codes are stored as keyed
 * hashes. The write that takes a code makes sure that no code is taken twice (iam/people-records.ts).
 */
import { Secret, TOTP } from 'otpauth';
import type { Random } from '../runtime/random.ts';
import { opens, type Sealer } from '../runtime/sealing.ts';

const PERIOD_S = 30;
const WINDOW = 1;
const SECRET_OCTETS = 20;
export const RECOVERY_CODES = 10;
/** Without characters that are easy to confuse: 0 and o; 1, i and l; u and v. */
const ALPHABET = '23456789abcdefghjkmnpqrstwxyz';
const CODE_LENGTH = 12;

export interface NewTotp {
  readonly sealed: Buffer;
  /** Base32, for typing. */
  readonly secret: string;
  /** otpauth://, for a QR code. */
  readonly uri: string;
}
export function createTotp(
  deps: { readonly random: Random; readonly sealer: Sealer },
  issuer: string,
  email: string,
): NewTotp {
  const octets = deps.random.bytes(SECRET_OCTETS);
  const secret = new Secret({ buffer: Uint8Array.from(octets).buffer });
  const totp = new TOTP({ issuer, label: email, secret, period: PERIOD_S });
  return { sealed: deps.sealer.seal(octets, 'totp'), secret: secret.base32, uri: totp.toString() };
}
/** The time step of the code; null if the code matches none of the three steps valid at `now`. */
export function totpStep(sealer: Sealer, sealed: Buffer, code: string, now: number): number | null {
  if (!/^\d{6}$/.test(code)) return null;
  const octets = sealer.open(sealed, 'totp');
  const totp = new TOTP({ secret: new Secret({ buffer: Uint8Array.from(octets).buffer }), period: PERIOD_S });
  const delta = totp.validate({ token: code, timestamp: now, window: WINDOW });
  return delta === null ? null : Math.floor(now / 1000 / PERIOD_S) + delta;
}
/**
 * A taken step that is so many steps ahead of a right code was taken while the clock was ahead. It stops no
 * code; otherwise the member could not sign in until that time.
 */
export const STEPS_AHEAD = 10;
/** Whether the step may be taken after `last`: no code is taken twice. */
export function isNewStep(step: number, last: number): boolean {
  return step > last || last > step + STEPS_AHEAD;
}

export const opensTotp = (sealer: Sealer, sealed: Buffer): boolean => opens(sealer, sealed, 'totp');

/** The stored form of the code. Case, spaces and hyphens do not matter. */
export function recoveryHash(sealer: Sealer, code: string): Buffer {
  return sealer.mac(code.toLowerCase().replace(/[\s-]/g, ''), 'recovery-code');
}
/** Ten codes of about 58 bits each: the codes to show once, and the hashes to store. */
export function createRecoveryCodes(deps: { readonly random: Random; readonly sealer: Sealer }): {
  readonly codes: readonly string[];
  readonly hashes: readonly Buffer[];
} {
  const codes = Array.from({ length: RECOVERY_CODES }, () =>
    letters(deps.random, CODE_LENGTH).replace(/(.{4})(?=.)/g, '$1-'),
  );
  return { codes, hashes: codes.map((code) => recoveryHash(deps.sealer, code)) };
}
/** Uniform: octets beyond the largest multiple of the alphabet's length are discarded. */
function letters(random: Random, length: number): string {
  const bound = 256 - (256 % ALPHABET.length);
  let text = '';
  while (text.length < length)
    for (const octet of random.bytes(length))
      if (octet < bound && text.length < length) text += ALPHABET[octet % ALPHABET.length];
  return text;
}
