/**
 * Operations of the documents as a browser calls them: with real ids in the path, and every answer checked
 * against its document.
 */
import assert from 'node:assert/strict';
import type { Answer, Browser } from './browser.ts';
import type { Running } from './harness.ts';
import type { Json } from './journey.ts';
import { exampleBodies, type Found, type Published, pathParameters, published } from './openapi.ts';

export interface PeopleDocuments {
  readonly api: Published;
  /** Operations for people only, or for anyone who signs in. */
  one(id: string): Found;
  /** `id` replaces the id in the path. Fails if the answer is not as documented. */
  ask(browser: Browser, operation: string, body?: Json, id?: string): Promise<Answer>;
  /** The example of that name, with some fields replaced. */
  example(operation: string, name: string, over?: object): Json;
  /** Names of operations that succeeded. */
  readonly done: ReadonlySet<string>;
}

export async function peopleDocuments(service: Running): Promise<PeopleDocuments> {
  const api = await published({
    async call(method, path) {
      const response = await fetch(`http://${service.ready.http}${path}`, { method });
      return { status: response.status, headers: response.headers, json: await response.json() };
    },
  });
  const done = new Set<string>();
  const one = (id: string): Found => {
    const found = [...api.others, ...api.operations].find((operation) => operation.id === id);
    assert.ok(found !== undefined, `${id} is in no document`);
    return found;
  };
  return {
    api,
    one,
    done,
    async ask(browser, operation, body, id = '') {
      const found = one(operation);
      const path = pathParameters(found).reduce(
        (filled, { name }) => filled.replace(`{${name}}`, encodeURIComponent(id)),
        found.path,
      );
      const answer = await browser.call(found.method, path, body);
      const type = answer.headers.get('content-type');
      assert.equal(api.judge(found, answer.status, type, answer.json), null, JSON.stringify(answer.json));
      if (answer.status < 300) done.add(operation);
      return answer;
    },
    example(operation, name, over = {}) {
      const found = exampleBodies(one(operation)).find(([known]) => known === name);
      assert.ok(found !== undefined, `${operation} has no example ${name}`);
      return { ...found[1], ...over };
    },
  };
}
