/** Refuses mail while the disk of an embedded store is nearly full. */
import { statfsSync } from 'node:fs';
import type { Clock } from './clock.ts';

/** Octets that must be free, on a disk of this size, for mail to be accepted. */
export function leastFree(largest: number, disk: number): number {
  return Math.max(1.5 * largest, Math.min(disk / 10, 5 * 1024 ** 3));
}
/**
 * Mail is refused while less is free than 1.5 × the largest message, or than 10 % of the disk (5 GiB at
 * most). The disk is checked at most once a second.
 */
export function spaceGate(directory: string, largest: number, clock: Clock): () => boolean {
  const seen = { at: Number.NEGATIVE_INFINITY, enough: true };
  return () => {
    const now = clock.monotonic();
    if (now - seen.at < 1000) return seen.enough;
    seen.at = now;
    const { bavail, blocks, bsize } = statfsSync(directory);
    seen.enough = bavail * bsize > leastFree(largest, blocks * bsize);
    return seen.enough;
  };
}
