/** What `hikyaku doctor` says of the store: only read, never migrated, looked through for damage within a time. */
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { lookAtStore, storeWords } from '../stores.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

/** For looking through an embedded store. */
const LOOK_MS = 20_000;
const BACK_UP_FIRST = 'take a backup before (hikyaku backup FILE)';

export async function checkStore(config: Config): Promise<Finding[]> {
  if (config.store.kind === 'postgres') return [await checkSchema(config, 'PostgreSQL answers')];
  const { directory } = config.store;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.R_OK | constants.W_OK);
    const { bavail, bsize, blocks } = await statfs(directory);
    const free = bavail * bsize;
    const gate = Math.max(16 * 1024 * 1024, Math.min((blocks * bsize) / 10, 5 * 1024 ** 3));
    const text = `${(free / 1024 ** 3).toFixed(1)} GiB free, mail is refused below ${(gate / 1024 ** 3).toFixed(1)} GiB`;
    return [
      await checkSchema(config, `${directory} can be written`),
      free > gate ? ok('disk', text) : failed('disk', `${text}: make room`),
    ];
  } catch (error) {
    return [failed('store', `${directory}: ${(error as Error).message}`)];
  }
}

/** `so`: what is known already. */
async function checkSchema(config: Config, so: string): Promise<Finding> {
  const check = 'store';
  try {
    const seen = await lookAtStore(config, AbortSignal.timeout(LOOK_MS));
    if (seen.kind === 'none') return ok(check, `${so}; there is no store yet: the first start makes it`);
    if (seen.kind === 'empty')
      return warning(
        check,
        `${so}, but what is there is empty: the next start makes a new store; where there was one, put a backup back (hikyaku restore FILE --force)`,
      );
    const { version, ours, moving, lookedThrough } = seen;
    const text = `${so}, schema version ${version}`;
    if (moving)
      return warning(
        check,
        `${text}, but its rows are not all in that form: unless a start or \`hikyaku migrate\` is at it now, the next one goes on`,
      );
    if (version < ours)
      return warning(
        check,
        `${text}; this program brings it to ${ours} at the next start, or by \`hikyaku migrate\`: ${BACK_UP_FIRST}`,
      );
    if (config.store.kind === 'postgres') return ok(check, text);
    return ok(
      check,
      lookedThrough
        ? `${text}, no damage found`
        : `${text}; too large to be looked through for damage in ${LOOK_MS / 1000} s: \`hikyaku backup\` looks through what it copied`,
    );
  } catch (error) {
    return failed(check, storeWords(error) ?? (error as Error).message);
  }
}
