/**
 * `npm run nodes -- --minutes 10 --every 10 --rate 200`: three nodes on one PostgreSQL, and every so many seconds one of
 * them, at random, is killed with -9 and started again 8 s later, so that the others take its mail over in between.
 * Ends with: kills N acked N delivered N lost N duplicates N in-flight-at-kills N takeover-ms median N worst N
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from '../../src/testing/postgres.ts';
import { generator, settleFleet, startFleet } from './fleet.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    every: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});
const every = Number(values.every) * 1000;
const random = generator(Number(values.seed));
await using postgres = await startPostgres();
await using fleet = await startFleet({
  url: await postgres.database(),
  nodes: 3,
  rate: Number(values.rate),
  random,
});
const until = performance.now() + Number(values.minutes) * 60_000;
const takeovers: number[] = [];
let kills = 0;
let inFlight = 0;
while (performance.now() < until) {
  const began = performance.now();
  const up = fleet.nodes.filter(({ running }) => running !== null);
  const node = up[Math.floor(random() * up.length)]!;
  const [member] = await fleet.query<{ id: string }>('SELECT id FROM node WHERE name = $1 AND holder = id', [
    node.name,
  ]);
  await delay(random() * 500);
  await fleet.kill(node);
  kills += 1;
  const killed = performance.now();
  const rows = await fleet.query<{ address: string }>(
    'SELECT address FROM recipient WHERE next_attempt_at IS NOT NULL AND owner IN (SELECT id FROM node WHERE holder = $1)',
    [member!.id],
  );
  // What the far end had read already is taken within its slowest answer.
  await delay(300);
  for (const { address } of rows) if (fleet.sink.taken.has(address)) inFlight += 1;
  for (;;) {
    const [held] = await fleet.query<{ holder: string }>('SELECT holder FROM node WHERE id = $1', [
      member!.id,
    ]);
    if (held === undefined || held.holder !== member!.id) break;
    if (performance.now() - killed > 15_000) throw new Error(`nobody took ${node.name} over`);
    await delay(20);
  }
  takeovers.push(performance.now() - killed);
  await delay(Math.max(0, 8000 - (performance.now() - killed)));
  await fleet.start(node);
  if (kills % 10 === 0)
    process.stderr.write(`kill ${kills}: acked ${fleet.acked.size}, in flight so far ${inFlight}\n`);
  await delay(Math.max(0, every - (performance.now() - began)));
}
await fleet.rest();
const { lost, duplicates } = await settleFleet(fleet, 120);
for (const address of lost.slice(0, 20)) process.stderr.write(`lost: ${address}\n`);
takeovers.sort((a, b) => a - b);
process.stdout.write(
  `kills ${kills} acked ${fleet.acked.size} delivered ${fleet.acked.size - lost.length} lost ${lost.length} ` +
    `duplicates ${duplicates} in-flight-at-kills ${inFlight} takeover-ms median ${Math.round(takeovers[takeovers.length >> 1]!)} worst ${Math.round(takeovers.at(-1)!)}\n`,
);
process.exitCode = lost.length === 0 && duplicates <= inFlight ? 0 : 1;
