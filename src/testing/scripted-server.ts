/**
 * For tests: an SMTP server on loopback that answers as it is told. Each connection gets a fresh script: a function
 * from what the client sent (a command line, or the whole message after 354) to raw bytes, null for silence, 'drop' to
 * cut the link, or last bytes behind which it closes. Imported by tests only.
 */
import { type FarEndSession, openFarEnd, type Pair } from './far-end.ts';

export type Say = (
  input: string,
  kind: 'connect' | 'command' | 'message',
  nth: number,
) => string | Buffer | null | 'drop' | { readonly last: string };
export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  /** Everything heard, by connection. */
  readonly heard: string[][];
  readonly messages: string[];
  readonly connections: number;
  /** Connections still open. */
  readonly open: number;
  /** Says this on the latest connection. */
  speak(octets: string): void;
}
export interface ScriptOptions {
  readonly say?: Say;
  /** Extension keywords in EHLO. */
  readonly extensions?: readonly string[];
  /** PEM; without it a STARTTLS is followed by rubbish. `silence`: the handshake never ends; `drop`: the link is cut. */
  readonly tls?: Pair | 'silence' | 'drop';
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
  const latest: { session: FarEndSession | null } = { session: null };
  const farEnd = await openFarEnd({
    ...(options.implicit === true && typeof options.tls === 'object' ? { implicit: options.tls } : {}),
    meet(session) {
      const lines: string[] = [];
      latest.session = session;
      heard.push(lines);
      function answer(input: string, kind: 'connect' | 'command' | 'message'): string {
        const own = options.say?.(input, kind, session.nth);
        const out = own === undefined ? politely(input, kind, extensions) : own;
        if (out === 'drop') session.drop();
        else if (out !== null && typeof out === 'object' && 'last' in out) session.end(out.last);
        else if (out !== null) session.say(out);
        return String(out);
      }
      answer('', 'connect');
      return (input, kind) => {
        if (kind === 'message') {
          messages.push(`${input}\r\n`);
          answer(input, kind);
          return;
        }
        lines.push(input);
        const out = answer(input, kind);
        const line = input.toUpperCase();
        if (line === 'DATA' && out.startsWith('354')) session.expectMessage();
        if (line !== 'STARTTLS' || !out.startsWith('220')) return;
        if (options.tls === undefined) session.end('this is no TLS\r\n');
        else if (options.tls === 'silence') session.fallSilent();
        else if (options.tls === 'drop') session.drop();
        else session.secure(options.tls);
      };
    },
  });
  return {
    port: farEnd.port,
    heard,
    messages,
    get connections() {
      return farEnd.connections;
    },
    get open() {
      return farEnd.open;
    },
    speak: (octets) => latest.session?.say(octets),
    [Symbol.asyncDispose]: () => farEnd[Symbol.asyncDispose](),
  };
}
