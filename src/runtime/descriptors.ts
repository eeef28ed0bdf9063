/** How many files and sockets this process may open; Infinity if the system does not say. */
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
 * How many of the `wanted` connections each of the listeners may accept. At the system's limit, the system
 * closes new connections without a reply, whoever they are from. So a part of the descriptors is reserved for
 * everything else, above all for connections to other servers.
 */
export function placesWithin(limit: number, doors: number, wanted: number): number {
  const kept = Math.min(2_500, limit / 2);
  return Math.max(1, Math.min(wanted, Math.floor((limit - kept) / doors)));
}
/** How many connections to other servers fit in what the listeners leave. */
export function outgoingWithin(limit: number): number {
  return Math.max(1, Math.min(2_000, Math.floor(limit / 4)));
}
