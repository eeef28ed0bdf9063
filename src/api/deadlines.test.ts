/** Slow callers: a header or a body that does not end is cut with 408, and others are served meanwhile. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { turnsFor } from '../testing/turns.ts';
import type { ApiDeps } from './deps.ts';
import { createApi } from './server.ts';

const basic = `Authorization: Basic ${Buffer.from('id:secret').toString('base64')}`;
const slow: Record<string, string> = {
  'half a request line': 'POST /iam/v1/dom',
  'a header without end': 'POST /iam/v1/domains HTTP/1.1\r\nHost: x\r\nX-Slow: a',
  'a body that stops': `POST /iam/v1/domains HTTP/1.1\r\nHost: x\r\n${basic}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"name":`,
  'a chunk that stops': `POST /iam/v1/domains HTTP/1.1\r\nHost: x\r\n${basic}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"name":`,
};
for (const [name, octets] of Object.entries(slow))
  test(`${name}: 408, and the connection ends`, async () => {
    // Any key is good here: what is looked at is what comes after it.
    const principal = { operations: new Set(['iam.domains.create']) };
    const deps = {
      publicUrl: () => 'http://x',
      clock: systemClock,
      ...turnsFor(systemClock),
      logger: silentLogger,
      dns: {},
      authenticator: { authenticate: async () => ({ kind: 'ok', principal }) },
    } as unknown as ApiDeps;
    await using api = await createApi(deps, {
      host: '127.0.0.1',
      port: 0,
      secureContext: null,
      trustedProxies: [],
      hasMetrics: false,
      deadlines: { headerMs: 200, requestMs: 300, everyMs: 50 },
    });
    await api.start(new AbortController().signal);
    const socket = connect(api.port, '127.0.0.1');
    const answer = text(socket);
    socket.write(octets);
    assert.equal((await fetch(`http://127.0.0.1:${api.port}/healthz`)).status, 200);
    assert.match(await answer, /^HTTP\/1\.1 408 /);
  });
