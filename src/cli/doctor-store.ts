/**
 * What `hikyaku doctor` reports about the store. The store is only read, never migrated; the check for damage
 * has a time limit.
 */
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { MX_SIZE_LIMIT } from '../intake/limits.ts';
import { silentLogger } from '../runtime/logger.ts';
import { leastFree } from '../runtime/space.ts';
import { isOther, missingKey, nameOf, presentKey, wrongKey } from '../secret-key.ts';
import { lookAtStore, openMadeStore, storeWords } from '../stores.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

/** Time limit of the check of an embedded store for damage. */
const LOOK_MS = 20_000;
const BACK_UP_FIRST = 'take a backup first (hikyaku backup FILE)';

export async function checkStore(config: Config): Promise<Finding[]> {
  if (config.store.kind === 'postgres') return checkSchema(config, 'PostgreSQL answers');
  const { directory } = config.store;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.R_OK | constants.W_OK);
    const { bavail, bsize, blocks } = await statfs(directory);
    const free = bavail * bsize;
    const gate = leastFree(MX_SIZE_LIMIT, blocks * bsize);
    const text = `${sizeOf(free)} free; the service refuses mail below ${sizeOf(gate)}`;
    return [
      ...(await checkSchema(config, `${directory} is writable`)),
      free > gate ? ok('disk', text) : failed('disk', `${text}: make room`),
    ];
  } catch (error) {
    return [failed('store', `${directory}: ${(error as Error).message}`)];
  }
}

const sizeOf = (octets: number): string =>
  octets < 1024 ** 3 ? `${Math.round(octets / 1024 ** 2)} MiB` : `${(octets / 1024 ** 3).toFixed(1)} GiB`;

/** `so` is the beginning of the finding: what the earlier checks have found. */
async function checkSchema(config: Config, so: string): Promise<Finding[]> {
  try {
    const seen = await lookAtStore(config, AbortSignal.timeout(LOOK_MS));
    if (seen.kind !== 'there') return [findingOf(config, so, seen)];
    const findings = [findingOf(config, so, seen), checkKey(config, seen.keyCheck)];
    // A store of another version is not opened, because opening migrates it.
    return seen.version === seen.ours && !seen.moving ? [...findings, await checkOperator(config)] : findings;
  } catch (error) {
    return [failed('store', storeWords(error) ?? (error as Error).message)];
  }
}
function findingOf(config: Config, so: string, seen: Awaited<ReturnType<typeof lookAtStore>>): Finding {
  const check = 'store';
  const isDatabase = config.store.kind === 'postgres';
  if (seen.kind === 'none' || (seen.kind === 'empty' && isDatabase))
    return ok(check, `${so}; there is no store yet: the first start creates it`);
  if (seen.kind === 'empty')
    return warning(
      check,
      `${so}, but the store file is empty: the next start creates a new store; if there was a store before, restore a backup (hikyaku restore FILE --force)`,
    );
  const { version, ours, moving, lookedThrough } = seen;
  const text = `${so}, schema version ${version}`;
  if (moving)
    return warning(
      check,
      `${text}, but some rows are not migrated yet: if no start and no \`hikyaku migrate\` is migrating them now, the next one continues`,
    );
  if (version < ours)
    return warning(
      check,
      `${text}; this program migrates it to version ${ours} at the next start or by \`hikyaku migrate\`: ${BACK_UP_FIRST}`,
    );
  if (isDatabase) return ok(check, text);
  return ok(
    check,
    lookedThrough
      ? `${text}, no damage found`
      : `${text}; too large to check for damage in ${LOOK_MS / 1000} s: \`hikyaku backup\` checks the copy that it makes`,
  );
}
async function checkOperator(config: Config): Promise<Finding> {
  await using store = await openMadeStore(config, silentLogger);
  const operator = await store.read.firstOperator();
  return operator === null
    ? warning(
        'operator',
        'there is none: open the link that the service prints when it starts, or run `hikyaku bootstrap --email ADDRESS --operator`',
      )
    : ok('operator', operator.email);
}
/** Whether the key of this configuration is the key of the store, as far as the check value says. */
function checkKey(config: Config, check: number | null): Finding {
  const name = 'secret key';
  try {
    const present = presentKey(config);
    if (present === null)
      return check === null
        ? warning(name, 'there is none; a store that is in use needs its key to start')
        : failed(name, missingKey(config).message);
    if (check === null) return ok(name, 'not checked yet: the next start checks it');
    return isOther(check, present)
      ? failed(name, wrongKey(config, present).message)
      : ok(name, `${nameOf(config, present)} is the key of this store`);
  } catch (error) {
    return failed(name, (error as Error).message);
  }
}
