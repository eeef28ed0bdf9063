/** How many files and sockets this process may have open; Infinity where the system does not say. */
import { readFileSync } from 'node:fs';

export function descriptorLimit(limits = '/proc/self/limits'): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync(limits, 'latin1'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Places each of so many doors can have of the `wanted`: behind the limit the system would close newcomers without a
 * word, whoever they are, so a part is kept for everything else, connections to other servers above all.
 */
export function placesWithin(limit: number, doors: number, wanted: number): number {
  const kept = Math.min(2_500, limit / 2);
  return Math.max(1, Math.min(wanted, Math.floor((limit - kept) / doors)));
}
/** Connections to other servers that fit into what the doors leave. */
export function outgoingWithin(limit: number): number {
  return Math.max(1, Math.min(2_000, Math.floor(limit / 4)));
}
