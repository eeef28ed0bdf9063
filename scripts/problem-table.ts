/** Prints the table of problem types in docs/api.md from the code; `docs` checks that it is complete. */
import { PROBLEM_TYPES } from '../src/api/problem-types.ts';

process.stdout.write('| type | status | meaning |\n|---|---|---|\n');
for (const [name, { status, meaning }] of Object.entries(PROBLEM_TYPES))
  process.stdout.write(`| \`${name}\` | ${status} | ${meaning} |\n`);
