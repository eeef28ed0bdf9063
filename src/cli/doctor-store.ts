/** What `hikyaku doctor` says of the store: only read, never migrated, looked through for damage within a time. */
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { MX_SIZE_LIMIT } from '../intake/limits.ts';
import { leastFree } from '../runtime/space.ts';
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
    const gate = leastFree(MX_SIZE_LIMIT, blocks * bsize);
    const text = `${sizeOf(free)} free, mail is refused below ${sizeOf(gate)}`;
    return [
      await checkSchema(config, `${directory} may be written to`),
      free > gate ? ok('disk', text) : failed('disk', `${text}: make room`),
    ];
  } catch (error) {
    return [failed('store', `${directory}: ${(error as Error).message}`)];
  }
}

const sizeOf = (octets: number): string =>
  octets < 1024 ** 3 ? `${Math.round(octets / 1024 ** 2)} MiB` : `${(octets / 1024 ** 3).toFixed(1)} GiB`;

/** `so`: what is known already. */
async function checkSchema(config: Config, so: string): Promise<Finding> {
  const check = 'store';
  try {
    const seen = await lookAtStore(config, AbortSignal.timeout(LOOK_MS));
    const isDatabase = config.store.kind === 'postgres';
    if (seen.kind === 'none' || (seen.kind === 'empty' && isDatabase))
      return ok(check, `${so}; there is no store yet: the first start makes it`);
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
    if (isDatabase) return ok(check, text);
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
