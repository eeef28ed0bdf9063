/**
 * A body that is answered before it has come is not worth the rest of it, and closing at once would take the answer
 * from a caller that is still writing (RFC 9112 §9.6). So some of it is thrown away, then nothing more is read, and a
 * little later the connection ends.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../runtime/clock.ts';

const THROWN_AWAY = 256 * 1024;
const LINGER_MS = 1_000;

export function leaveRest(request: IncomingMessage, clock: Clock): void {
  const { complete, headers } = request;
  const announced = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (complete || !announced) return;
  let octets = 0;
  request.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > THROWN_AWAY) request.pause();
  });
  clock.after(LINGER_MS, () => {
    if (request.complete) request.resume();
    else request.socket.destroy();
  });
}
