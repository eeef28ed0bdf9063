/**
 * Asks /healthz again and again, as a process of its own, so that nothing but the service makes it wait.
 * Usage: prober.ts <host:port>. Ends when its input does, with one line of JSON: ms until each answer, how many
 * answers were not 200.
 */
import { Agent, request } from 'node:http';

const [host, port] = process.argv[2]!.split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const EVERY_MS = 10;
const times: number[] = [];
let wrong = 0;
let over = false;

function ask(): Promise<void> {
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (ok: boolean) => {
      times.push(performance.now() - began);
      if (!ok) wrong++;
      resolve();
    };
    const call = request({ host, port, path: '/healthz', agent }, (response) => {
      response.resume().on('end', () => done(response.statusCode === 200));
    });
    call.on('error', () => done(false)).end();
  });
}
process.stdin.resume().on('end', () => {
  over = true;
});
await ask();
// The first answer warms both sides up.
times.length = 0;
process.stdout.write('ready\n');
while (!over) {
  await ask();
  await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}
agent.destroy();
process.stdout.write(`${JSON.stringify({ times: times.map((ms) => Number(ms.toFixed(1))), wrong })}\n`);
