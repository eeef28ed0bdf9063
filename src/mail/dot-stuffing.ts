/**
 * Transparency (RFC 5321 §4.5.2): a leading dot is doubled, the end is CRLF.CRLF. Made piece by piece as it is sent, so
 * that the work for a large message goes with its sending. A piece without leading dots, nearly every one, is not copied.
 */
const [LF, CR, DOT] = [10, 13, 46];
/** Octets of the message in one piece; where all its lines are `.CRLF`, a third more leave. */
const STEP = 64 * 1024;
const MISSING_END = Buffer.from('\r\n.\r\n');
const END = Buffer.from('.\r\n');

/** The message as DATA sends it, end of data included, in pieces of at most 86 KiB; a missing final CRLF is added. */
export function* dotStuffed(message: Buffer): Generator<Buffer, void> {
  const n = message.length;
  for (let at = 0; at < n; at += STEP) yield stuffedPiece(message, at, Math.min(n, at + STEP));
  yield n === 0 || (message[n - 2] === CR && message[n - 1] === LF) ? END : MISSING_END;
}

function stuffedPiece(message: Buffer, from: number, to: number): Buffer {
  const isLeading = (at: number) =>
    message[at] === DOT && (at === 0 || (message[at - 1] === LF && message[at - 2] === CR));
  const seen = message.subarray(Math.max(0, from - 2), to);
  if (!isLeading(from) && !seen.includes('\r\n.', 0, 'latin1')) return message.subarray(from, to);
  const stuffed = Buffer.allocUnsafe(to - from + Math.ceil((to - from) / 3) + 1);
  let length = 0;
  for (let at = from; at < to; at++) {
    if (isLeading(at)) stuffed[length++] = DOT;
    stuffed[length++] = message[at]!;
  }
  return stuffed.subarray(0, length);
}
