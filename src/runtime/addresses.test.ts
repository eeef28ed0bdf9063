import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetworkList, isPrivateAddress } from './addresses.ts';

const closed = [
  '127.0.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '192.0.2.1',
  '198.18.0.1',
  '::1',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::7f00:1',
  '::a9fe:a9fe',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '4000::1',
  '2001:db8::1',
  'nonsense',
  '',
];
for (const address of closed)
  test(`not the Internet: ${address}`, () => assert.ok(isPrivateAddress(address)));
for (const address of [
  '8.8.8.8',
  '203.0.112.1',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '2002:808:808::1',
]) {
  test(`the Internet: ${address}`, () => assert.ok(!isPrivateAddress(address)));
}

test('a list of networks holds its addresses and networks, mapped forms of them, and nothing else', () => {
  const holds = createNetworkList(['192.0.2.7', '10.2.0.9/16', '2001:db8::/32', '::1']);
  for (const inside of ['192.0.2.7', '::ffff:192.0.2.7', '10.2.255.1', '2001:db8:1::1', '::1'])
    assert.equal(holds(inside), true, inside);
  for (const outside of ['192.0.2.8', '10.3.0.1', '2001:db9::1', '::2', 'fe80::1%eth0', '', 'localhost'])
    assert.equal(holds(outside), false, outside);
  assert.equal(createNetworkList([])('127.0.0.1'), false);
});
