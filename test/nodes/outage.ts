/**
 * `npm run outage -- --restarts 50`: two nodes under load while their PostgreSQL is killed and started again so many
 * times, then stopped for 60 s, then slowed by 200 ms each way. What was accepted is never lost, refusals come within
 * 5 s, and mail is taken again within 10 s of the database's return, by the same processes.
 * Ends with one JSON line.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from '../../src/testing/postgres.ts';
import { generator, settleFleet, startFleet } from './fleet.ts';
import { startSlowLink } from './slow-link.ts';

const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '50' },
    stopped: { type: 'string', default: '60' },
    rate: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
const random = generator(Number(values.seed));
await using postgres = await startPostgres();
const url = await postgres.database();
await using link = await startSlowLink(postgres.port);
const through = new URL(url);
through.port = String(link.port);
await using fleet = await startFleet({
  url,
  through: through.href,
  nodes: 2,
  rate: Number(values.rate),
  random,
});
const pids = fleet.nodes.map(({ running }) => running!.child.pid);

/** ms until mail is accepted again; the ledger tells. */
async function acceptedAgain(): Promise<number> {
  const before = fleet.acked.size;
  const began = performance.now();
  while (fleet.acked.size === before) {
    if (performance.now() - began > 60_000)
      throw new Error('no mail is accepted 60 s after the database is back');
    await delay(20);
  }
  return performance.now() - began;
}
const recovered: number[] = [];
for (let restart = 1; restart <= Number(values.restarts); restart++) {
  await delay(500 + random() * 1500);
  await postgres.stop(random() < 0.7 ? 'immediate' : 'fast');
  await delay(random() * 1000);
  await postgres.start();
  recovered.push(await acceptedAgain());
  if (restart % 10 === 0) process.stderr.write(`restart ${restart}: acked ${fleet.acked.size}\n`);
}
await delay(2000);
const refusedBefore = fleet.refusals.length;
await postgres.stop('immediate');
await delay(Number(values.stopped) * 1000);
await postgres.start();
const afterStop = await acceptedAgain();
const slowestRefusal = Math.max(0, ...fleet.refusals.slice(refusedBefore));
await delay(3000);
link.delay = 200;
const ackedBeforeSlow = fleet.acked.size;
await delay(20_000);
const ackedWhileSlow = fleet.acked.size - ackedBeforeSlow;
link.delay = 0;
await delay(3000);
await fleet.rest();
const { lost, duplicates } = await settleFleet(fleet, 180);
for (const address of lost.slice(0, 20)) process.stderr.write(`lost: ${address}\n`);
const ended = fleet.nodes.filter(
  ({ running }, i) => running!.child.pid !== pids[i] || running!.child.exitCode !== null,
);
for (const { name, running } of ended)
  process.stderr.write(
    `${name} ended with ${running!.child.exitCode}:\n${running!.log.slice(-20).join('\n')}\n`,
  );
const same = ended.length === 0;
recovered.sort((a, b) => a - b);
const result = {
  restarts: recovered.length,
  acked: fleet.acked.size,
  lost: lost.length,
  duplicates,
  recovered_ms_median: Math.round(recovered[recovered.length >> 1] ?? 0),
  recovered_ms_worst: Math.round(recovered.at(-1) ?? 0),
  after_stop_ms: Math.round(afterStop),
  slowest_refusal_while_stopped_ms: Math.round(slowestRefusal),
  slowest_refusal_ms: Math.round(Math.max(0, ...fleet.refusals)),
  accepted_in_20_s_while_slow: ackedWhileSlow,
  same_processes: same,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = lost.length === 0 && same && afterStop <= 10_000 && slowestRefusal <= 5500 ? 0 : 1;
