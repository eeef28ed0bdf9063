/**
 * The one way to the service: a client typed by the contract. Fails with ApiProblem (the service said no,
 * RFC 9457) or Unreachable (no answer came); nothing else is thrown.
 */
import createClient from 'openapi-fetch';
import { connection } from '../session/connection.ts';
import type { Paths } from './paths.ts';

/** Longer than the longest wait we ask the service for. */
const PATIENCE_MS = 45_000;

export class ApiProblem extends Error {
  override name = 'ApiProblem';
  readonly status: number;
  /** Last part of the problem's type, such as `validation`. */
  readonly type: string;
  /** JSON path of what is wrong, where it is one field. */
  readonly field: string | null;
  /** Seconds, from Retry-After. */
  readonly retryAfter: number | null;
  constructor(status: number, body: unknown, retryAfter: string | null) {
    const { type, detail, field } = (typeof body === 'object' && body !== null ? body : {}) as Record<
      string,
      unknown
    >;
    super(typeof detail === 'string' ? detail : '');
    this.status = status;
    this.type = typeof type === 'string' ? type.slice(type.lastIndexOf('/') + 1) : 'unknown';
    this.field = typeof field === 'string' ? field : null;
    this.retryAfter = retryAfter === null || Number.isNaN(Number(retryAfter)) ? null : Number(retryAfter);
  }
}
export class Unreachable extends Error {
  override name = 'Unreachable';
}

export const api = createClient<Paths>({
  credentials: 'same-origin',
  fetch: async (request) => {
    try {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(PATIENCE_MS)]);
      const response = await fetch(request, { signal });
      connection.set({ reachable: true });
      return response;
    } catch (error) {
      if (request.signal.aborted) throw error;
      connection.set({ reachable: false });
      throw new Unreachable(String(error));
    }
  },
});
api.use({
  onRequest({ request }) {
    const { csrfToken, projectId } = connection.get();
    if (csrfToken !== null && request.method !== 'GET') request.headers.set('Hikyaku-CSRF', csrfToken);
    if (projectId !== null) request.headers.set('Hikyaku-Project', projectId);
    return request;
  },
});

interface Answer {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}
/** What a call is answered with where all is well; undefined where the answer has no body. */
type BodyOf<A extends Answer> = A extends { readonly data: infer T } ? T : never;
/** The body of a good answer, of the type that the document gives it. */
export async function ask<A extends Answer>(call: Promise<A>): Promise<BodyOf<A>> {
  const { data, error, response } = await call;
  if (response.ok) return data as BodyOf<A>;
  const problem = new ApiProblem(response.status, error, response.headers.get('retry-after'));
  // A refused password or code is no session that ended.
  if (problem.type === 'unauthenticated' && connection.get().csrfToken !== null)
    connection.set({ expired: true });
  throw problem;
}
