/**
 * The stored form of a reading: JSON without empty values, deflated if it is long (HTML becomes five times
 * smaller). Decoding returns exactly what was encoded, and throws for anything that is not a stored reading.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Reading } from './reading.ts';

const [PLAIN, DEFLATED] = [0x7b, 0x01];
/** Octets from which on deflating saves enough. */
const WORTH = 1024;
/** More than two texts and a thousand parts with names, with each character escaped. */
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
