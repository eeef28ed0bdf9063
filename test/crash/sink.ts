/**
 * The far end of the crash test: an SMTP server that counts recipients it has taken (250 after the final dot written),
 * refuses some for now, and is slow for some. It outlives every kill.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface CrashSink extends AsyncDisposable {
  readonly port: number;
  /** How often each recipient was taken. */
  readonly taken: ReadonlyMap<string, number>;
  /** Resolves when all that was sent has been read and every slow answer given: what was in flight has been taken or not. */
  quiet(): Promise<void>;
}

export async function startCrashSink(random: () => number): Promise<CrashSink> {
  const taken = new Map<string, number>();
  const sockets = new Set<Socket>();
  let pending = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    let text = '';
    let recipients: string[] = [];
    let inData = false;
    const say = (line: string) => void (socket.writable && socket.write(`${line}\r\n`));
    say('220 sink.test');
    function finish(): void {
      const mine = recipients;
      recipients = [];
      pending += 1;
      const answer = () => {
        pending -= 1;
        if (random() < 0.05) return say('451 4.3.0 later');
        // Taken is taken, whether or not the client lives to hear it.
        for (const address of mine) taken.set(address, (taken.get(address) ?? 0) + 1);
        say('250 2.0.0 taken');
      };
      if (random() < 0.1) setTimeout(answer, 20 + random() * 200);
      else answer();
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        if (inData) {
          const end = text.indexOf('\r\n.\r\n');
          if (end === -1) return;
          text = text.slice(end + 5);
          inData = false;
          finish();
          continue;
        }
        const end = text.indexOf('\r\n');
        if (end === -1) return;
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'EHLO') say('250-sink.test\r\n250 PIPELINING');
        else if (verb === 'RCPT') {
          if (random() < 0.08) say('451 4.2.0 greylisted');
          else {
            recipients.push(/<(.*)>/.exec(line)![1]!);
            say('250 ok');
          }
        } else if (verb === 'DATA') {
          if (recipients.length === 0) say('554 no recipients');
          else {
            inData = true;
            say('354 go');
          }
        } else if (verb === 'QUIT') {
          say('221 bye');
          socket.end();
        } else {
          if (verb === 'MAIL' || verb === 'RSET') recipients = [];
          say('250 ok');
        }
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    taken,
    async quiet() {
      for (let tries = 0; (pending > 0 || sockets.size > 0) && tries < 400; tries++) await delay(5);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
