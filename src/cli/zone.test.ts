import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { isLocalAddress, operatorRecords, reverseName } from '../domains/operator-records.ts';
import { missingWords, run } from './zone.ts';

const NAMES = {
  hostname: 'mail.example.com',
  submissionHost: 'mail.example.com',
  mxHosts: ['mx1.example.com', 'mx2.example.com'],
  spfInclude: '_spf.example.com',
  dkimZone: 'dkim.mail.example.com',
};

test('reverse names of IPv4 and IPv6', () => {
  assert.equal(reverseName('192.0.2.25'), '25.2.0.192.in-addr.arpa');
  assert.equal(
    reverseName('2001:db8::25'),
    '5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  );
});

test('every host gets its addresses, every address its PTR, and the include lists them all', () => {
  const records = operatorRecords(NAMES, ['192.0.2.25', '2001:db8::25']);
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

test('addresses of this machine or its own network alone are not published, and the missing records are named', () => {
  const local = ['127.0.0.1', '10.0.0.3', '172.17.0.2', '192.168.1.4', '169.254.1.1', '100.64.0.1', '::1'];
  for (const address of [...local, 'fd12::1', 'fe80::1', '::ffff:10.0.0.3', '0.0.0.0', '::'])
    assert.ok(isLocalAddress(address), address);
  for (const address of ['198.51.100.7', '8.8.8.8', '2606:4700::1'])
    assert.ok(!isLocalAddress(address), address);
  const none = missingWords(NAMES, ['10.0.0.3', 'fd12::1']).join(' ');
  assert.match(
    none,
    /no public address, only 10\.0\.0\.3, fd12::1.*_spf\.example\.com are missing.*--address/,
  );
  const half = missingWords(NAMES, ['198.51.100.7', 'fd12::1']);
  assert.equal(half.length, 1);
  assert.match(half[0]!, /AAAA records are missing: of IPv6, this machine has only fd12::1/);
  assert.deepEqual(missingWords(NAMES, ['198.51.100.7', '10.0.0.3']), []);
  // `v=spf1 -all` would refuse the mail of every customer.
  const bare = operatorRecords(NAMES, []);
  assert.deepEqual([...new Set(bare.map(({ type }) => type))], ['NS']);
});

test('a host name that cannot be in public DNS is named above the records', async () => {
  let text = '';
  const write = mock.method(process.stdout, 'write', (piece: string) => {
    text += piece;
    return true;
  });
  const { signal } = new AbortController();
  try {
    for (const name of ['localhost', 'mail.example.com'])
      await run(['--address', '192.0.2.25'], { env: { HIKYAKU_HOSTNAME: name }, signal });
  } finally {
    write.mock.restore();
  }
  assert.match(text, /^; localhost cannot be in public DNS, .*\nlocalhost\. 3600 IN A 192\.0\.2\.25\n/);
  assert.doesNotMatch(text, /; mail\.example\.com cannot/);
});
