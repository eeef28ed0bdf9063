/**
 * The docs check: every file docs/rfc.md names exists; both READMEs' environment tables list exactly the variables
 * the code reads; relative links lead somewhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { VARIABLES } from '../src/config/variables.ts';

const problems: string[] = [];
const read = (file: string) => readFileSync(file, 'utf8');

const rfc = read('docs/rfc.md');
const named = [...rfc.matchAll(/`((?:src|test)\/[^`]+)`/g)].map((match) => match[1]!);
if (named.length < 20) problems.push(`docs/rfc.md names only ${named.length} files`);
for (const file of named) if (!existsSync(file)) problems.push(`docs/rfc.md: ${file} does not exist`);

for (const readme of ['README.md', 'README.ja.md']) {
  const listed = new Set([...read(readme).matchAll(/^\| `(HIKYAKU_[A-Z_]+)`/gm)].map((match) => match[1]!));
  for (const name of Object.keys(VARIABLES))
    if (!listed.has(name)) problems.push(`${readme}: ${name} is missing from the table`);
  for (const name of listed)
    if (!(name in VARIABLES)) problems.push(`${readme}: ${name} is in the table, but not in the code`);
}

const pages = ['README.md', 'README.ja.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'].concat(
  readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
);
for (const page of pages) {
  for (const match of read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
    if (!existsSync(join(dirname(page), match[1]!)))
      problems.push(`${page}: the link to ${match[1]} leads nowhere`);
  }
}
for (const problem of problems) console.error(`docs check: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`docs check: ${pages.length} pages, ${named.length} files named in docs/rfc.md`);
