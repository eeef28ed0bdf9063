import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPrivateAddress } from './addresses.ts';

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
