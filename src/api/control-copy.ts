/**
 * `POST /copy` at the operator's door: the service copies its store into a file that the command has made. The file must
 * be the same one here: under a service manager another directory may have that name. Who hangs up breaks the copy off.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { Type } from 'typebox';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Report, Watch } from '../runtime/report.ts';

/** A device and an inode; as text, since they have 64 bits. */
const Identity = Type.String({ pattern: '^\\d{1,20}:\\d{1,20}$' });
export const CopyBody = Type.Object({
  file: Type.String({ minLength: 1, maxLength: 4096 }),
  fileIdentity: Identity,
  /** Of the store that is meant. */
  storeIdentity: Identity,
});
export type CopyBody = Type.Static<typeof CopyBody>;
/** The store that the service keeps itself. */
export interface OwnStore {
  readonly file: string;
  /** Resolves when the file is whole and on the disk. Rejects with what to tell the operator. */
  copyInto(file: string, report: Report, signal: AbortSignal): Promise<void>;
}

/** Names a file whatever its path. */
export function identityOf(file: string): string {
  const { dev, ino } = lstatSync(file, { bigint: true });
  return `${dev}:${ino}`;
}
/** Why the service cannot write there; null where it can. */
function unseen({ file, fileIdentity, storeIdentity }: CopyBody, store: OwnStore): string | null {
  try {
    if (identityOf(store.file) !== storeIdentity) return 'the service that runs here serves another store';
    if (identityOf(file) !== fileIdentity || !lstatSync(file).isFile() || lstatSync(file).size > 0)
      return 'the service finds another file there';
    accessSync(file, constants.R_OK | constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
    return null;
  } catch (error) {
    return `the service may not write there (${(error as NodeJS.ErrnoException).code})`;
  }
}

/** 409: nothing was written. 500: it failed in the middle. */
export async function answerCopy(
  body: CopyBody,
  store: OwnStore,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  { report, signal }: Watch,
): Promise<{ readonly status: number; readonly json: object }> {
  const detail = unseen(body, store);
  if (detail !== null) return { status: 409, json: { detail } };
  const { file } = body;
  const began = clock.monotonic();
  try {
    await store.copyInto(file, report, signal);
  } catch (error) {
    logger.warn({ file, err: error }, 'the store could not be copied for a backup');
    return { status: 500, json: { detail: (error as Error).message } };
  }
  logger.info({ file, ms: Math.round(clock.monotonic() - began) }, 'the store was copied for a backup');
  return { status: 200, json: {} };
}
