/** Routing, lanes and sites without any socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { findRoute, matchesGlob, type Route, type RouteDeps } from './route.ts';
import { siteOf } from './site.ts';

const zone: Zone = {
  'two.example': {
    mx: [
      [20, 'b.example'],
      [10, 'a.example'],
    ],
  },
  'a.example': { a: ['8.8.4.1'], aaaa: ['2606:4700::1'] },
  'b.example': { a: ['8.8.4.2'] },
  'implicit.example': { a: ['8.8.4.3'] },
  'private.example': { mx: ['inside.example'] },
  'inside.example': { a: ['169.254.169.254'] },
  'ours.example': { mx: ['me.example'] },
  'backup.example': {
    mx: [
      [5, 'a.example'],
      [10, 'me.example'],
      [20, 'b.example'],
    ],
  },
  'me.example': { a: ['8.8.4.9'] },
  'alias.example': { mx: ['other-name.example'] },
  'other-name.example': { a: ['8.8.4.9'] },
  'half.example': { mx: ['sick.example'] },
  'sick.example': { fail: true },
  'empty.example': { mx: ['gone.example'] },
};
function route(domain: string, more: Partial<RouteDeps> = {}) {
  const random = { fraction: () => 0.5 } as RouteDeps['random'];
  return findRoute(domain, {
    resolver: createZoneResolver(zone),
    random,
    routes: [],
    hostname: 'me.example',
    ownAddresses: ['8.8.4.9'],
    allowPrivate: false,
    ...more,
  });
}
async function status(domain: string, more: Partial<RouteDeps> = {}) {
  const plan = await route(domain, more);
  return plan.kind === 'settled' && plan.outcome.kind !== 'delivered' ? plan.outcome.status : plan.kind;
}
async function addresses(domain: string, more: Partial<RouteDeps> = {}) {
  const plan = await route(domain, more);
  return plan.kind === 'target' ? plan.target.candidates.map((c) => c.address) : [];
}

test('MX by preference, then the implicit address', async () => {
  assert.deepEqual(await addresses('two.example'), ['8.8.4.1', '2606:4700::1', '8.8.4.2']);
  assert.deepEqual(await addresses('implicit.example'), ['8.8.4.3']);
});
test('what bounces and what waits', async () => {
  assert.equal(await status('private.example'), '5.4.4');
  assert.equal(await status('private.example', { allowPrivate: true }), 'target');
  assert.equal(await status('half.example'), '4.4.3');
  assert.equal(await status('empty.example'), '5.4.4');
  assert.equal(await status('unknown.example'), '5.1.2');
});
test('ourselves: a loop by name or address, but better servers are used', async () => {
  assert.equal(await status('ours.example'), '5.4.6');
  assert.equal(await status('alias.example'), '5.4.6');
  assert.deepEqual(await addresses('backup.example'), ['8.8.4.1', '2606:4700::1']);
});
test("the operator's routes: first match, never blocked, password only to a verified name", async () => {
  const routes: Route[] = [
    { pattern: '*.example.org', target: { scheme: 'smtp', host: '127.0.0.1', port: 2526 } },
    {
      pattern: '*',
      target: { scheme: 'smtp+starttls', host: 'a.example', port: 587, user: 'u', password: 'p' },
    },
  ];
  assert.deepEqual(await addresses('x.example.org', { routes }), ['127.0.0.1']);
  const plan = await route('anything.example', { routes });
  assert.ok(
    plan.kind === 'target' &&
      plan.target.candidates[0]!.verify &&
      plan.target.candidates[0]!.tls === 'starttls',
  );
});
test('globs', () => {
  for (const [pattern, text, expected] of [
    ['*', 'a.b', true],
    ['a.b', 'A.b', true],
    ['*.b', 'b', false],
    ['a*c', 'abc', true],
    ['ab*bc', 'abc', false],
    ['*x*y*', 'axbyc', true],
  ] as const)
    assert.equal(matchesGlob(pattern, text), expected, `${pattern} ${text}`);
});
test('sites fold the names of large providers', () => {
  assert.equal(siteOf(['x-com.mail.protection.outlook.com']), siteOf(['y-net.mail.protection.outlook.com']));
  assert.notEqual(siteOf(['mx.a.example']), siteOf(['mx.b.example']));
});
test('a customer’s own machine at a provider is not one of the provider’s servers', () => {
  const amazon = siteOf(['inbound-smtp.us-east-1.amazonaws.com']);
  assert.equal(amazon, siteOf(['inbound-smtp.eu-west-1.amazonaws.com']));
  assert.notEqual(amazon, siteOf(['ec2-192-0-2-1.compute-1.amazonaws.com']));
  const godaddy = siteOf(['smtp.secureserver.net', 'mailstore1.secureserver.net']);
  assert.equal(godaddy, siteOf(['mailstore1.asia.secureserver.net']));
  assert.notEqual(godaddy, siteOf(['1.2.0.192.host.secureserver.net']));
});
