/**
 * Entity tags (RFC 9110 §8.8.3, §13). A strong tag is a hash of the JSON of the resource. This module compares
 * `If-Match`. The transaction that follows also contains `expect…` writes: if the resource changes between the
 * comparison and the commit, the transaction fails (StaleError, answered with 412).
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from './problems.ts';

export function etagOf(resource: unknown): string {
  return etagOfJson(JSON.stringify(resource));
}
export function etagOfJson(json: string): string {
  return `"${createHash('sha256').update(json).digest('base64url').slice(0, 22)}"`;
}
/** RFC 9110 §8.8.3 */
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
/** The tags in the header field; weak tags keep their `W/`. `*` counts only if it stands alone. null: it has another form. */
function tagsOf(field: string): string[] | null {
  if (field.trim() === '*') return ['*'];
  const tags = field.match(TAG) ?? [];
  // RFC 9110 §5.6.1: a list may have empty elements.
  return tags.length > 0 && /^[\s,]*$/.test(field.replace(TAG, '')) ? tags : null;
}
export const preconditionFailed = () =>
  new Problem(
    'precondition-failed',
    "If-Match does not hold the resource's current entity tag; read the resource again",
  );

function conditionOf(field: string): string[] {
  const tags = tagsOf(field);
  if (tags === null) throw new Problem('precondition-failed', 'If-Match must be entity tags in quotes, or *');
  return tags;
}
/** Throws if the request has a condition that its operation cannot look at: it must not be carried out regardless. */
export function refuseCondition({ headers }: FastifyRequest): void {
  const { 'if-match': field } = headers;
  if (field === undefined || conditionOf(field).includes('*')) return;
  throw new Problem(
    'precondition-failed',
    'what this operation changes has no entity tag; leave If-Match out',
  );
}
/** True if the caller set a condition and it holds. Throws 412 if it does not hold. False without a condition. */
export function ifMatch(request: FastifyRequest, resource: unknown): boolean {
  const field = request.headers['if-match'];
  if (field === undefined) return false;
  // RFC 9110 §13.1.1: the comparison is strong, so weak tags never match.
  const tags = conditionOf(field);
  if (!tags.includes('*') && !tags.includes(etagOf(resource))) throw preconditionFailed();
  return true;
}
/** RFC 9110 §13.1.2: the comparison is weak. */
export function isNotModified(request: FastifyRequest, etag: string): boolean {
  const field = request.headers['if-none-match'];
  if (field === undefined) return false;
  return (tagsOf(field) ?? []).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag);
}

/**
 * Adds an entity tag to every answer with one resource, and answers 304 if the caller already has it. Lists have
 * none.
 */
export function tagResources(app: FastifyInstance): void {
  app.addHook('preSerialization', async (request, reply, payload) => {
    if (typeof payload !== 'object' || payload === null) return payload;
    if ('items' in payload) throw new Error(`the list ${request.url} does not leave by pages.ts`);
    if (/^(GET|HEAD)$/.test(request.method) && reply.statusCode === 200)
      reply.header('etag', etagOf(payload));
    return payload;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const etag = reply.getHeader('etag');
    if (reply.statusCode !== 200 || typeof etag !== 'string' || !isNotModified(request, etag)) return payload;
    reply.code(304).removeHeader('content-type').removeHeader('content-length');
    // Fastify takes the length of the answer to HEAD from what GET would send.
    return request.method === 'HEAD' ? payload : null;
  });
}
