/**
 * The only way to the service: a client whose types come from the contract. Fails with ApiProblem (the service refused,
 * RFC 9457) or Unreachable (no answer came); it throws nothing else.
 */
import createClient from 'openapi-fetch';
import { connection } from '../session/connection.ts';
import type { Paths } from './paths.ts';

/** Longer than the longest wait that we request from the service. */
const PATIENCE_MS = 45_000;

export class ApiProblem extends Error {
  override name = 'ApiProblem';
  readonly status: number;
  /** The last part of the problem's type, such as `validation`. */
  readonly type: string;
  /** The JSON path of the wrong field, if the problem is about one field. */
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
/** The body of a successful answer; undefined if it has none. */
type BodyOf<A extends Answer> = A extends { readonly data: infer T } ? T : never;
/** Waits for a call and returns the body of its successful answer, with the type from the contract. */
export async function ask<A extends Answer>(call: Promise<A>): Promise<BodyOf<A>> {
  const { data, error, response } = await call;
  if (response.ok) return data as BodyOf<A>;
  const problem = new ApiProblem(response.status, error, response.headers.get('retry-after'));
  // A refused password or code does not mean that the session has ended.
  if (problem.type === 'unauthenticated' && connection.get().csrfToken !== null)
    connection.set({ expired: true });
  throw problem;
}
