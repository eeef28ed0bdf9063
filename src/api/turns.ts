/**
 * Requests take turns by project. A request counts as in flight as soon as its key is known, and waits for the
 * project's turn before its body is read. Requests of a member count for the member, so a project that floods the
 * API does not lock its members out of the console. Fails with a Problem, after a delay, if too many requests are
 * in flight.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { InFlight } from '../runtime/in-flight.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import { ClientGone } from './client-gone.ts';
import { Problem } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The place among the requests in flight; null: the request has none. */
    place: Disposable | null;
  }
}

/** Call this after the hook that finds the principal. */
export function takeTurns(
  app: FastifyInstance,
  { turnstile, inFlight }: { turnstile: Pick<Turnstile, 'turn'>; inFlight: InFlight },
): void {
  app.addHook('onRequest', async (request, reply) => {
    const place = await inFlight.enter(shareOf(request), 'http');
    if (place === null) throw tooMany();
    request.place = place;
    const leave = () => place[Symbol.dispose]();
    if (reply.raw.destroyed) leave();
    else reply.raw.once('close', leave);
    await turnstile.turn(shareOf(request));
    if (reply.raw.destroyed) throw new ClientGone('the client has disconnected');
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    request.place?.[Symbol.dispose]();
    done(null, payload);
  });
}

function shareOf({ principal, self }: FastifyRequest): string {
  return self === null ? principal!.projectId : `member ${self.member.id}`;
}
function tooMany(): Problem {
  return new Problem('too-many-in-flight', 'too many requests are in flight: wait for their answers', {
    headers: { 'retry-after': '1' },
  });
}
