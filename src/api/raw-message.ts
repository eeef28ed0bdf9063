/** A message as octets, piece by piece: its first ones with our trace and without forged results, the rest as it lies there. */
import type { ShownMessage, SpoolReader, StoredMessage } from '../spool/messages.ts';

const PIECE = 256 * 1024;

export interface RawMessage {
  /** Octets in all. */
  readonly size: number;
  /** Ends with an error where the message is removed meanwhile, and with the signal's reason. */
  pieces(signal: AbortSignal): AsyncGenerator<Buffer>;
}
export function rawMessage(
  read: Pick<SpoolReader, 'octets'>,
  { head, ...message }: ShownMessage,
  shown: (message: StoredMessage) => Buffer,
): RawMessage {
  const { size, projectId, id } = message;
  // The header ends within the first octets, or is not read further.
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
