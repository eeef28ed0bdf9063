/**
 * Parses messages: on the event loop if the worst message of that size takes a few milliseconds
 * (reader.test.ts prints them), otherwise in a worker. The place makes no difference to the reading. Fails
 * with NoPlace if no worker became free in time. A job that exceeds the worker's own limits gives the same
 * reading as one over its budget.
 */
import { readHeaderSection } from '../mail/headers.ts';
import type { Span } from '../mail/structure.ts';
import { packed, TooComplex, type Workers } from '../runtime/workers.ts';
import { readMessage } from './read-message.ts';
import { VERSION } from './reading.ts';
import { encodeReading } from './stored.ts';

/**
 * The largest messages, in octets, that are parsed on the loop. The limit for messages with parts or HTML is
 * smaller, because parsing them costs more.
 */
export const LOOP_PLAIN = 16 * 1024;
export const LOOP_PARTS = 6 * 1024;

export interface ReadJob {
  readonly raw: Uint8Array;
  /** Our own name. No other host may use it in Authentication-Results. */
  readonly hostname: string;
}
/** Finds Authentication-Results fields that claim to be from this host. */
export type FindForged = (raw: Buffer, hostname: string) => readonly Span[];

/** Returns a reading in its stored form. `share`: the project whose share of the workers it uses. */
export type Reader = (raw: Buffer, share: string, signal?: AbortSignal) => Promise<Buffer>;

/** The job itself. Pure; runs on the loop and in workers. */
export function createReadJob(findForged: FindForged): (job: ReadJob) => Buffer {
  return ({ raw, hostname }) => {
    const octets = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
    return encodeReading(readMessage(octets, findForged(octets, hostname)));
  };
}

export function createReader(deps: {
  readonly workers: Workers;
  readonly read: (job: ReadJob) => Buffer;
  readonly hostname: string;
}): Reader {
  const { workers, read, hostname } = deps;
  return async (raw, share, signal) => {
    if (goesOnTheLoop(raw)) return read({ raw, hostname });
    const job = (): ReadJob => ({ raw: packed(raw), hostname });
    try {
      const stored = await workers.run<Uint8Array>('read', job, { share, signal });
      return Buffer.from(stored.buffer, stored.byteOffset, stored.length);
    } catch (error) {
      if (!(error instanceof TooComplex)) throw error;
      return encodeReading({ ...unread(raw), defects: ['too-complex'] });
    }
  };
}

export function goesOnTheLoop(raw: Buffer): boolean {
  return (
    raw.length <= LOOP_PARTS || (raw.length <= LOOP_PLAIN && !/html|multipart/i.test(raw.toString('latin1')))
  );
}

/** A reading that only knows where the body begins. */
function unread(raw: Buffer) {
  const nothing = { subject: null, date: null, from: [], sender: [], replyTo: [], to: [], cc: [] };
  const { bodyStart } = readHeaderSection(raw);
  return {
    version: VERSION,
    bodyStart,
    utf8: false,
    ...nothing,
    text: null,
    html: null,
    summary: null,
    parts: [],
    forged: [],
  };
}
