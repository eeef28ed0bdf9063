/** Where /metrics is answered: at an address of its own that no flood of the API takes, or on a private HTTP port. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { turnsFor } from '../testing/turns.ts';
import { openWire } from '../testing/wire-client.ts';
import type { ApiDeps } from './deps.ts';
import { createMetricsListener } from './metrics-listener.ts';
import { createApi } from './server.ts';

const signal = new AbortController().signal;
const HOST = '127.0.0.1';
const metrics = createMetrics();
const listening = async (render = metrics.render) => {
  const listener = createMetricsListener({
    ...{ host: HOST, port: 0, clock: systemClock, logger: silentLogger },
    metrics: { render },
  });
  await listener.start(signal);
  return listener;
};
async function apiWith(hasMetrics: boolean, places = 100) {
  const deps = {
    publicUrl: () => 'http://x',
    clock: systemClock,
    ...turnsFor(systemClock),
    logger: silentLogger,
    notices: { tell() {} },
    metrics,
    dns: {},
  } as unknown as ApiDeps;
  const api = await createApi(deps, {
    ...{ host: HOST, port: 0, secureContext: null, trustedProxies: [], hasMetrics },
    door: { places },
  });
  await api.start(signal);
  return api;
}
const at = (port: number, path = '/metrics') => `http://${HOST}:${port}${path}`;

test('the listener answers GET and HEAD of /metrics, and all else with a problem', async () => {
  await using listener = await listening();
  const answer = await fetch(at(listener.port));
  assert.deepEqual(
    ['content-type', 'cache-control', 'x-content-type-options'].map((name) => answer.headers.get(name)),
    ['text/plain; version=0.0.4; charset=utf-8', 'no-store', 'nosniff'],
  );
  assert.match(await answer.text(), /^hikyaku_queue_recipients|^# TYPE hikyaku_queue_recipients gauge/m);
  assert.equal((await fetch(at(listener.port, '/metrics?x'), { method: 'HEAD' })).status, 200);
  for (const [path, method, status, allow] of [
    ['/', 'GET', 404, null],
    ['/mta/v1/queues', 'GET', 404, null],
    ['/metrics', 'POST', 405, 'GET, HEAD'],
  ] as const) {
    const refused = await fetch(at(listener.port, path), { method });
    const problem = (await refused.json()) as { status: number };
    assert.deepEqual([refused.status, problem.status, refused.headers.get('allow')], [status, status, allow]);
  }
  const client = openWire(listener.port);
  assert.match(
    await client.ask('nonsense\r\n\r\n', /\}$/),
    /^HTTP\/1\.1 400 [^{]*\{"type":"\/problems\/bad-request"/,
  );
  await client.closed;
});

test('metrics that cannot be read are a problem without the reason', async () => {
  await using listener = await listening(async () => {
    throw new Error('secret path');
  });
  const answer = await fetch(at(listener.port));
  const text = await answer.text();
  assert.deepEqual([answer.status, JSON.parse(text).type], [500, '/problems/internal']);
  assert.doesNotMatch(text, /secret/);
});

test('while all places of the HTTP port are taken, the listener still answers', async () => {
  await using listener = await listening();
  await using api = await apiWith(false, 2);
  // Each sends half a request, so that nobody makes room for the next.
  const held = ['127.0.0.2', '127.0.0.3'].map((from) =>
    openWire(api.port, { from, first: 'POST / HTTP/1.1\r\nHost: x\r\n' }),
  );
  const late = openWire(api.port, { first: 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' });
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await late.until(/\r\n\r\n/)) ?? [];
  assert.match(status!, /^(503|200)$/);
  assert.equal((await fetch(at(listener.port))).status, 200);
  for (const one of [...held, late]) one.socket.destroy();
});

test('the HTTP port answers /metrics only where it is private; else a problem says where they are', async () => {
  await using closed = await apiWith(true);
  assert.match(await (await fetch(at(closed.port))).text(), /^# TYPE hikyaku_queue_recipients gauge/m);
  await using open = await apiWith(false);
  const answer = await fetch(at(open.port));
  const problem = (await answer.json()) as { type: string; detail: string };
  assert.deepEqual([answer.status, problem.type], [404, '/problems/not-found']);
  assert.match(problem.detail, /only at HIKYAKU_METRICS_LISTEN/);
});
