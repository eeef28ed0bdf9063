/**
 * How far more nodes on one PostgreSQL go: 20 sessions into each of 1, 2 and 3 nodes, with the database next door (all
 * on these cores) and 5 ms away, as over a network, where a node waits more than it works.
 */
import {
  bootstrap,
  environment,
  type Running,
  startService,
  temporaryDirectory,
} from '../../test/journeys/harness.ts';
import { startSlowLink } from '../../test/nodes/slow-link.ts';
import { startDatabase } from '../cases.ts';
import { runLoad, startCountingSink } from '../processes.ts';
import { median, type Result, relay, type ScenarioOptions } from './scenario.ts';

const DISTANCES = [0, 5];

export async function nodes({ runs, count }: ScenarioOptions): Promise<Result[]> {
  const results: Result[] = [];
  for (const distance of DISTANCES) {
    await using stack = new AsyncDisposableStack();
    const sink = stack.use(await startCountingSink());
    const database = await startDatabase(stack);
    const link = stack.use(await startSlowLink(database.port));
    link.delay = distance;
    const through = new URL(database.url);
    through.port = String(link.port);
    const settings = {
      ...database.settings,
      HIKYAKU_LIMIT_PER_MINUTE: '0',
      HIKYAKU_LIMIT_PER_DAY: '0',
      HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}`,
      HIKYAKU_SITE_CONNECTIONS: '60',
    };
    const who = await bootstrap(environment(temporaryDirectory(), settings), 'sender.test');
    const services: Running[] = [];
    for (const name of ['node1', 'node2', 'node3'])
      services.push(
        stack.use(
          await startService({
            ...settings,
            HIKYAKU_STORE: distance === 0 ? database.url : through.href,
            HIKYAKU_NODE: name,
            HIKYAKU_TRUSTED_NETWORKS: `127.0.0.0/8=${who.api_client_id}`,
          }),
        ),
      );
    const rate = async (used: typeof services, each: number) => {
      const before = sink.count;
      const began = performance.now();
      const arrived = sink.reached(before + each * used.length);
      await Promise.all(used.map((service) => runLoad(relay(service, 'someone@out.test', each), true)));
      await arrived;
      return ((each * used.length) / (performance.now() - began)) * 1000;
    };
    await rate(services, 500);
    const rates = new Map<number, number[]>();
    for (let run = 0; run < runs; run++)
      for (const used of [1, 2, 3])
        rates.set(used, [...(rates.get(used) ?? []), await rate(services.slice(0, used), count ?? 3000)]);
    const one = median(rates.get(1)!);
    for (const [used, measured] of rates)
      results.push({
        database_ms_away: distance,
        nodes: used,
        rate: Math.round(median(measured)),
        to_one: Number((median(measured) / one).toFixed(2)),
        runs,
      });
  }
  return results;
}
