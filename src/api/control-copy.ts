/**
 * `POST /copy` at the control socket: the service copies its store into a file that the command has created. The
 * path must lead to the same file for the service: under a service manager, another directory may have that name.
 * If the caller disconnects, the copy ends.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { Type } from 'typebox';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Report, Watch } from '../runtime/report.ts';

/** A device and an inode, as text, because they have 64 bits. */
const Identity = Type.String({ pattern: '^\\d{1,20}:\\d{1,20}$' });
export const CopyBody = Type.Object({
  file: Type.String({ minLength: 1, maxLength: 4096 }),
  fileIdentity: Identity,
  /** The identity of the store that the command means. */
  storeIdentity: Identity,
});
export type CopyBody = Type.Static<typeof CopyBody>;
/** The store in a file of this service. */
export interface OwnStore {
  readonly file: string;
  /** Resolves when the file is complete and on the disk. Rejects with an error for the operator. */
  copyInto(file: string, report: Report, signal: AbortSignal): Promise<void>;
}

/** Identifies a file independently of its path. */
export function identityOf(file: string): string {
  const { dev, ino } = lstatSync(file, { bigint: true });
  return `${dev}:${ino}`;
}
/** The reason why the service cannot write there; null: it can. */
function unseen({ file, fileIdentity, storeIdentity }: CopyBody, store: OwnStore): string | null {
  try {
    if (identityOf(store.file) !== storeIdentity) return 'the running service uses another store';
    if (identityOf(file) !== fileIdentity || !lstatSync(file).isFile() || lstatSync(file).size > 0)
      return 'the service finds another file at this path';
    accessSync(file, constants.R_OK | constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
    return null;
  } catch (error) {
    return `the service may not write there (${(error as NodeJS.ErrnoException).code})`;
  }
}

/** 409: nothing was written. 500: the copy failed while it was running. */
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
    logger.warn({ file, err: error }, 'the service could not copy the store for a backup');
    return { status: 500, json: { detail: (error as Error).message } };
  }
  logger.info(
    { file, ms: Math.round(clock.monotonic() - began) },
    'the service has copied the store for a backup',
  );
  return { status: 200, json: {} };
}
