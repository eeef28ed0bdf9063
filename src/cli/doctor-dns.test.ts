/** What doctor says about the records that the operator publishes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../config/config.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { checkDns } from './doctor-dns.ts';

const CONFIG = loadConfig({ HIKYAKU_HOSTNAME: 'mail.host.test', HIKYAKU_MX_HOSTS: 'mail.host.test' });
const GOOD: Zone = {
  'gmail.com': { mx: ['mx.test'] },
  'mail.host.test': { a: ['198.51.100.25'], txt: ['v=spf1 a -all'] },
  '_spf.mail.host.test': { txt: ['v=spf1 ip4:198.51.100.25 ip4:0.0.0.0/0 ip6:::/0 -all'] },
  '198.51.100.25': { ptr: ['mail.host.test'] },
};
const said = async (zone: Zone) =>
  (await checkDns(CONFIG, createZoneResolver(zone), 0)).map(({ check, status }) => `${status} ${check}`);

test('_spf that was taken away is a failure; PTR and the SPF of the host are advice', async () => {
  assert.deepEqual(await said(GOOD), [
    'ok DNS',
    'ok host name',
    'ok PTR',
    'ok SPF include',
    'ok SPF of the host',
  ]);
  const { '_spf.mail.host.test': _, ...gone } = GOOD;
  const findings = await checkDns(CONFIG, createZoneResolver(gone), 0);
  const spf = findings.find(({ check }) => check === 'SPF include');
  assert.equal(spf?.status, 'failed');
  assert.match(spf!.detail, /_spf\.mail\.host\.test .*Publish v=spf1 ip4:/);
  const bare = { ...GOOD, '198.51.100.25': {}, 'mail.host.test': { a: ['198.51.100.25'] } };
  assert.deepEqual((await said(bare)).slice(2), ['warning PTR', 'ok SPF include', 'warning SPF of the host']);
  assert.deepEqual(await said({ 'gmail.com': { mx: ['mx.test'] } }), ['ok DNS', 'warning host name']);
});

test('a host name that cannot be in public DNS is named as the reason why nothing is checked', async () => {
  const config = loadConfig({ HIKYAKU_HOSTNAME: 'localhost' });
  const [, host, ...more] = await checkDns(
    config,
    createZoneResolver({ 'gmail.com': { mx: ['mx.test'] } }),
    0,
  );
  assert.deepEqual([host?.status, host?.check, more], ['warning', 'host name', []]);
  assert.match(host!.detail, /^localhost cannot be in public DNS, so .* Set HIKYAKU_HOSTNAME/);
});
