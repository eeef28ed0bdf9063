/**
 * An interface for randomness. Ids are UUIDv7: they are in order of time, so rows made together are close
 * together in the index.
 */
import { randomBytes } from 'node:crypto';
import type { Id } from './ids.ts';

export interface Random {
  /** A new UUIDv7 (RFC 9562 §5.7), lower case, 36 characters. */
  id<K extends string>(): Id<K>;
  bytes(length: number): Buffer;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export function createRandom(now: () => number = Date.now): Random {
  let pool = randomBytes(4096);
  let used = 0;
  function take(length: number): Buffer {
    if (length > 1024) return randomBytes(length);
    if (used + length > pool.length) {
      pool = randomBytes(4096);
      used = 0;
    }
    used += length;
    return pool.subarray(used - length, used);
  }
  return {
    id<K extends string>() {
      const b = Buffer.allocUnsafe(16);
      take(10).copy(b, 6);
      b.writeUIntBE(now(), 0, 6);
      b[6] = 0x70 | (b[6]! & 0x0f);
      b[8] = 0x80 | (b[8]! & 0x3f);
      const h = b.toString('hex');
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}` as Id<K>;
    },
    bytes: (length) => Buffer.from(take(length)),
    fraction: () => take(4).readUInt32BE(0) / 2 ** 32,
  };
}
