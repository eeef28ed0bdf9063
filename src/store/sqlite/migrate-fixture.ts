/** Brings the store in the directory to our schema: a line for each portion, which it then does when it is sent an octet. */
import { readSync, writeSync } from 'node:fs';
import { migrate, openDatabase } from './files.ts';

const octet = Buffer.alloc(1);
migrate(openDatabase(process.argv[2]!), ({ done, total }) => {
  writeSync(1, `${done} ${total}\n`);
  readSync(0, octet);
});
