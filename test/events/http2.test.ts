/** A hook that offers HTTP/2 gets it, with the same signed octets; a certificate that is not valid gets nothing. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { DELIVERY_HEADERS } from '../../src/contract/hooks.ts';
import type { Pair } from '../../src/testing/far-end.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { bootstrap, eventually, startService, temporaryDirectory } from '../journeys/harness.ts';
import { authorization, type Json } from '../journeys/journey.ts';
import type { Call } from './hook.ts';

interface SecureHook extends AsyncDisposable {
  readonly url: string;
  readonly calls: (Call & { readonly version: string })[];
}
async function openSecureHook(pair: Pair): Promise<SecureHook> {
  const calls: SecureHook['calls'] = [];
  const server: Http2SecureServer = createSecureServer(
    { ...pair, allowHTTP1: true },
    async (request, response) => {
      calls.push({ version: request.httpVersion, headers: request.headers, body: await buffer(request) });
      response.writeHead(204).end();
    },
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls,
    async [Symbol.asyncDispose]() {
      await new Promise((done) => server.close(done));
    },
  };
}

test('HTTP/2 where the hook offers it; no request where its certificate is not valid', async () => {
  const trusted = await selfSigned('127.0.0.1', { type: 'ip' });
  await using hook = await openSecureHook(trusted);
  await using stranger = await openSecureHook(await selfSigned('127.0.0.1', { type: 'ip' }));
  const directory = temporaryDirectory();
  const authorities = join(directory, 'authorities.pem');
  writeFileSync(authorities, trusted.cert);
  await using service = await startService(
    { HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true', NODE_EXTRA_CA_CERTS: authorities },
    directory,
  );
  const who = await bootstrap(service.env, 'sender.test', '--role', 'admin');
  const call = async (method: string, path: string, body?: object): Promise<Json> => {
    const response = await fetch(`http://${service.ready.http}${path}`, {
      method,
      headers: { authorization: authorization(who), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return response.json();
  };
  const subscribers = `/edj/v1/topics/${who.topic_id}/subscribers`;
  const { secret } = await call('POST', subscribers, { type: 'http', url: hook.url });
  const { id } = await call('POST', subscribers, { type: 'http', url: stranger.url });
  await call('POST', '/edj/v1/tasks?is_sync=true', {
    procedure: 'publish',
    arguments: { self: `http://x/edj/v1/topics/${who.topic_id}`, message: '飛脚' },
  });
  const [got] = await eventually('the event', async () => hook.calls.length > 0 && hook.calls);
  assert.equal(got?.version, '2.0');
  const names = Object.keys(got.headers).filter((name) => !name.startsWith(':'));
  const documented = Object.keys(DELIVERY_HEADERS).filter((name) => name !== 'host' && name !== 'connection');
  assert.deepEqual(names.sort(), documented.sort());
  const { isSigned } = await import(new URL('../../docs/verifiers/hook.mjs', import.meta.url).href);
  assert.equal(isSigned(got.headers, got.body, secret), true);
  const failed = await eventually('the failure', async () => {
    const { items } = await call('GET', `/edj/v1/subscribers/${id}/deliveries`);
    return items[0]?.last_result;
  });
  assert.equal(failed.error, 'tls');
  assert.equal(stranger.calls.length, 0);
});
