/**
 * Answers of the API with the types of the contract, and the forms of values that a test cannot know beforehand.
 */
import assert from 'node:assert/strict';
import type { ResourceName, Resources } from '../../src/contract/resources/index.ts';
import type { Json } from './journey.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export interface TypedApi {
  get<N extends ResourceName>(path: string): Promise<Resources[N]>;
  /** The items of a list. */
  list<N extends ResourceName>(path: string): Promise<readonly Resources[N][]>;
  send<N extends ResourceName>(method: Method, path: string, body?: object): Promise<Resources[N]>;
}
export function typedApi(
  call: (method: string, path: string, body?: unknown) => Promise<{ status: number; json: Json }>,
): TypedApi {
  async function answerOf(method: Method, path: string, body?: object): Promise<Json> {
    const { status, json } = await call(method, path, body);
    assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }
  return {
    get: (path) => answerOf('GET', path),
    list: async (path) => (await answerOf('GET', path)).items,
    send: answerOf,
  };
}

/** Fails if the value is not a time in UTC with milliseconds; returns it. */
export function aTime(value: string | null | undefined): string {
  return like(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}
/** Fails if the value is not an id; returns it. */
export function anId(value: string | null | undefined): string {
  return like(value, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
}
/** Fails if the value does not match the pattern; returns it. */
export function like(value: string | null | undefined, pattern: RegExp): string {
  assert.ok(typeof value === 'string', `${value} is no text`);
  assert.match(value, pattern);
  return value;
}
