/**
 * If the server closed at once, a caller that is still writing would lose the answer (RFC 9112 §9.6). So the server
 * first reads and discards some of the remaining input, then stops reading, and closes the connection a little
 * later.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import { PROBLEM_TYPE, Problem, problemBody, problemHeaders } from './problems.ts';

const THROWN_AWAY = 256 * 1024;
const LINGER_MS = 1_000;

/** For a request that is answered before its body has arrived. */
export function leaveRest(request: IncomingMessage, clock: Clock): void {
  const { complete, headers } = request;
  const announced = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (complete || !announced) return;
  // With `Connection: close`, Node would close the connection with the answer. Here it only ends its own side.
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
 * Answers input that is not a valid request, or that did not arrive in time: it sends a problem and ends the
 * connection. Call it for each `clientError` of the server; a socket may have many.
 */
export function createRefusal(
  clock: Clock,
): (error: Error & { code?: string; rawPacket?: Buffer }, socket: Socket) => void {
  /** Discarded octets of each socket that has had its answer. */
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
    // Node's own field: the next answer on this connection, if there is one.
    const due = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    // Invalid input after a complete request does not affect the answer to that request.
    else if (due?.req.complete === true) due.once('close', () => endWith(socket, null, clock));
    else if (due?.headersSent === true) socket.destroy();
    else endWith(socket, problemOf(error), clock);
  };
}
/** Sends this answer as the last one, and closes the connection a little later. */
export function endWith(socket: Socket, problem: Problem | null, clock: Clock): void {
  socket.end(problem === null ? '' : answerOf(problem));
  clock.after(LINGER_MS, () => socket.destroy());
}
function problemOf({ code, rawPacket }: { code?: string; rawPacket?: Buffer }): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Problem('request-timeout', 'the whole request did not arrive in time');
  if (code === 'HPE_HEADER_OVERFLOW')
    return isRequestLine(rawPacket)
      ? new Problem('uri-too-long', 'the path and the query must have at most 8192 octets')
      : new Problem('header-too-large', 'the header must have at most 16384 octets');
  return new Problem('bad-request', 'this is not a valid HTTP request');
}
/** The octets begin with a request, and its first line alone is too long. */
function isRequestLine(octets: Buffer | undefined): boolean {
  if (octets === undefined || octets.subarray(0, 16_000).includes(0x0a)) return false;
  return /^[A-Z]{3,10} \//.test(octets.toString('latin1', 0, 16));
}
function answerOf(problem: Problem): string {
  const body = problemBody(problem);
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Connection: close',
    ...Object.entries(problemHeaders(problem)).map(([name, value]) => `${name}: ${value}`),
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
