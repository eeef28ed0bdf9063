/**
 * Requests take turns. As soon as the key is known, one more of its project is in flight; before the body is read, the
 * request waits for the project's turn. What a member asks for is his own, so that a project's flood keeps nobody from
 * the console that could end it. Fails with a Problem where too many are in flight, told late.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { InFlight } from '../runtime/in-flight.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import { ClientGone } from './client-gone.ts';
import { Problem } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Among those in flight; null for who has none. */
    place: Disposable | null;
  }
}

/** To be called behind the hook that finds the principal. */
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
    if (reply.raw.destroyed) throw new ClientGone('the client went away');
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
