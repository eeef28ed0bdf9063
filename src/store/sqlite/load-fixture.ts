/**
 * Child process of the kill test: inserts messages without end and prints each id after its commit was
 * acknowledged.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createRandom } from '../../runtime/random.ts';
import { message, recipient, withProject } from '../conformance/samples.ts';
import { openSqliteStore } from './open.ts';

const store = await openSqliteStore({
  directory: process.argv[2]!,
  clock: systemClock,
  random: createRandom(),
  logger: silentLogger,
});
const project = await withProject(store);
async function load(): Promise<never> {
  for (;;) {
    const m = message(project, { raw: Buffer.alloc(4096, 'x') });
    await store.transact(project.id, (tx) => {
      tx.insertMessage(m);
      tx.insertRecipient(recipient(m));
    });
    writeSync(1, `${project.id} ${m.id}\n`);
  }
}
await Promise.all(Array.from({ length: 20 }, load));
