import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reverseName, zoneRecords } from './zone.ts';

test('reverse names of IPv4 and IPv6', () => {
  assert.equal(reverseName('192.0.2.25'), '25.2.0.192.in-addr.arpa');
  assert.equal(
    reverseName('2001:db8::25'),
    '5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  );
});

test('every host gets its addresses, every address its PTR, and the include lists them all', () => {
  const records = zoneRecords(
    {
      hostname: 'mail.example.com',
      submissionHost: 'mail.example.com',
      mxHosts: ['mx1.example.com', 'mx2.example.com'],
      spfInclude: '_spf.example.com',
      dkimZone: 'dkim.mail.example.com',
    },
    ['192.0.2.25', '2001:db8::25'],
  );
  assert.equal(records.filter(({ type }) => type === 'A').length, 3);
  assert.equal(records.filter(({ type }) => type === 'PTR').length, 2);
  assert.deepEqual(
    records.filter(({ type }) => type === 'NS').map(({ name, value }) => `${name} ${value}`),
    ['dkim.mail.example.com mx1.example.com.', 'dkim.mail.example.com mx2.example.com.'],
  );
  assert.ok(
    records.some(
      (r) => r.name === '_spf.example.com' && r.value === 'v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all',
    ),
  );
});
