/**
 * Entity tags (RFC 9110 §8.8.3, §13): a strong tag is a hash of the resource as it is rendered. `If-Match` is compared
 * here; what is written after it carries `expect…` writes in the same transaction, so that a change between the
 * comparison and the commit makes it fail (StaleError, answered as 412).
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
/** Tags of the field's list, weak ones with their `W/`; `*` is one only where it stands alone. */
function tagsOf(field: string): string[] {
  if (field.trim() === '*') return ['*'];
  return field.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
}
export const preconditionFailed = () =>
  new Problem('precondition-failed', 'the resource is not the one If-Match names; read it again');

/** True where the caller set a condition, and it holds; throws the 412 where it does not. */
export function ifMatch(request: FastifyRequest, resource: unknown): boolean {
  const field = request.headers['if-match'];
  if (field === undefined) return false;
  // RFC 9110 §13.1.1: the comparison is strong, so that weak tags never match.
  const tags = tagsOf(field);
  if (!tags.includes('*') && !tags.includes(etagOf(resource))) throw preconditionFailed();
  return true;
}
/** RFC 9110 §13.1.2: the comparison is weak. */
export function isNotModified(request: FastifyRequest, etag: string): boolean {
  const field = request.headers['if-none-match'];
  if (field === undefined) return false;
  return tagsOf(field).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag);
}

/** An entity tag on every answer that is one resource, 304 where the caller has it already; a list is no resource. */
export function tagResources(app: FastifyInstance): void {
  app.addHook('preSerialization', async (request, reply, payload) => {
    if (typeof payload !== 'object' || payload === null) return payload;
    if ('items' in payload) throw new Error(`the list ${request.url} does not leave by pages.ts`);
    if (request.method === 'GET' && reply.statusCode === 200) reply.header('etag', etagOf(payload));
    return payload;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const etag = reply.getHeader('etag');
    if (reply.statusCode !== 200 || typeof etag !== 'string' || !isNotModified(request, etag)) return payload;
    reply.code(304).removeHeader('content-type').removeHeader('content-length');
    return null;
  });
}
