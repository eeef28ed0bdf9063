/** Sends one DNS message to a server over TCP and reads the answer (RFC 7766 §8: two octets of length precede each). */
import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import type { Network } from '../../runtime/network.ts';
import { DnsProviderError } from './provider.ts';

export interface TcpTarget {
  readonly network: Network;
  readonly clock: Clock;
  /** The caller has checked that this address is allowed. */
  readonly address: string;
  readonly port: number;
}
const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;

/** Rejects with DnsProviderError 'unreachable'. */
export async function askOverTcp(
  { network, clock, address, port }: TcpTarget,
  message: Buffer,
): Promise<Buffer> {
  let socket: Socket;
  try {
    socket = await network.dial({ address, port, timeoutMs: CONNECT_MS });
  } catch (error) {
    const { code = 'no connection' } = error as NodeJS.ErrnoException;
    throw new DnsProviderError('unreachable', `${address} port ${port}: ${code}`);
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const fail = (why: string) => {
      timer.cancel();
      socket.destroy();
      reject(new DnsProviderError('unreachable', `${address} port ${port}: ${why}`));
    };
    const timer = clock.after(ANSWER_MS, () => fail('no answer in time'));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'the connection broke'));
    socket.on('close', () => fail('the connection was closed'));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length < 2 || all.length < 2 + all.readUInt16BE()) return;
      timer.cancel();
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(all.subarray(2, 2 + all.readUInt16BE()));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}
