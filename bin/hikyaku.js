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
  // node:sqlite is a decided dependency; its experimental notice would be noise at every start.
  if (!String(warning).includes('SQLite is an experimental feature')) emitWarning(warning, ...rest);
};
module.enableCompileCache?.();
await import('../src/main.ts');
