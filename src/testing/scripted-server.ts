/**
 * For tests: an SMTP server on loopback that answers as it is told. Each connection gets a fresh script: a function
 * from what the client sent (a command line, or the whole message after 354) to raw bytes, null for silence, or
 * 'drop' to cut the link. Imported by tests only.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

export type Say = (
  input: string,
  kind: 'connect' | 'command' | 'message',
  nth: number,
) => string | Buffer | null | 'drop';
export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  /** Everything heard, by connection. */
  readonly heard: string[][];
  readonly messages: string[];
  readonly connections: number;
  /** Connections still open. */
  readonly open: number;
}
export interface ScriptOptions {
  readonly say?: Say;
  /** Extension keywords in EHLO. */
  readonly extensions?: readonly string[];
  /** PEM; without it a STARTTLS is followed by rubbish. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly implicit?: boolean;
}

/** A well-behaved answer; scripts override what they want to be odd. */
export function politely(input: string, kind: string, extensions: readonly string[]): string {
  if (kind === 'connect') return '220 server.test ESMTP\r\n';
  if (kind === 'message') return '250 2.0.0 taken\r\n';
  const verb = input.slice(0, 4).toUpperCase();
  if (verb === 'EHLO')
    return ['server.test', ...extensions]
      .map((l, i, all) => `250${i === all.length - 1 ? ' ' : '-'}${l}\r\n`)
      .join('');
  if (verb === 'DATA') return '354 go on\r\n';
  if (verb === 'STAR') return '220 ready\r\n';
  if (verb === 'AUTH') return '235 2.7.0 welcome\r\n';
  if (verb === 'QUIT') return '221 bye\r\n';
  return '250 2.1.0 ok\r\n';
}

export async function scriptedServer(options: ScriptOptions = {}): Promise<ScriptedServer> {
  const extensions = options.extensions ?? ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'SIZE 1000000'];
  const heard: string[][] = [];
  const messages: string[] = [];
  const sockets = new Set<Socket>();

  function serve(plain: Socket): void {
    const lines: string[] = [];
    const nth = heard.push(lines);
    let buffer = '';
    let inData = false;
    let socket: Socket = plain;
    sockets.add(plain);
    plain.setNoDelay(true);
    plain.on('close', () => sockets.delete(plain));
    function answer(input: string, kind: 'connect' | 'command' | 'message'): string | Buffer | null | 'drop' {
      const own = options.say?.(input, kind, nth);
      const out = own === undefined ? politely(input, kind, extensions) : own;
      if (out === 'drop') socket.destroy();
      else if (out !== null) socket.write(out);
      return out;
    }
    function secure(): void {
      plain.removeAllListeners('data');
      if (options.tls === undefined) {
        plain.end('this is no TLS\r\n');
        return;
      }
      socket = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(options.tls) });
      listen(socket);
    }
    function listen(on: Socket): void {
      on.on('error', () => {});
      on.on('data', (chunk) => {
        buffer += chunk.toString('latin1');
        for (;;) {
          // An empty message is the dot alone: the CRLF in front of it ended the DATA command.
          const end = inData ? `\r\n${buffer}`.indexOf('\r\n.\r\n') : buffer.indexOf('\r\n');
          if (end === -1) return;
          const input = buffer.slice(0, Math.max(0, inData ? end - 2 : end));
          buffer = buffer.slice(inData ? end + 3 : end + 2);
          if (inData) {
            inData = false;
            messages.push(`${input}\r\n`);
            answer(input, 'message');
            continue;
          }
          lines.push(input);
          const out = answer(input, 'command');
          inData = input.toUpperCase() === 'DATA' && String(out).startsWith('354');
          if (input.toUpperCase() === 'STARTTLS' && String(out).startsWith('220')) return secure();
        }
      });
    }
    if (options.implicit === true) {
      socket = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(options.tls) });
      listen(socket);
    } else listen(plain);
    answer('', 'connect');
  }
  const server: Server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    heard,
    messages,
    get connections() {
      return heard.length;
    },
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
