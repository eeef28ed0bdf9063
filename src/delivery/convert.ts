/**
 * Mail for servers without 8BITMIME or SMTPUTF8: converted before it is signed, so that the signature is over what
 * arrives. Small mail is converted on the event loop, other mail in a thread. Fails with NoPlace where no thread was free.
 */
import { type SevenBit, type SevenBitOptions, toSevenBit } from '../mail/seven-bit.ts';
import { packed, TooComplex, type Workers } from '../runtime/workers.ts';
import type { Lacks } from '../smtp/client/dialogue.ts';
import type { StoredMessage } from '../spool/messages.ts';

/** `share`: the project whose place among the threads it takes. */
export type Converter = (raw: Buffer, options: SevenBitOptions, share: string) => Promise<SevenBit>;
export interface ConvertDeps {
  readonly convert: Converter;
  /** The domain whose signature `sign` would add; null: none. */
  readonly signsAs: (message: StoredMessage) => Promise<string | null>;
}
export type Fitted =
  | { readonly kind: 'fitted'; readonly message: StoredMessage; readonly converted: boolean }
  | { readonly kind: 'refused'; readonly status: string; readonly cause: string };

/** What the loop is free for: the worst of it, parts of one character, takes under 5 ms. */
export const SMALL = 6 * 1024;

/** The message for a server that lacks this. */
export async function fit(message: StoredMessage, lacks: Lacks, deps: ConvertDeps): Promise<Fitted> {
  const signedAs = await deps.signsAs(message);
  const options = { bodies: lacks.eightBit, signedAs, ownReport: message.source === 'dsn' };
  const made = await deps.convert(message.raw, options, message.projectId);
  if (made.kind === 'unchanged') return { kind: 'fitted', message, converted: false };
  if (made.kind === 'converted')
    return { kind: 'fitted', message: { ...message, raw: made.message }, converted: true };
  return {
    kind: 'refused',
    status: lacks.eightBit ? made.status : '5.6.7',
    cause: `the server does not offer ${lacks.eightBit ? '8BITMIME' : 'SMTPUTF8'}, and the message is not converted: ${made.cause}`,
  };
}

interface ConvertJob {
  readonly raw: Uint8Array;
  readonly options: SevenBitOptions;
}
/** The job: as `toSevenBit`. */
export function convertMessage({ raw, options }: ConvertJob): SevenBit {
  return toSevenBit(Buffer.from(raw.buffer, raw.byteOffset, raw.length), options);
}
export function createConverter(workers: Pick<Workers, 'run'>): Converter {
  return async (raw, options, share) => {
    if (raw.length <= SMALL) return toSevenBit(raw, options);
    const job = (): ConvertJob => ({ raw: packed(raw), options });
    try {
      const made = await workers.run<SevenBit>('convertMessage', job, { share });
      if (made.kind !== 'converted') return made;
      // What comes from a thread is octets without the methods of a Buffer.
      const { buffer, byteOffset, length } = made.message;
      return { kind: 'converted', message: Buffer.from(buffer, byteOffset, length) };
    } catch (error) {
      if (!(error instanceof TooComplex)) throw error;
      return { kind: 'refused', status: '5.6.3', cause: 'it is too complex' };
    }
  };
}
