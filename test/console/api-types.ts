/** The types the console's client is made of, out of the OpenAPI documents of a real service on an empty store. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execute, startService } from '../journeys/harness.ts';

export const DOCUMENTS = ['mta', 'edj', 'iam'] as const;
export type DocumentName = (typeof DOCUMENTS)[number];
const CONSOLE = fileURLToPath(new URL('../../console', import.meta.url));

export const typesFile = (name: DocumentName): string => join(CONSOLE, `src/api/${name}.d.ts`);

/** Starts a service, fetches its documents, and runs openapi-typescript over each. */
export async function consoleTypes(): Promise<Record<DocumentName, string>> {
  const require = createRequire(join(CONSOLE, 'package.json'));
  const generator = join(dirname(require.resolve('openapi-typescript/package.json')), 'bin/cli.js');
  await using service = await startService();
  const made = {} as Record<DocumentName, string>;
  for (const name of DOCUMENTS) {
    const response = await fetch(`http://${service.ready.http}/${name}/v1/openapi.json`);
    const document = join(service.directory, `${name}.openapi.json`);
    writeFileSync(document, await response.text());
    const { status, output } = await execute(process.execPath, [generator, document], { cwd: CONSOLE });
    if (status !== 0) throw new Error(`openapi-typescript: ${output}`);
    made[name] = output.slice(output.indexOf('/**\n * This file was auto-generated'));
  }
  return made;
}
