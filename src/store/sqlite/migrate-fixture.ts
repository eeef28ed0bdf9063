/** Brings the store in the directory to our schema; a line for each portion. */
import { writeSync } from 'node:fs';
import { migrate, openDatabase } from './files.ts';

migrate(openDatabase(process.argv[2]!), ({ done, total }) => void writeSync(1, `${done} ${total}\n`));
