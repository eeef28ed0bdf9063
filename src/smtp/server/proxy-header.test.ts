/**
 * PROXY headers as a table: each is judged whole, with octets of SMTP behind it, and at every cut. A good header is
 * `partial` until its last octet; a bad one turns invalid at the octet named here and stays so.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_HEADER, type ProxyHeader, parseProxyHeader } from './proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const v2 = (rest: string) => hex(`${SIGNATURE} ${rest}`);
const v1 = (text: string) => Buffer.from(text, 'latin1');
const proxied = (address: string, port: number) => ({ kind: 'proxied', source: { address, port } }) as const;
const IPV4 = 'c6336407 cb007119 dbff 0019';
const IPV6 = '20010db8000000000000000000000001 20010db8000000000000000000000002 0400 0019';
const BEHIND = Buffer.from('EHLO client.test\r\n');

type Told = ProxyHeader extends infer One
  ? One extends { length: number }
    ? Omit<One, 'length'>
    : never
  : never;
const good: Record<string, [header: Buffer, told: Told]> = {
  'v1 TCP4': [v1('PROXY TCP4 198.51.100.7 203.0.113.25 56319 25\r\n'), proxied('198.51.100.7', 56_319)],
  'v1 TCP4 at its longest': [
    v1('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'),
    proxied('255.255.255.255', 65_535),
  ],
  'v1 TCP6': [v1('PROXY TCP6 2001:DB8:0:0::1 2001:db8::2 1024 25\r\n'), proxied('2001:db8::1', 1024)],
  'v1 TCP6 at its longest': [
    v1(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`),
    proxied(`${'ffff:'.repeat(7)}ffff`, 65_535),
  ],
  'v1 IPv4 mapped into IPv6': [
    v1('PROXY TCP6 ::ffff:127.0.0.1 ::ffff:c000:0201 0 25\r\n'),
    proxied('127.0.0.1', 0),
  ],
  'v1 UNKNOWN, short': [v1('PROXY UNKNOWN\r\n'), { kind: 'unknown' }],
  'v1 UNKNOWN at its longest': [v1(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), { kind: 'unknown' }],
  'v2 TCP over IPv4': [v2(`21 11 000c ${IPV4}`), proxied('198.51.100.7', 56_319)],
  'v2 TCP over IPv6': [v2(`21 21 0024 ${IPV6}`), proxied('2001:db8::1', 1024)],
  'v2 IPv4 mapped into IPv6': [
    v2(`21 21 0024 00000000000000000000ffff7f000001 ${'00'.repeat(16)} 0400 0019`),
    proxied('127.0.0.1', 1024),
  ],
  'v2 with TLVs (NOOP, authority, CRC)': [
    v2(`21 11 001e ${IPV4} 04 0001 ff 02 0004 6d782e61 03 0004 00000000`),
    proxied('198.51.100.7', 56_319),
  ],
  'v2 with a TLV that runs over its end': [v2(`21 11 000f ${IPV4} 04 ffff`), proxied('198.51.100.7', 56_319)],
  'v2 LOCAL': [v2('20 00 0000'), { kind: 'local' }],
  'v2 LOCAL with addresses': [v2(`20 11 000c ${IPV4}`), { kind: 'local' }],
  'v2 LOCAL of an unassigned family, with TLVs': [v2('20 f7 0004 04 0001 00'), { kind: 'local' }],
  'v2 AF_UNSPEC': [v2('21 00 0000'), { kind: 'unknown' }],
  'v2 AF_UNSPEC with octets to skip': [v2('21 00 0003 010203'), { kind: 'unknown' }],
  'v2 IPv4 of an unspecified transport': [v2(`21 10 000c ${IPV4}`), { kind: 'unknown' }],
  'v2 UDP over IPv4': [v2(`21 12 000c ${IPV4}`), { kind: 'unknown' }],
  'v2 UDP over IPv6': [v2(`21 22 0024 ${IPV6}`), { kind: 'unknown' }],
  'v2 AF_UNIX': [v2(`21 31 00d8 ${'61'.repeat(216)}`), { kind: 'unknown' }],
  'v2 at the bound': [
    v2(`21 11 ${(MAX_HEADER - 16).toString(16).padStart(4, '0')} ${IPV4} ${'00'.repeat(MAX_HEADER - 28)}`),
    proxied('198.51.100.7', 56_319),
  ],
};
for (const [name, [header, told]] of Object.entries(good)) {
  test(`${name}: whole, with SMTP behind it, and cut at every octet`, () => {
    const expected = { ...told, length: header.length };
    assert.deepEqual(parseProxyHeader(header), expected);
    assert.deepEqual(parseProxyHeader(Buffer.concat([header, BEHIND])), expected);
    for (let cut = 0; cut < header.length; cut++)
      assert.deepEqual(parseProxyHeader(header.subarray(0, cut)), { kind: 'partial' }, `cut at ${cut}`);
  });
}

/** Each with the number of octets after which it cannot be a header any more. */
const bad: Record<string, [octets: Buffer, invalidAfter: number]> = {
  SMTP: [v1('EHLO client.test\r\n'), 1],
  'a TLS ClientHello': [hex('16 03 01 02 00 01'), 1],
  'PROXY in lower case': [v1('proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n'), 1],
  'PROXY without its blank': [v1('PROXYTCP4 192.0.2.1 192.0.2.2 1 25\r\n'), 6],
  'two blanks': [v1('PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n'), 38],
  'a tab': [v1('PROXY TCP4\t192.0.2.1 192.0.2.2 1 25\r\n'), 37],
  UDP4: [v1('PROXY UDP4 192.0.2.1 192.0.2.2 1 25\r\n'), 37],
  UNKNOWNS: [v1('PROXY UNKNOWNS\r\n'), 16],
  'nothing behind PROXY': [v1('PROXY \r\n'), 8],
  'a missing port': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'), 34],
  'one word more': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 25 x\r\n'), 39],
  'a blank at the end': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 25 \r\n'), 38],
  'an IPv6 address in TCP4': [v1('PROXY TCP4 2001:db8::1 192.0.2.2 1 25\r\n'), 39],
  'an IPv4 address in TCP6': [v1('PROXY TCP6 192.0.2.1 2001:db8::2 1 25\r\n'), 39],
  'a zone': [v1('PROXY TCP6 fe80::1%eth0 2001:db8::2 1 25\r\n'), 42],
  'a leading zero in an address': [v1('PROXY TCP4 192.0.2.01 192.0.2.2 1 25\r\n'), 38],
  'an octet over 255': [v1('PROXY TCP4 192.0.2.256 192.0.2.2 1 25\r\n'), 39],
  'three octets': [v1('PROXY TCP4 192.0.2 192.0.2.2 1 25\r\n'), 35],
  'a name for an address': [v1('PROXY TCP4 localhost 192.0.2.2 1 25\r\n'), 37],
  'a wrong destination': [v1('PROXY TCP4 192.0.2.1 x 1 25\r\n'), 29],
  'a port over 65535': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n'), 41],
  'a leading zero in a port': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 01 25\r\n'), 38],
  'a sign in a port': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 +1 25\r\n'), 38],
  'a bare LF': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 25\nEHLO a\r\n'), 36],
  'a bare CR': [v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 25\rEHLO a\r\n'), 37],
  'a bare LF in UNKNOWN': [v1('PROXY UNKNOWN x\n\r\n'), 16],
  'a line of 108 octets': [v1(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`), 107],
  'a line without an end': [v1(`PROXY ${'x'.repeat(500)}`), 107],
  'a signature with one wrong octet': [hex('0d0a0d0a000d0a515549550a 21 11'), 11],
  'a signature without its NUL': [hex('0d0a0d0a0d0a515549540a 21 11'), 5],
  'version 1 in binary': [v2(`11 11 000c ${IPV4}`), 13],
  'version 3': [v2(`31 11 000c ${IPV4}`), 13],
  'an unassigned command': [v2(`22 11 000c ${IPV4}`), 13],
  'an unassigned family': [v2(`21 41 000c ${IPV4}`), 14],
  'an unassigned transport': [v2(`21 13 000c ${IPV4}`), 14],
  'a length too short for IPv4': [v2(`21 11 000b ${IPV4}`), 16],
  'a length too short for IPv6': [v2(`21 21 0023 ${IPV6}`), 16],
  'a length too short for AF_UNIX': [v2(`21 31 00d7 ${'61'.repeat(216)}`), 16],
  'a length over the bound': [v2(`21 11 ${(MAX_HEADER - 15).toString(16).padStart(4, '0')} ${IPV4}`), 16],
  'LOCAL over the bound': [v2('20 00 ffff'), 16],
};
for (const [name, [octets, invalidAfter]] of Object.entries(bad)) {
  test(`${name}: invalid after ${invalidAfter} octets, not before`, () => {
    for (let cut = 0; cut <= octets.length; cut++)
      assert.equal(
        parseProxyHeader(octets.subarray(0, cut)).kind,
        cut < invalidAfter ? 'partial' : 'invalid',
        `cut at ${cut}`,
      );
  });
}

test('any octets: an answer once given is never taken back, and no more than the bound ever waits', () => {
  const beginning = fc.constantFrom(...Object.values(good).map(([header]) => header));
  fc.assert(
    fc.property(
      beginning,
      fc.nat(),
      fc.uint8Array({ maxLength: 64 }),
      fc.nat({ max: 64 }),
      (header, keep, noise, step) => {
        const octets = Buffer.concat([header.subarray(0, keep % (header.length + 1)), noise]);
        const whole = parseProxyHeader(octets);
        if (octets.length >= MAX_HEADER) assert.notEqual(whole.kind, 'partial');
        for (let cut = 0; cut <= octets.length; cut += 1 + step) {
          const part = parseProxyHeader(octets.subarray(0, cut));
          if (part.kind !== 'partial') assert.equal(part.kind, whole.kind);
          if (part.kind !== 'partial' && part.kind !== 'invalid') assert.deepEqual(part, whole);
        }
      },
    ),
    { numRuns: 300 },
  );
});
