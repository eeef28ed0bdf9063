/** Routes with TLS verify the certificate, over the scheduler: nothing is said to a server that is not the named one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Network, systemNetwork } from '../runtime/network.ts';
import { deliveryRig } from '../testing/delivery-rig.ts';
import type { Pair } from '../testing/far-end.ts';
import { type ScriptOptions, scriptedServer } from '../testing/scripted-server.ts';
import { selfSigned } from '../testing/self-signed.ts';
import { createZoneResolver } from '../testing/zone-resolver.ts';
import type { Route } from './route.ts';

const OUTSIDE = '192.0.2.7';
type Target = Route['target'];
/** One mail by a route to a server with that certificate; `ca`: whom the service trusts. */
async function send(tls: Pair, more: Partial<Target>, ca: readonly string[] = []) {
  const scheme = more.scheme ?? 'smtps';
  const script: ScriptOptions = { tls, implicit: scheme === 'smtps', extensions: ['STARTTLS', 'AUTH PLAIN'] };
  await using server = await scriptedServer(script);
  const network: Network = {
    ...systemNetwork,
    dial: (options) => systemNetwork.dial({ ...options, address: '127.0.0.1' }),
  };
  const target: Target = { scheme, host: 'smart.test', port: server.port, user: 'u', password: 'p', ...more };
  await using b = await deliveryRig(
    {},
    {
      routes: [{ pattern: '*', target }],
      resolver: createZoneResolver({ 'smart.test': { a: [OUTSIDE] }, 'here.test': { a: ['127.0.0.1'] } }),
      network,
      client: { extraCa: ca },
    },
  );
  const { message, rows } = b.accept('x@good.test');
  b.scheduler.enqueue(message, rows);
  await b.until(1);
  const { state, lastResult } = b.rows.get(rows[0]!.id)!;
  const { cause = '', tls: facts } = lastResult as { cause?: string; tls: { verified: boolean } | null };
  const said = server.heard.flat().filter((line) => /^(AUTH|MAIL)/.test(line)).length;
  return { state, cause, verified: facts?.verified, said };
}

test('smtps:// and smtp+starttls:// verify chain and name, with and without a password', async () => {
  const good = await selfSigned('smart.test');
  const other = await selfSigned('other.test');
  const old = await selfSigned('smart.test', { expired: true });
  for (const scheme of ['smtps', 'smtp+starttls'] as const)
    for (const login of [{}, { user: undefined, password: undefined }] as Partial<Target>[]) {
      const more = { scheme, ...login };
      const right = await send(good, more, [good.cert]);
      assert.deepEqual([right.state, right.verified], ['delivered', true]);
      for (const [pair, ca, code] of [
        [good, [], 'DEPTH_ZERO_SELF_SIGNED_CERT'],
        [other, [other.cert], 'ERR_TLS_CERT_ALTNAME_INVALID'],
        [old, [old.cert], 'CERT_HAS_EXPIRED'],
      ] as const) {
        const { state, cause, said } = await send(pair, more, ca);
        assert.deepEqual([state, said], ['deferred', 0], code);
        assert.match(
          cause,
          new RegExp(`^the certificate of smart\\.test is not accepted \\(${code}\\): .+verify=no`),
        );
      }
    }
});
test('an address as the host: the certificate must name it', async () => {
  const pair = await selfSigned('smart.test');
  const { state, cause } = await send(pair, { host: OUTSIDE }, [pair.cert]);
  assert.equal(state, 'deferred');
  assert.match(cause, /^the certificate of 192\.0\.2\.7 is not accepted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
});
test('verify=no, a host on loopback and smtp:// take any certificate', async () => {
  const pair = await selfSigned('other.test');
  for (const more of [
    { verify: false },
    { verify: false, scheme: 'smtp+starttls' },
    { host: '127.0.0.1' },
    { host: 'localhost', scheme: 'smtp+starttls' },
    { host: 'here.test' },
    { scheme: 'smtp', user: undefined },
  ] as const)
    assert.equal((await send(pair, more)).state, 'delivered', JSON.stringify(more));
});
