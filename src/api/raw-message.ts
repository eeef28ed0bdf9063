/**
 * A message as octets, piece by piece. The first piece has the trace fields of this service and no forged results; the
 * rest is unchanged.
 */
import type { ShownMessage, SpoolReader, StoredMessage } from '../spool/messages.ts';

const PIECE = 256 * 1024;

export interface RawMessage {
  /** Total octets. */
  readonly size: number;
  /** Ends with an error if the message is removed in the meantime, or with the signal's reason. */
  pieces(signal: AbortSignal): AsyncGenerator<Buffer>;
}
export function rawMessage(
  read: Pick<SpoolReader, 'octets'>,
  { head, ...message }: ShownMessage,
  shown: (message: StoredMessage) => Buffer,
): RawMessage {
  const { size, projectId, id } = message;
  // The header is read only within these first octets.
  const first = shown({ ...message, raw: head });
  return {
    size: first.length + size - head.length,
    async *pieces(signal) {
      yield first;
      for (let at = head.length; at < size; at += PIECE) {
        signal.throwIfAborted();
        const octets = await read.octets(projectId, id, at, at + PIECE);
        if (octets === null) throw new Error(`message ${id} was removed while it was sent`);
        yield octets;
      }
    },
  };
}
