/**
 * The bench's own load, as a process of its own: SMTP with TLS and AUTH, plain SMTP where smtp-source is absent, and the HTTP API.
 * Usage: generator.ts <json>. Sends `count` messages over `sessions` sessions, one command at a time, and ends with
 * exit 0 once all were taken; anything but the expected answer ends it with 1 and the answer on stderr. One that floods
 * takes any answer over HTTP, goes on at once, and ends when it is told to.
 */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Load {
  readonly kind: 'smtp' | 'http';
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'implicit';
  readonly user: string | null;
  readonly secret: string | null;
  readonly sessions: number;
  readonly persistent: boolean;
  readonly count: number;
  /** Octets of body. */
  readonly size: number;
  readonly sender: string;
  readonly recipient: string;
  /** HTTP: the domain's URL. */
  readonly self?: string;
  /** SMTP: the whole message instead of one made here, CRLF-ended, without a line that begins with a dot. */
  readonly message?: string;
  /** Comes from sixteen addresses, until SIGTERM; `count` is not looked at. */
  readonly flood?: boolean;
}

const load = JSON.parse(process.argv[2]!) as Load;
let left = load.flood === true ? Number.POSITIVE_INFINITY : load.count;
let opened = 0;
/** Where the next connection comes from. */
const from = () => (load.flood === true ? { localAddress: `127.9.${8 * (opened++ % 16)}.1` } : {});
const answers = new Map<number, number>();
if (load.flood === true)
  process.on('SIGTERM', () => {
    process.stdout.write(`${JSON.stringify(Object.fromEntries(answers))}\n`);
    process.exit(0);
  });
const line = `${'x'.repeat(76)}\r\n`;
const body = line.repeat(Math.ceil(load.size / line.length));

function fail(what: string): never {
  process.stderr.write(`${what}\n`);
  process.exit(1);
}

/** One SMTP session: commands wait for their replies, as ordinary clients do. */
function smtpSession(): Promise<void> {
  return new Promise((resolve) => {
    const { host, port } = load;
    const socket: Socket =
      load.tls === 'implicit'
        ? connectTls({ host, port, rejectUnauthorized: false, ...from() })
        : connect({ host, port, ...from() });
    socket.setNoDelay(true);
    const auth = Buffer.from(`\0${load.user}\0${load.secret}`).toString('base64');
    const header = `From: <${load.sender}>\r\nTo: <${load.recipient}>\r\nSubject: bench\r\n\r\n`;
    const data = `${load.message ?? header + body}.\r\n`;
    const opening: [string, string][] = [
      ['', '220'],
      ['EHLO bench.test\r\n', '250'],
      ...(load.user === null ? [] : ([[`AUTH PLAIN ${auth}\r\n`, '235']] as [string, string][])),
    ];
    const message: [string, string][] = [
      [`MAIL FROM:<${load.sender}>\r\n`, '250'],
      [`RCPT TO:<${load.recipient}>\r\n`, '250'],
      ['DATA\r\n', '354'],
      [data, '250'],
    ];
    let script = opening;
    let at = 0;
    let text = '';
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const end = text.indexOf('\r\n');
        if (end === -1) return;
        const reply = text.slice(0, end);
        text = text.slice(end + 2);
        if (reply[3] === '-') continue;
        if (script === message && at === 4) {
          socket.end(); // the answer to QUIT
          return;
        }
        if (!reply.startsWith(script[at]![1])) fail(`${script[at]![0].trim().slice(0, 40)}: ${reply}`);
        at += 1;
        if (at === script.length) {
          if (script === message) answers.set(250, (answers.get(250) ?? 0) + 1);
          if (script === opening) {
            script = message;
            at = 0;
          } else if (left > 0 && load.persistent) {
            left -= 1;
            at = 0;
          } else {
            socket.write('QUIT\r\n');
            return;
          }
        }
        socket.write(script[at]![0], 'latin1');
      }
    });
  });
}
async function smtpWorker(): Promise<void> {
  while (left > 0) {
    left -= 1;
    await smtpSession();
  }
}

async function httpWorker(agent: Agent): Promise<void> {
  const payload = JSON.stringify({
    procedure: 'send_message',
    arguments: {
      self: load.self,
      from: [load.sender],
      to: [load.recipient],
      subject: 'bench',
      content_type: 'text/plain; charset=UTF-8',
      body,
    },
  });
  const headers = {
    authorization: `Basic ${Buffer.from(`${load.user}:${load.secret}`).toString('base64')}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
  };
  const address = from();
  while (left > 0) {
    left -= 1;
    await new Promise<void>((resolve) => {
      const call = request(
        {
          host: load.host,
          port: load.port,
          path: '/mta/v1/tasks?is_sync=true',
          method: 'POST',
          agent,
          headers,
          ...address,
        },
        (response) => {
          const status = response.statusCode!;
          answers.set(status, (answers.get(status) ?? 0) + 1);
          if (status !== 200 && load.flood !== true) fail(`HTTP ${status}`);
          response.resume().on('end', resolve);
        },
      );
      call.on('error', (error) => fail(error.message));
      call.end(payload);
    });
  }
}

if (load.kind === 'smtp') await Promise.all(Array.from({ length: load.sessions }, smtpWorker));
else {
  const agent = new Agent({ keepAlive: load.persistent, maxSockets: load.sessions });
  await Promise.all(Array.from({ length: load.sessions }, () => httpWorker(agent)));
  agent.destroy();
}
