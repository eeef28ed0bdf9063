/** Prints the README's environment table from the code; `docs` checks that no name is missing or made up. */
import { VARIABLES } from '../src/config/variables.ts';

process.stdout.write('| variable | default | meaning |\n|---|---|---|\n');
for (const [name, [fallback, meaning]] of Object.entries(VARIABLES)) {
  process.stdout.write(`| \`${name}\` | ${fallback} | ${meaning} |\n`);
}
