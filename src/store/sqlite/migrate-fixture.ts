/**
 * Migrates the store in the directory to our schema. It prints a line for each portion and moves the portion
 * when it gets an octet.
 */
import { readSync, writeSync } from 'node:fs';
import { migrate, openDatabase } from './files.ts';

const octet = Buffer.alloc(1);
migrate(openDatabase(process.argv[2]!), ({ done, total }) => {
  writeSync(1, `${done} ${total}\n`);
  readSync(0, octet);
});
