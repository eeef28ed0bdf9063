#!/usr/bin/env node
import module from 'node:module';

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `hikyaku needs Node.js 24, this is ${process.versions.node}; run it through npx or npm, which use the one it brings\n`,
  );
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
await import('../src/main.ts');
