/**
 * Bodies of requests as JSON. Refused beyond what JSON.parse refuses: keys that reach a prototype, and a key that
 * stands twice in one object, of which two readers may see two values. Nothing here recurses: depth costs no stack.
 */
import type { FastifyInstance } from 'fastify';
import { Problem } from './problems.ts';

/** Takes JSON bodies of the scope; an empty one is none, for clients set the content type on every call. */
export function takeJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    parse(request, body as string, (error: Error | null, value?: unknown) => {
      if (error !== null) done(badJson(body as string));
      else if (keysIn(body as string) !== keysOf(value))
        done(invalidJson('a key stands twice in one object'));
      else done(null, value);
    });
  });
}
const invalidJson = (detail: string) => new Problem(400, 'invalid-json', 'Invalid JSON', detail);

/** Says where the text breaks off being JSON; a text that is JSON was refused for its keys. */
function badJson(text: string): Problem {
  let detail = 'the keys __proto__ and constructor.prototype are refused';
  try {
    JSON.parse(text);
  } catch (error) {
    detail = (error as Error).message.slice(0, 300);
  }
  return invalidJson(detail);
}

/** Keys written in a text that is JSON: strings with a colon behind them. */
export function keysIn(text: string): number {
  let keys = 0;
  let at = text.indexOf('"');
  while (at !== -1) {
    let end = text.indexOf('"', at + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    let next = end + 1;
    while (isSpace(text.charCodeAt(next))) next++;
    if (text[next] === ':') keys++;
    at = text.indexOf('"', next);
  }
  return keys;
}
/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === '\\') before--;
  return (at - before) % 2 === 1;
}
const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Keys of a value that came of JSON. */
export function keysOf(value: unknown): number {
  let keys = 0;
  const waiting = [value];
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (typeof one !== 'object' || one === null) continue;
    const isList = Array.isArray(one);
    for (const inner of isList ? one : Object.values(one)) {
      if (!isList) keys++;
      if (typeof inner === 'object') waiting.push(inner);
    }
  }
  return keys;
}
