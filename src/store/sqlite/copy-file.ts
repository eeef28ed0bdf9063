/**
 * A copy of a file, the owner's alone and on the disk when this resolves: in no time where the file system shares the
 * octets of both, else piece by piece. Rejects with the signal's reason; what is there by then is the caller's to remove.
 */
import { constants } from 'node:fs';
import { chmod, copyFile as clone, open, rm } from 'node:fs/promises';
import type { Watch } from '../../runtime/report.ts';

const PIECE = 4 * 1024 * 1024;
/** Octets after which what was written is synced: the end does not wait for all of it. */
const SYNC_AFTER = 256 * 1024 * 1024;

/** The copy must not be there yet. */
export async function copyFile(from: string, to: string, { report, signal }: Watch): Promise<void> {
  try {
    await clone(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    await chmod(to, 0o600);
  } catch {
    // no file system that can, or not one and the same: what is wrong with either file is told now
    await rm(to, { force: true });
    await copyPieces(from, to, { report, signal });
  }
}
async function copyPieces(from: string, to: string, { report, signal }: Watch): Promise<void> {
  await using source = await open(from, 'r');
  await using copy = await open(to, 'wx', 0o600);
  const { size } = await source.stat();
  const piece = Buffer.allocUnsafe(PIECE);
  let [done, unsynced] = [0, 0];
  for (;;) {
    signal.throwIfAborted();
    report({ done, total: size, unit: 'octets' });
    const { bytesRead } = await source.read(piece, 0, PIECE, done);
    if (bytesRead === 0) break;
    await copy.writev([piece.subarray(0, bytesRead)], done);
    done += bytesRead;
    unsynced += bytesRead;
    if (unsynced < SYNC_AFTER) continue;
    await copy.datasync();
    unsynced = 0;
  }
  await copy.sync();
}
