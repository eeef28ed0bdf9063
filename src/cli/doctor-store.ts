/**
 * What `hikyaku doctor` reports about the store. The store is only read, never migrated; the check for damage
 * has a time limit.
 */
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { operatorStanding } from '../iam/links.ts';
import { MX_SIZE_LIMIT } from '../intake/limits.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { leastFree } from '../runtime/space.ts';
import type { KeyNotes } from '../sealed/secret-key.ts';
import { faultOf, missingKey, nameOf, presentKey, unfinished, verdictOf } from '../secret-key.ts';
import { lookAtStore, openMadeStore, storeWords } from '../stores.ts';
import { type Finding, failed, ok, warning } from './finding.ts';
import { operatorFinding } from './operator-words.ts';

type StoreReader = Awaited<ReturnType<typeof openMadeStore>>['read'];

/** Time limit of the check of an embedded store for damage. */
const LOOK_MS = 20_000;
const BACK_UP_FIRST = 'take a backup first (hikyaku backup FILE)';

/** Rejects with the signal's reason. */
export async function checkStore(config: Config, signal: AbortSignal): Promise<Finding[]> {
  if (config.store.kind === 'postgres') return checkSchema(config, 'PostgreSQL answers', signal);
  const { directory } = config.store;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.R_OK | constants.W_OK);
    const { bavail, bsize, blocks } = await statfs(directory);
    const free = bavail * bsize;
    const gate = leastFree(MX_SIZE_LIMIT, blocks * bsize);
    const text = `${sizeOf(free)} free; the service refuses mail below ${sizeOf(gate)}`;
    return [
      ...(await checkSchema(config, `${directory} is writable`, signal)),
      free > gate ? ok('disk', text) : failed('disk', `${text}: make room`),
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [failed('store', `${directory}: ${(error as Error).message}`)];
  }
}

const sizeOf = (octets: number): string =>
  octets < 1024 ** 3 ? `${Math.round(octets / 1024 ** 2)} MiB` : `${(octets / 1024 ** 3).toFixed(1)} GiB`;

/** `so` is the beginning of the finding: what the earlier checks have found. */
async function checkSchema(config: Config, so: string, signal: AbortSignal): Promise<Finding[]> {
  const late = AbortSignal.timeout(LOOK_MS);
  try {
    const seen = await lookAtStore(config, AbortSignal.any([late, signal]));
    signal.throwIfAborted();
    if (seen.kind !== 'there') return [findingOf(config, so, seen)];
    const finding = findingOf(config, so, seen);
    // A store of another version is not opened, because opening migrates it.
    if (seen.version !== seen.ours || seen.moving) return [finding, checkKey(config, seen)];
    await using store = await openMadeStore(config, silentLogger, signal);
    const key =
      seen.keyCheck === null && seen.replacement === null
        ? await tryKey(config, store.read)
        : checkKey(config, seen);
    return [finding, key, await checkOperator(store.read)];
  } catch (error) {
    signal.throwIfAborted();
    if (error === late.reason) return [failed('store', NO_ANSWER)];
    return [failed('store', storeWords(error) ?? (error as Error).message)];
  }
}
const NO_ANSWER = `the database has not answered in ${LOOK_MS / 1000} s: it hangs, or another session holds a lock (SELECT pid, application_name, state, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL)`;
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
async function checkOperator(read: StoreReader): Promise<Finding> {
  return operatorFinding(await operatorStanding(read, systemClock.now()));
}
const NAME = 'secret key';
/** Whether the key of this configuration is the key of the store, as far as the store's notes say. */
function checkKey(config: Config, notes: KeyNotes): Finding {
  try {
    const present = presentKey(config);
    if (present === null) {
      if (notes.replacement !== null) return failed(NAME, unfinished(config, null, false).message);
      return notes.keyCheck === null ? NO_KEY : failed(NAME, missingKey(config).message);
    }
    const fault = faultOf(config, notes, present);
    if (fault !== null) return failed(NAME, fault.message);
    return ok(
      NAME,
      notes.keyCheck === null
        ? 'not checked yet: the next start checks it'
        : `${nameOf(config, present)} is the key of this store`,
    );
  } catch (error) {
    return failed(NAME, (error as Error).message);
  }
}
const NO_KEY = warning(NAME, 'there is none; a store that is in use needs its key to start');
/** The same for a store without notes: what it has sealed is tried, as `hikyaku secret-key check` does. */
async function tryKey(config: Config, read: StoreReader): Promise<Finding> {
  try {
    const present = presentKey(config);
    if (present === null)
      return (await read.wasUsedWithKey()) ? failed(NAME, missingKey(config).message) : NO_KEY;
    const { kind, text } = await verdictOf(config, read, present);
    if (kind === 'partly') return warning(NAME, text);
    return kind === 'right' || kind === 'new' ? ok(NAME, text) : failed(NAME, text);
  } catch (error) {
    return failed(NAME, (error as Error).message);
  }
}
