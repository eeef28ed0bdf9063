/** Writes console/src/api/{mta,edj,iam}.d.ts from the OpenAPI documents of a service started for it. */
import { writeFileSync } from 'node:fs';
import { consoleTypes, DOCUMENTS, typesFile } from '../test/console/api-types.ts';

const made = await consoleTypes();
for (const name of DOCUMENTS) writeFileSync(typesFile(name), made[name]);
