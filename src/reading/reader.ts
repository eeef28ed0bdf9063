/**
 * Has messages read: on the loop where the worst of that size takes a few milliseconds (reader.test.ts prints them), in a
 * worker otherwise. Where it is read makes no difference to the reading. Fails with NoPlace where no worker came free in
 * time; a job that passed the workers' own limits counts as one over its budget.
 */
import { readHeaderSection } from '../mail/headers.ts';
import { packed, TooComplex, type Workers } from '../runtime/workers.ts';
import { readMessage } from './read-message.ts';
import { encodeReading } from './stored.ts';
import { type Span, VERSION } from './types.ts';

/** Octets of a message that is read on the loop; of one with parts or HTML, whose reading costs more. */
export const LOOP_PLAIN = 16 * 1024;
export const LOOP_PARTS = 6 * 1024;

export interface ReadJob {
  readonly raw: Uint8Array;
  /** Our own name, which nobody else's Authentication-Results may bear. */
  readonly hostname: string;
}
/** Finds the Authentication-Results that claim to be ours. */
export type FindForged = (raw: Buffer, hostname: string) => readonly Span[];

/** A reading as it is stored. `share`: the project whose place in the workers it takes. */
export type Reader = (raw: Buffer, share: string, signal?: AbortSignal) => Promise<Buffer>;

/** The job itself: pure, for the loop and for the workers. */
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

/** Nothing is known of it but where its body begins. */
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
