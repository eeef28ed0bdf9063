#!/usr/bin/env node
import { existsSync } from 'node:fs';
import module from 'node:module';

// In a checkout the sources, which Node.js takes as they are; in the package what was emitted of them.
const source = new URL('../src/main.ts', import.meta.url);
const isCheckout = existsSync(source);
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  const where = isCheckout ? '; run it through npx or npm, which use the one of this checkout' : '';
  process.stderr.write(`hikyaku needs Node.js 24.12 or newer, this is ${process.versions.node}${where}\n`);
  process.exit(1);
}
const emitWarning = process.emitWarning;
process.emitWarning = (warning, ...rest) => {
  // node:sqlite and process.execve are decided on; their experimental notices would be noise at every start.
  if (!/^(SQLite|process\.execve)/.test(String(warning))) emitWarning(warning, ...rest);
};
// Memory, where nothing else was chosen: V8 lets a server's nursery grow to 128 MiB, most of it dead (32 are as fast);
// glibc keeps an arena per thread, each with its own free octets. Both are read only at a process's start.
const NURSERY = '--max-semi-space-size';
const chosen = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((text) => text.includes(NURSERY));
if (process.argv[2] === 'serve' && !chosen && process.platform !== 'win32')
  process.execve(
    process.execPath,
    [process.argv0, `${NURSERY}=16`, ...process.execArgv, ...process.argv.slice(1)],
    { MALLOC_ARENA_MAX: '2', ...process.env },
  );
module.enableCompileCache?.();
await import(isCheckout ? source : new URL('../lib/main.js', import.meta.url));
