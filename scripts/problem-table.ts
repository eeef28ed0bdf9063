/** Prints the table of problem types in docs/api.md from the code; `docs` checks that it is complete. */
import { PROBLEMS } from '../src/contract/problems.ts';

process.stdout.write('| type | status | meaning |\n|---|---|---|\n');
for (const [name, { status, meaning }] of Object.entries(PROBLEMS))
  process.stdout.write(`| \`${name}\` | ${status} | ${meaning} |\n`);
