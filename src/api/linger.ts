/**
 * Closing at once would take the answer from a caller that is still writing (RFC 9112 §9.6). So of what nobody will
 * read some is thrown away, then nothing more is taken, and a little later the connection ends.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import { Problem, problemBody } from './problems.ts';

const THROWN_AWAY = 256 * 1024;
const LINGER_MS = 1_000;

/** For a request that is answered before its body has come. */
export function leaveRest(request: IncomingMessage, clock: Clock): void {
  const { complete, headers } = request;
  const announced = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (complete || !announced) return;
  // Behind `Connection: close` Node would take the connection down with the answer: it only says that it has no more.
  const { socket } = request;
  socket.destroySoon = () => void socket.end();
  let octets = 0;
  request.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > THROWN_AWAY) request.pause();
  });
  clock.after(LINGER_MS, () => {
    if (request.complete) request.resume();
    else socket.destroy();
  });
}

/**
 * For what cannot be read as a request, or has not come in time: a problem, and the connection ends. To be called for
 * each `clientError` of the server, of which a socket may have many.
 */
export function createRefusal(
  clock: Clock,
): (error: Error & { code?: string; rawPacket?: Buffer }, socket: Socket) => void {
  /** Octets thrown away, by the sockets that have had their answer. */
  const refused = new WeakMap<Socket, number>();
  return (error, socket) => {
    const before = refused.get(socket);
    if (before !== undefined) {
      const octets = before + (error.rawPacket?.length ?? 0);
      refused.set(socket, octets);
      if (octets > THROWN_AWAY) socket.pause();
      return;
    }
    refused.set(socket, 0);
    // Node's own field: the answer that is due next on this connection, if any.
    const due = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    // What follows a request that was read whole takes nothing from that one's answer.
    else if (due?.req.complete === true) due.once('close', () => endWith(socket, null, clock));
    else if (due?.headersSent === true) socket.destroy();
    else endWith(socket, problemOf(error.code), clock);
  };
}
/** The connection ends with this answer, and is gone a little later. */
export function endWith(socket: Socket, problem: Problem | null, clock: Clock): void {
  socket.end(problem === null ? '' : answerOf(problem));
  clock.after(LINGER_MS, () => socket.destroy());
}
function problemOf(code: string | undefined): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Problem('request-timeout', 'the request did not come whole in time');
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Problem('header-too-large', 'at most 16384 octets of header are taken');
  return new Problem('bad-request', 'this cannot be read as an HTTP request');
}
function answerOf(problem: Problem): string {
  const body = problemBody(problem);
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Connection: close',
    ...Object.entries(problem.headers).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
