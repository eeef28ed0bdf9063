/** A simple SMTP client of the tests: sends exactly the given octets and uses none of the service's code. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { portOf } from './harness.ts';

export interface RawClient extends AsyncDisposable {
  /** Sends a line (CRLF added) and resolves with the whole reply, lines joined by \n. */
  command(line: string): Promise<string>;
  write(octets: Buffer | string): void;
  reply(): Promise<string>;
  startTls(): Promise<void>;
  /** Sends DATA and the message, dot-stuffed; resolves with the final reply. */
  data(message: Buffer): Promise<string>;
}

export async function openSmtp(
  address: string,
  tls: 'implicit' | 'starttls' | 'none' = 'none',
): Promise<RawClient> {
  const port = portOf(address);
  let socket: Socket =
    tls === 'implicit'
      ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
      : connectTcp({ host: '127.0.0.1', port });
  let buffer = '';
  const replies: string[] = [];
  const waiting: { resolve: (text: string) => void; reject: (error: Error) => void }[] = [];
  let closed: Error | null = null;
  function attach() {
    socket.on('data', (chunk: Buffer) => {
      buffer += chunk.toString('latin1');
      for (;;) {
        const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(buffer);
        if (match === null) break;
        buffer = buffer.slice(match[0].length);
        const text = match[0].trimEnd().replaceAll('\r\n', '\n');
        const next = waiting.shift();
        if (next === undefined) replies.push(text);
        else next.resolve(text);
      }
    });
    const end = (error?: Error) => {
      closed ??= error ?? new Error('the server closed the connection');
      for (const { reject } of waiting.splice(0)) reject(closed);
    };
    socket.on('error', end);
    socket.on('close', () => end());
  }
  attach();
  const client: RawClient = {
    write: (octets) => void socket.write(octets),
    reply() {
      const ready = replies.shift();
      if (ready !== undefined) return Promise.resolve(ready);
      if (closed !== null) return Promise.reject(closed);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    command(line) {
      socket.write(`${line}\r\n`);
      return client.reply();
    },
    async startTls() {
      const answer = await client.command('STARTTLS');
      if (!answer.startsWith('220')) throw new Error(answer);
      socket.removeAllListeners();
      socket = connectTls({ socket, rejectUnauthorized: false });
      attach();
    },
    async data(message) {
      const go = await client.command('DATA');
      if (!go.startsWith('354')) return go;
      const stuffed = Buffer.from(message.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1');
      socket.write(stuffed);
      socket.write(
        stuffed.subarray(-2).toString('latin1') === '\r\n' || stuffed.length === 0 ? '.\r\n' : '\r\n.\r\n',
      );
      return client.reply();
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
  await client.reply();
  if (tls === 'starttls') {
    await client.command('EHLO client.test');
    await client.startTls();
  }
  await client.command('EHLO client.test');
  return client;
}

export function plain(id: string, secret: string): string {
  return `AUTH PLAIN ${Buffer.from(`\0${id}\0${secret}`).toString('base64')}`;
}

/** One whole message; resolves with the reply to its final dot, or the first refusal. */
export async function send(
  client: RawClient,
  from: string,
  to: readonly string[],
  message: Buffer,
  parameters = '',
): Promise<string> {
  const mail = await client.command(`MAIL FROM:<${from}>${parameters}`);
  if (!mail.startsWith('250')) return mail;
  for (const recipient of to) {
    const answer = await client.command(`RCPT TO:<${recipient}>`);
    if (!answer.startsWith('250')) return answer;
  }
  return client.data(message);
}
