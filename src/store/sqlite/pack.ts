/**
 * Packs octets of mail with zstd (RFC 8878) if that saves enough. The length stored next to the octets tells
 * whether they are packed: only octets that became shorter are stored packed. Measured (docs/decisions/029):
 * from WORTH on, saving a page is worth the time. In mail that takes more than one row, most octets are
 * attachments in base64; zstd saves a quarter of them, at half a millisecond each.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { BODY_PART } from '../rows/spool.ts';

const WORTH = 1024;
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };

/** The form in which the octets are stored. */
export function pack(octets: Uint8Array): Uint8Array {
  if (octets.length < WORTH || octets.length >= BODY_PART) return octets;
  // one block of memory, no larger than the input: this thread's garbage is collected late
  const packed = zstdCompressSync(octets, { chunkSize: octets.length, params: PARAMS });
  return packed.length < octets.length ? packed : octets;
}
/** The octets, of this size, from their stored form. Throws if they are incomplete. */
export function unpack(stored: Buffer, size: number): Buffer {
  if (stored.length === size) return stored;
  if (stored.length > size) throw new Error(`${stored.length} octets are there of ${size}`);
  const octets =
    size < WORTH ? stored : zstdDecompressSync(stored, { chunkSize: size, maxOutputLength: size });
  if (octets.length !== size) throw new Error(`${octets.length} octets are there of ${size}`);
  return octets;
}
/** Octets of the part of a message. */
export const partSize = (size: number, part: number): number =>
  Math.max(0, Math.min(BODY_PART, size - part * BODY_PART));
