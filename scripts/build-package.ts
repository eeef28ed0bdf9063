/**
 * Makes what `npm pack` needs in addition to the checkout's files: the console (console/dist), and the
 * program as JavaScript (lib), because Node.js runs no TypeScript below node_modules. Tests, and what only
 * tests use, are left out. `--clean` removes lib: a checkout runs its sources.
 */
import { spawnSync } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIB = join(ROOT, 'lib');
const ONLY_TESTS = /(^|\/)testing\/|\.test\.js$|-(fixture|suite|conformance)\.js$/;

function run(script: string, ...args: string[]): void {
  const { status, error } = spawnSync(process.execPath, [script, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 'inherit'],
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${script} failed`);
}
rmSync(LIB, { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  run('scripts/build-console.ts');
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  run(join(dirname(typescript), 'bin/tsc'), '-p', 'tsconfig.build.json');
  const strange = globSync('**/*.js', { cwd: LIB }).filter((file) => ONLY_TESTS.test(file));
  if (strange.length > 0) throw new Error(`only tests need these: ${strange.join(', ')}`);
}
