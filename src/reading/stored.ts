/**
 * A reading as the store keeps it: JSON without what is empty, deflated where it is long (HTML gets five times smaller).
 * What was encoded comes back as it was; what is no reading of ours throws.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Reading } from './types.ts';

const [PLAIN, DEFLATED] = [0x7b, 0x01];
/** Octets from which on deflating is worth its time. */
const WORTH = 1024;
/** Two texts and a thousand parts with names, each character escaped, are less. */
const MOST = 16 * 1024 * 1024;

export function encodeReading(reading: Reading): Buffer {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(reading))
    if (value !== null && !(Array.isArray(value) && value.length === 0)) given[name] = value;
  const json = Buffer.from(JSON.stringify(given), 'utf8');
  if (json.length < WORTH) return json;
  return Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(json, { level: 1 })]);
}

export function decodeReading(stored: Buffer): Reading {
  const json =
    stored[0] === DEFLATED
      ? inflateRawSync(stored.subarray(1), { maxOutputLength: MOST })
      : stored[0] === PLAIN
        ? stored
        : Buffer.alloc(0);
  return { ...EMPTY, ...(JSON.parse(json.toString('utf8')) as Reading) };
}
const EMPTY = {
  subject: null,
  date: null,
  from: [],
  sender: [],
  replyTo: [],
  to: [],
  cc: [],
  text: null,
  html: null,
  summary: null,
  parts: [],
  forged: [],
  defects: [],
};
