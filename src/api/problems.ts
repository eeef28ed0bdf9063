/** Errors as RFC 9457 problems. What a caller may not see is not there: the same octets for foreign and unknown ids. */
import type { FastifyReply } from 'fastify';

export class Problem extends Error {
  override name = 'Problem';
  readonly status: number;
  readonly type: string;
  readonly title: string;
  /** JSON path of what is wrong */
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    type: string,
    title: string,
    detail: string,
    more: { field?: string; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.status = status;
    this.type = type;
    this.title = title;
    this.field = more.field;
    this.headers = more.headers ?? {};
  }
}
export const notFound = () => new Problem(404, 'not-found', 'Not found', 'There is no such resource.');
export const invalid = (field: string, detail: string) =>
  new Problem(400, 'validation', 'Validation failed', `${field}: ${detail}`, { field });
export const conflict = (type: string, detail: string) => new Problem(409, type, 'Conflict', detail);

/** The body of a problem as it is sent. */
export function problemBody(problem: Problem): string {
  const { status, type, title, message, field } = problem;
  return JSON.stringify({
    type: `/problems/${type}`,
    title,
    status,
    detail: message,
    ...(field === undefined ? {} : { field }),
  });
}
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .removeHeader('content-disposition')
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(problemBody(problem));
}
