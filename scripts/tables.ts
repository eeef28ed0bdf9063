/**
 * The tables that documents hold of what stands in the code: environment variables in both READMEs, problem types
 * in docs/api.md. Writes them in place; with `--check` it fails where one is not as it should be.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { VARIABLES } from '../src/config/variables.ts';
import { PROBLEMS } from '../src/contract/problems.ts';

const variables = (language: 'en' | 'ja') =>
  Object.entries(VARIABLES).map(([name, { otherwise, meaning }]) => [
    `\`${name}\``,
    otherwise[language],
    meaning[language],
  ]);
const problems = Object.entries(PROBLEMS).map(([name, { status, meaning }]) => [
  `\`${name}\``,
  String(status),
  meaning,
]);
const TABLES = [
  { file: 'README.md', first: /^\| `HIKYAKU_/, rows: variables('en') },
  { file: 'README.ja.md', first: /^\| `HIKYAKU_/, rows: variables('ja') },
  { file: 'docs/api.md', first: /^\| `validation`/, rows: problems },
];
const check = process.argv.includes('--check');
const outdated: string[] = [];

for (const { file, first, rows } of TABLES) {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const start = lines.findIndex((line) => first.test(line));
  if (start < 2) throw new Error(`${file} has no such table`);
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  const cells = (line: string) => line.split('|').map((cell) => cell.trim());
  const there = lines.slice(start, start + length).map((line) => cells(line).slice(1, -1));
  // The line of a Markdown table knows no bar inside a cell but an escaped one.
  const wanted = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  if (JSON.stringify(there) === JSON.stringify(wanted)) continue;
  outdated.push(file);
  if (check) continue;
  lines.splice(start, length, ...wanted.map((row) => `| ${row.join(' | ')} |`));
  writeFileSync(file, lines.join('\n'));
  spawnSync('biome', ['format', '--write', file], { stdio: 'inherit' });
}
if (check && outdated.length > 0) {
  console.error(`tables: ${outdated.join(', ')} differ from the code: npm run tables`);
  process.exit(1);
}
console.log(check ? 'tables: as the code has them' : `tables: ${outdated.join(', ') || 'nothing'} written`);
