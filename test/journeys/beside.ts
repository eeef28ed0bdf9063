/** The store of a running service, opened beside it: for what no request can bring about within a test. */
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import type { Journey } from './journey.ts';

export const openBeside = ({ service }: Pick<Journey, 'service'>) =>
  openSqliteStore({
    directory: service.directory,
    clock: systemClock,
    random: createRandom(),
    logger: silentLogger,
    lock: false,
  });
