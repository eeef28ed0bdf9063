/**
 * Octets of mail as they are stored: made smaller with zstd (RFC 8878) where that pays. Whether they were is told by
 * their length, which is kept beside them: only what got shorter is stored packed.
 * Measured (docs/decisions/029): from WORTH on a page less is worth more than the time; of mail that takes more than one
 * row most is attachments, of which base64 gives back a quarter, at half a millisecond each.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { BODY_PART } from '../rows/spool.ts';

const WORTH = 1024;
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };

/** What is stored of it. */
export function pack(octets: Uint8Array): Uint8Array {
  if (octets.length < WORTH || octets.length >= BODY_PART) return octets;
  // one piece of memory, no larger than what comes: this thread's garbage is collected late
  const packed = zstdCompressSync(octets, { chunkSize: octets.length, params: PARAMS });
  return packed.length < octets.length ? packed : octets;
}
/** What was stored of so many octets. Throws where they are not all there. */
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
