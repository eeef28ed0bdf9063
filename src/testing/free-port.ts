/**
 * A port of 127.0.0.1 for a program that must be told one. Free for TCP and UDP, and below those that systems give away
 * by themselves (RFC 6335 §6 has 49152 and up, Linux 32768 and up), so that nobody is given it meanwhile.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const COUNT = 12_000;
const TRIES = 100;

/** Throws Error where none of a hundred is free. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < TRIES; i += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if ((await isFree('tcp', port)) && (await isFree('udp', port))) return port;
  }
  throw new Error(`${TRIES} ports were tried, none is free`);
}
async function isFree(protocol: 'tcp' | 'udp', port: number): Promise<boolean> {
  const bound =
    protocol === 'tcp'
      ? createServer().listen(port, '127.0.0.1')
      : createSocket('udp4').bind(port, '127.0.0.1');
  try {
    await once(bound, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  bound.close();
  await once(bound, 'close');
  return true;
}
