/**
 * Hashes of a body as signatures have them (RFC 6376 §3.7, `l=` §3.5), each canonicalisation in one pass for all its hashes.
 * What is over 64 KiB is hashed in a thread. Fails: only as the threads do (NoPlace).
 */
import { createHash } from 'node:crypto';
import { headerBounds } from '../mail/headers.ts';
import { packed, type Workers } from '../runtime/workers.ts';
import { type Canonicalization, canonicalBody } from './canonical.ts';

export interface WantedHash {
  readonly canonicalization: Canonicalization;
  readonly algorithm: 'sha1' | 'sha256';
  /** Octets of the canonical body that are hashed; null: all. */
  readonly most: number | null;
}
export interface BodyHash {
  /** Base64. */
  readonly hash: string;
  /** Octets of the canonical body that were hashed, and all there are. */
  readonly hashed: number;
  readonly length: number;
}
/** `share`: the project whose place among the threads it takes. */
export type BodyHasher = (
  body: Buffer,
  wanted: readonly WantedHash[],
  share: string,
) => Promise<readonly BodyHash[]>;

/** What the loop is free for: its worst input takes under 1 ms. */
const SMALL = 64 * 1024;
/** What our own signatures say. */
export const SIGNED: WantedHash = { canonicalization: 'relaxed', algorithm: 'sha256', most: null };

/** Here and now, whatever its size: for tools and tests. */
export const hashHere: BodyHasher = async (body, wanted) => hashBodies({ body, wanted });

export function createBodyHasher(workers: Workers): BodyHasher {
  return async (body, wanted, share) => {
    if (body.length <= SMALL || wanted.length === 0) return hashBodies({ body, wanted });
    const octets = packed(body);
    return await workers.run('hashBodies', { body: octets, wanted } satisfies HashJob, {
      share,
      transfer: [octets.buffer],
    });
  };
}

export interface HashJob {
  readonly body: Uint8Array;
  readonly wanted: readonly WantedHash[];
}
/** The job: in the order of `wanted`. */
export function hashBodies({ body, wanted }: HashJob): BodyHash[] {
  const octets = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const sums = wanted.map(({ canonicalization, algorithm, most }) => ({
    canonicalization,
    hash: createHash(algorithm),
    left: most ?? Number.POSITIVE_INFINITY,
    hashed: 0,
    length: 0,
  }));
  for (const kind of new Set(wanted.map(({ canonicalization }) => canonicalization))) {
    const same = sums.filter(({ canonicalization }) => canonicalization === kind);
    canonicalBody(kind, octets, (piece) => {
      for (const sum of same) {
        sum.length += piece.length;
        if (sum.left <= 0) continue;
        const part = piece.length <= sum.left ? piece : piece.subarray(0, sum.left);
        sum.hash.update(part);
        sum.hashed += part.length;
        sum.left -= part.length;
      }
    });
  }
  return sums.map(({ hash, hashed, length }) => ({ hash: hash.digest('base64'), hashed, length }));
}

/** The `bh=` of our own signatures over `raw` (header and body), here and now. */
export function bodyHash(raw: Buffer): string {
  return hashBodies({ body: raw.subarray(headerBounds(raw).bodyStart), wanted: [SIGNED] })[0]!.hash;
}
