/** The console's client types are those of the API as it is now: a path the API lost is then a type error there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { consoleTypes, DOCUMENTS, typesFile } from './api-types.ts';

test('console/src/api is what the OpenAPI documents say (npm run generate)', async () => {
  const made = await consoleTypes();
  for (const name of DOCUMENTS) {
    assert.match(made[name], new RegExp(`"/${name}/v1/`), `${name}: no path in the document`);
    assert.equal(readFileSync(typesFile(name), 'utf8'), made[name], `${typesFile(name)} is out of date`);
  }
});
