import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixesOf } from './prefixes.ts';

const texts = (address: string) => prefixesOf(address).map(({ text }) => text);

for (const [name, address, expected] of [
  ['IPv4', '192.0.2.77', ['192.0.2.77', '192.0.2.64/26', '192.0.0.0/21']],
  ['IPv4 in the last /26', '198.51.103.255', ['198.51.103.255', '198.51.103.192/26', '198.51.96.0/21']],
  ['IPv4 mapped into IPv6', '::ffff:192.0.2.77', ['192.0.2.77', '192.0.2.64/26', '192.0.0.0/21']],
  ['mapped, in hexadecimal', '::FFFF:c000:24d', ['192.0.2.77', '192.0.2.64/26', '192.0.0.0/21']],
  ['IPv6', '2001:db8:1:2:3:4:5:6', ['2001:db8:1:2::/64', '2001:db8:1::/48']],
  ['IPv6 written at length', '2001:0DB8:0001:0002::6', ['2001:db8:1:2::/64', '2001:db8:1::/48']],
  ['IPv6 with a zone', 'fe80::1%eth0', ['fe80::/64', 'fe80::/48']],
  ['no address', 'nobody', ['nobody']],
] as const) {
  test(`${name}: ${address}`, () => assert.deepEqual(texts(address), [...expected]));
}

test('what is no address stays short', () => assert.equal(texts('x'.repeat(1_000))[0]!.length, 64));
