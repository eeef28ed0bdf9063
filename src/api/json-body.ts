/**
 * Bodies of requests as JSON in UTF-8 (RFC 8259 §8.1); a byte order mark before it is ignored. Refused beyond what
 * JSON.parse refuses: another encoding, keys that reach a prototype, a key that stands twice in one object (of which
 * two readers may see two values), half of a surrogate pair (which the store cannot keep as it is), and shapes no
 * request has: deeper, or of more keys and values than any. The shape is looked at before anything is built of it;
 * nothing here recurses.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { invalid, Problem } from './problems.ts';
import { placeOf } from './validation-words.ts';

/** Far beyond the largest request there is: a message of 500 attachments, to thousands, with 10,000 header values. */
export const MOST = { depth: 64, keys: 10_000, values: 100_000 } as const;
export interface Shape {
  /** Lists and objects within each other. */
  readonly depth: number;
  /** Strings with a colon behind them. */
  readonly keys: number;
  /** Commas, as a measure of all that is in lists and objects. */
  readonly values: number;
}

/** Takes JSON bodies of the scope; an empty one is none, for clients set the content type on every call. */
export function takeJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('text/plain');
  app.addHook('preParsing', async ({ method, headers }) => {
    if (method === 'GET' || method === 'HEAD') return;
    const { 'content-encoding': encoding, 'transfer-encoding': transfer } = headers;
    // RFC 9110 §8.4: 415, and Accept-Encoding says what would be taken (RFC 7694 §3).
    if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity')
      throw new Problem(
        'unsupported-media-type',
        'the body must not be compressed: leave Content-Encoding out',
        {
          headers: { 'accept-encoding': 'identity' },
        },
      );
    if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked')
      throw new Problem('bad-request', 'the only Transfer-Encoding that the service reads is chunked');
  });
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, given, done) => {
    const octets = given as Buffer;
    if (octets.length === 0) return done(null, undefined);
    const charset = charsetOf(request.headers['content-type']);
    if (!UTF_8.test(charset))
      return done(
        new Problem(
          'unsupported-media-type',
          `the body must be JSON in UTF-8, not in ${charset.slice(0, 40)}`,
        ),
      );
    if (!isUtf8(octets)) return done(invalidJson('the body is not valid UTF-8'));
    // The parser takes one byte order mark away.
    const body = octets.toString('utf8');
    const shape = shapeOf(body);
    for (const name of ['depth', 'keys', 'values'] as const)
      if (shape[name] > MOST[name])
        return done(invalidJson(`at most ${MOST[name]} ${NAMES[name]} are taken`));
    parse(request, body, (error: Error | null, value?: unknown) => {
      if (error !== null) done(badJson(body));
      else if (shape.keys !== keysOf(value)) done(invalidJson('a key stands twice in one object'));
      else {
        const half = body.includes('\\u') ? halfIn(value) : null;
        done(half === null ? null : invalid(half, HALF), value);
      }
    });
  });
}
/** US-ASCII is a part of UTF-8. */
const UTF_8 = /^(?:utf-?8|us-ascii)$/i;
function charsetOf(type = ''): string {
  const [, quoted, plain = 'utf-8'] = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;"]*))/i.exec(type) ?? [];
  return quoted ?? plain;
}
export const HALF = 'has half of a surrogate pair, which is no character';
/** The place of a text or key that is not well-formed Unicode, or null. */
export function halfIn(given: unknown): string | null {
  const waiting: [value: unknown, names: readonly string[]][] = [[given, []]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [value, names] = next;
    if (typeof value === 'string' && !value.isWellFormed()) return placeOf(names, given) || 'body';
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, inner] of Object.entries(value)) {
      if (!name.isWellFormed()) return placeOf([...names, name.toWellFormed()], given);
      if (typeof inner === 'string' ? !inner.isWellFormed() : typeof inner === 'object')
        waiting.push([inner, [...names, name]]);
    }
  }
  return null;
}
const NAMES = { depth: 'levels', keys: 'keys', values: 'values' } as const;
const invalidJson = (detail: string) => new Problem('invalid-json', detail);

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

/** The shape of a text that may be JSON; it is not looked at further once it is beyond MOST. */
export function shapeOf(text: string): Shape {
  let [depth, deepest, keys, values] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at === -1) break; // no JSON: the parser says so
    } else if (code === COLON) {
      if (++keys > MOST.keys) break;
    } else if (code === COMMA) {
      if (++values > MOST.values) break;
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      deepest = Math.max(deepest, ++depth);
      if (depth > MOST.depth) break;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return { depth: deepest, keys, values };
}
const [QUOTE, COLON, COMMA, BACKSLASH] = [0x22, 0x3a, 0x2c, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where the string that begins at `start` ends; -1 where it does not. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, start, end)) end = text.indexOf('"', end + 1);
  return end;
}
/** An odd number of backslashes stands before it. */
function isEscaped(text: string, start: number, at: number): boolean {
  let before = at;
  while (before - 1 > start && text.charCodeAt(before - 1) === BACKSLASH) before--;
  return (at - before) % 2 === 1;
}

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
