/** Jobs for the tests of the workers. */
import { threadId } from 'node:worker_threads';

export const echo = (input: unknown): unknown => input;
export const thread = (): number => threadId;
export const sum = (octets: Uint8Array): number => octets.reduce((all, one) => all + one, 0);
export const large = (length: number): Uint8Array => new Uint8Array(length).fill(7);
export function fail(): never {
  throw new RangeError('as asked');
}
export function spin(): never {
  for (;;);
}
export function hoard(): never {
  const all: number[][] = [];
  for (;;) all.push(new Array(1000).fill(1.5));
}
/** Ends once the first cell is no longer 0. */
export function untilTold(cell: Int32Array): number {
  Atomics.wait(cell, 0, 0);
  return threadId;
}
