/**
 * The docs check: every file that docs/rfc.md and docs/security.md name exists; the code makes each problem
 * type and publishes each event of the contract; the target of every relative link exists. (tables.ts and
 * events.ts check what is written from the code.)
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EVENT_NAMES } from '../src/contract/events.ts';
import { PROBLEMS } from '../src/contract/problems.ts';

const problems: string[] = [];
const read = (file: string) => readFileSync(file, 'utf8');

const rfc = read('docs/rfc.md');
const named = [...rfc.matchAll(/`((?:src|test)\/[^`]+)`/g)].map((match) => match[1]!);
if (named.length < 20) problems.push(`docs/rfc.md names only ${named.length} files`);
for (const file of named) if (!existsSync(file)) problems.push(`docs/rfc.md: ${file} does not exist`);

const security = [...read('docs/security.md').matchAll(/`((?:src|test)\/[^`]+\.ts)`/g)].map(
  (match) => match[1]!,
);
if (security.length < 15) problems.push(`docs/security.md names only ${security.length} files`);
for (const file of security) if (!existsSync(file)) problems.push(`docs/security.md: ${file} does not exist`);

/** The compiler checks that each type exists; this checks that the code makes each type. */
const used = new Set<string>(['validation']);
for (const file of globSync('src/api/**/*.ts').filter((name) => !name.endsWith('.test.ts')))
  for (const [, type = ''] of read(file).matchAll(/new Problem\(\s*'([a-z-]+)'/g)) used.add(type);
for (const type of Object.keys(PROBLEMS))
  if (!used.has(type)) problems.push(`contract/problems.ts: nothing makes ${type}`);

/** The compiler checks that each event has contents; this checks that some room publishes it. */
const rooms = globSync('src/{api,delivery,domains,edj,intake,limits,rules}/**/*.ts')
  .filter((name) => !name.endsWith('.test.ts'))
  .map(read)
  .join('\n');
for (const name of EVENT_NAMES)
  if (!rooms.includes(`'${name}'`)) problems.push(`contract/events.ts: nothing publishes ${name}`);

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
console.log(
  `docs check: ${pages.length} pages, ${named.length + security.length} files named, ${used.size} problem types`,
);
