/** Errors as RFC 9457 problems. Another project's id, a deleted id and an unknown id all return the same 404. */
import type { FastifyReply } from 'fastify';
import { PROBLEMS, type ProblemName } from '../contract/problems.ts';

export class Problem extends Error {
  override name = 'Problem';
  readonly type: ProblemName;
  readonly status: number;
  readonly title: string;
  /** JSON path of the field that is wrong. */
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** `status`: replaces the status of the type if HTTP itself refuses the request. */
  constructor(
    type: ProblemName,
    detail: string,
    more: { field?: string; headers?: Record<string, string>; status?: number } = {},
  ) {
    super(detail);
    this.type = type;
    this.status = more.status ?? PROBLEMS[type].status;
    this.title = PROBLEMS[type].title;
    this.field = more.field;
    this.headers = more.headers ?? {};
  }
}
export const notFound = () => new Problem('not-found', 'There is no such resource.');
export const invalid = (field: string, detail: string) =>
  new Problem('validation', `${field}: ${detail}`, { field });

/** Header fields of every answer: nobody keeps it, and nobody guesses another type for it. */
export const ALWAYS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;
/** The header fields of an answer with a problem, beside its type. */
export const problemHeaders = ({ headers }: Problem): Readonly<Record<string, string>> => ({
  ...ALWAYS,
  ...headers,
});
export const PROBLEM_TYPE = 'application/problem+json';
/** The body of a problem in the answer. */
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
    .headers(problemHeaders(problem))
    .type(PROBLEM_TYPE)
    .send(problemBody(problem));
}
