/**
 * Builds the console into console/dist and puts a gzip next to every file that is worth it. With
 * `--if-needed` it builds only if the console is missing or older than its sources. If the build tools are
 * not installed (a package without its development dependencies), it changes nothing; if there is no console
 * then, the service says so at `/`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const CONSOLE = fileURLToPath(new URL('../console', import.meta.url));
const DIST = join(CONSOLE, 'dist');
const SOURCES = ['src/**/*', 'public/*', 'index.html', 'vite.config.ts', 'package.json'];

function newest(patterns: readonly string[]): number {
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: CONSOLE }));
  return Math.max(0, ...files.map((file) => statSync(join(CONSOLE, file)).mtimeMs));
}
function isFresh(): boolean {
  const index = join(DIST, 'index.html');
  return existsSync(index) && statSync(index).mtimeMs >= newest(SOURCES);
}
/** The path of vite's program; null if it is not installed. */
function findVite(): string | null {
  try {
    const manifest = createRequire(join(CONSOLE, 'package.json')).resolve('vite/package.json');
    return join(dirname(manifest), 'bin/vite.js');
  } catch {
    return null;
  }
}

function build(): number {
  const vite = findVite();
  if (!existsSync(join(CONSOLE, 'src')) || vite === null) {
    process.stderr.write('the console is not built: its sources or build tools are not installed here\n');
    return process.argv.includes('--if-needed') ? 0 : 1;
  }
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: CONSOLE,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) return 1;
  for (const file of globSync('assets/*.{js,css}', { cwd: DIST }))
    writeFileSync(join(DIST, `${file}.gz`), gzipSync(readFileSync(join(DIST, file)), { level: 9 }));
  return 0;
}

process.exitCode = process.argv.includes('--if-needed') && isFresh() ? 0 : build();
