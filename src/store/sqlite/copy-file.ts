/**
 * Copies a file. Only the owner can read the copy, and it is on the disk when this resolves. If the file
 * system can share the octets of both files, it takes no time; otherwise it copies piece by piece. Rejects
 * with the signal's reason; the caller then removes what exists.
 */
import { constants } from 'node:fs';
import { chmod, copyFile as clone, open, rm } from 'node:fs/promises';
import type { Watch } from '../../runtime/report.ts';

const PIECE = 4 * 1024 * 1024;
/** After this many octets the written part is synced, so the end does not wait for all of it. */
const SYNC_AFTER = 256 * 1024 * 1024;

/** The copy must not exist yet. */
export async function copyFile(from: string, to: string, { report, signal }: Watch): Promise<void> {
  try {
    await clone(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    await chmod(to, 0o600);
  } catch {
    // the file system cannot share octets, or the files are on different ones; an error in either file
    // appears now
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
