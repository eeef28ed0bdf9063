/**
 * Converts octets of a message to the content of a JSON string, piece by piece: escaped text, or base64. Pure.
 * Octets that a piece cannot decide alone (part of a character, of a group of three, of a soft line end) go before
 * the next piece, so the result does not depend on where the pieces end.
 */
import { decodePiece, type Encoding } from '../reading/transfer.ts';

export interface PieceJob {
  readonly kind: 'text' | 'base64' | 'part';
  /** Only for kind `part`. */
  readonly encoding?: Encoding;
  /** The rest of the previous piece, followed by this piece. */
  readonly carried: Carried;
  readonly octets: Uint8Array;
  readonly last: boolean;
}
export interface Carried {
  /** Octets of the message for the next piece. */
  readonly raw: Uint8Array;
  /** Decoded octets that do not yet form a group of three. */
  readonly decoded: Uint8Array;
  /** The data has ended: the octets that follow are ignored. */
  readonly ended: boolean;
}
export interface Piece {
  readonly made: Uint8Array;
  readonly carried: Carried;
}
const NONE = Buffer.alloc(0);
export const NOTHING_CARRIED: Carried = { raw: NONE, decoded: NONE, ended: false };

export function renderPiece({ kind, encoding = 'as-is', carried, octets, last }: PieceJob): Piece {
  if (carried.ended) return { made: NONE, carried };
  const given = joined(carried.raw, octets);
  if (kind === 'text') {
    const end = last ? given.length : completeEnd(given);
    const made = Buffer.from(JSON.stringify(given.toString('utf8', 0, end)).slice(1, -1), 'utf8');
    return { made, carried: { raw: Buffer.from(given.subarray(end)), decoded: NONE, ended: last } };
  }
  const { octets: plain, carry, ended } = decodePiece(kind === 'part' ? encoding : 'as-is', given, last);
  const all = joined(carried.decoded, plain);
  const end = ended ? all.length : all.length - (all.length % 3);
  return {
    made: Buffer.from(all.toString('base64', 0, end), 'latin1'),
    carried: { raw: Buffer.from(carry), decoded: Buffer.from(all.subarray(end)), ended },
  };
}

function joined(before: Uint8Array, octets: Uint8Array): Buffer {
  const given = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  return before.length === 0 ? given : Buffer.concat([before, given]);
}
/** The end of the last complete UTF-8 character. */
function completeEnd(octets: Buffer): number {
  for (let back = 1; back <= 3 && back <= octets.length; back++) {
    const octet = octets[octets.length - back]!;
    if ((octet & 0xc0) === 0x80) continue;
    const length = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : octet >= 0xc0 ? 2 : 1;
    return length > back ? octets.length - back : octets.length;
  }
  return octets.length;
}
