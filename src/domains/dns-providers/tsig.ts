/**
 * TSIG (RFC 8945): a shared secret signs each DNS message and its answer. Pure: the caller gives the time. An answer
 * counts only if its signature is right and its time is near ours. A server may answer BADKEY and BADSIG unsigned: such an
 * answer is reported as 'refused' and proves nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CLASS, encodeName, lastRecordAt, TYPES } from './dns-message.ts';

export const ALGORITHMS = ['hmac-sha256', 'hmac-sha512'] as const;
export interface TsigKey {
  readonly name: string;
  readonly algorithm: (typeof ALGORITHMS)[number];
  readonly secret: Buffer;
}
export interface Signed {
  readonly message: Buffer;
  /** The answer's signature covers it (RFC 8945 §5.3.1). */
  readonly mac: Buffer;
}
export type Verdict =
  | { readonly kind: 'good'; readonly message: Buffer }
  /** The server does not accept our signature; `error` is BADSIG, BADKEY, BADTIME or BADTRUNC. */
  | { readonly kind: 'refused'; readonly error: string }
  /** The answer does not come from a server that has the key. */
  | { readonly kind: 'forged'; readonly why: string };
/** Seconds. */
const FUDGE = 300;
const ERRORS: Readonly<Record<number, string>> = {
  16: 'BADSIG',
  17: 'BADKEY',
  18: 'BADTIME',
  22: 'BADTRUNC',
};

function variables(key: TsigKey, at: number, fudge: number, error: number, other: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(CLASS.ANY, 0);
  const tail = Buffer.alloc(12);
  tail.writeUIntBE(at, 0, 6);
  tail.writeUInt16BE(fudge, 6);
  tail.writeUInt16BE(error, 8);
  tail.writeUInt16BE(other.length, 10);
  return Buffer.concat([encodeName(key.name, true), head, encodeName(key.algorithm, true), tail, other]);
}
function digest(key: TsigKey, ...parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(key.algorithm.slice('hmac-'.length), key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** `now`: wall time in ms. The message must not have a TSIG yet. */
export function signMessage(message: Buffer, key: TsigKey, now: number): Signed {
  const at = Math.floor(now / 1000);
  const mac = digest(key, message, variables(key, at, FUDGE, 0, Buffer.alloc(0)));
  const fixed = Buffer.alloc(10);
  fixed.writeUIntBE(at, 0, 6);
  fixed.writeUInt16BE(FUDGE, 6);
  fixed.writeUInt16BE(mac.length, 8);
  const end = Buffer.alloc(6);
  message.copy(end, 0, 0, 2);
  const rdata = Buffer.concat([encodeName(key.algorithm, true), fixed, mac, end]);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(TYPES.TSIG, 0);
  head.writeUInt16BE(CLASS.ANY, 2);
  head.writeUInt16BE(rdata.length, 8);
  const signed = Buffer.concat([message, encodeName(key.name, true), head, rdata]);
  signed.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return { message: signed, mac };
}

/** `answer` answers the message that `requestMac` signed. Throws RangeError if the answer is malformed. */
export function verifyAnswer(answer: Buffer, key: TsigKey, requestMac: Buffer, now: number): Verdict {
  const at = lastRecordAt(answer);
  const name = encodeName(key.name, true);
  const algorithm = encodeName(key.algorithm, true);
  const record = at === null ? Buffer.alloc(0) : answer.subarray(at);
  // Names in a TSIG are not compressed (RFC 8945 §4.2); their case may differ.
  const body = name.length;
  if (record.length < body + 10 || record.readUInt16BE(body) !== TYPES.TSIG || !sameName(record, name))
    return { kind: 'forged', why: 'the answer is not signed' };
  const rdata = record.subarray(body + 10, body + 10 + record.readUInt16BE(body + 8));
  const fixed = rdata.subarray(algorithm.length);
  if (!sameName(rdata, algorithm) || fixed.length < 16)
    return { kind: 'forged', why: 'the answer is signed with another algorithm' };
  const signedAt = fixed.readUIntBE(0, 6);
  const fudge = fixed.readUInt16BE(6);
  const size = fixed.readUInt16BE(8);
  if (fixed.length < 16 + size) throw new RangeError('a TSIG beyond its record');
  const mac = fixed.subarray(10, 10 + size);
  const id = fixed.readUInt16BE(10 + size);
  const error = fixed.readUInt16BE(12 + size);
  const other = fixed.subarray(16 + size);
  if (other.length !== fixed.readUInt16BE(14 + size))
    throw new RangeError('a TSIG that does not fill its record');
  if (size === 0 && error !== 0) return { kind: 'refused', error: ERRORS[error] ?? `TSIG error ${error}` };
  const bare = Buffer.from(answer.subarray(0, at!));
  bare.writeUInt16BE(id, 0);
  bare.writeUInt16BE(answer.readUInt16BE(10) - 1, 10);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(requestMac.length);
  const expected = digest(key, length, requestMac, bare, variables(key, signedAt, fudge, error, other));
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected))
    return { kind: 'forged', why: 'the signature of the answer is wrong' };
  if (error !== 0) return { kind: 'refused', error: ERRORS[error] ?? `TSIG error ${error}` };
  if (Math.abs(now / 1000 - signedAt) > fudge)
    return { kind: 'forged', why: 'the answer was signed at another time' };
  return { kind: 'good', message: bare };
}
function sameName(octets: Buffer, name: Buffer): boolean {
  return octets.subarray(0, name.length).toString('latin1').toLowerCase() === name.toString('latin1');
}
