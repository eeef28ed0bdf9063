/**
 * DKIM by CNAME: BIND resolves a customer's names into the zone that the service serves; dkimpy verifies the
 * signatures.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { createResolver } from '../../src/runtime/dns-resolver.ts';
import { type Bind, namedProgram, startBind } from '../../src/testing/bind.ts';
import { startFakeGehirnDns } from '../../src/testing/fake-gehirn-dns.ts';
import { freePort } from '../../src/testing/free-port.ts';
import { eventually, execute, hikyaku } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';

const DOMAIN = 'sender.test';
const ZONE = 'dkim.service.test';
const SELECTORS = ['hk1r', 'hk2r', 'hk1e', 'hk2e'];
// Debian's Python, which has Debian's packages.
const PYTHON = '/usr/bin/python3';
const named = namedProgram();
const dkimpy = spawnSync(PYTHON, ['-c', 'import dkim, nacl.signing']).status === 0;
const skip =
  named === null ? 'bind9 is not installed' : dkimpy ? false : 'python3 dkim and nacl are not installed';
/**
 * Verifies the message on stdin with the records in $TXT, and prints selector and result of each signature.
 */
const VERIFY = `
import dkim, json, os, sys
txt = json.loads(os.environ["TXT"])
message = sys.stdin.buffer.read()
count = sum(line.lower().startswith(b"dkim-signature:") for line in message.split(b"\\r\\n\\r\\n")[0].split(b"\\r\\n"))
for i in range(count):
    check = dkim.DKIM(message)
    ok = check.verify(idx=i, dnsfunc=lambda name, timeout=5: txt.get(name.decode().rstrip("."), "").encode())
    print(check.signature_fields[b"s"].decode(), ok)
`;

interface Stage extends AsyncDisposable {
  readonly bind: Bind;
  readonly journey: Journey;
  readonly call: Journey['call'];
}
/** The customer has set the CNAME records once and never changes them. */
async function stage(): Promise<Stage> {
  const port = await freePort();
  const aliases = SELECTORS.map((name) => `${name}._domainkey 300 IN CNAME ${name}.${DOMAIN}.${ZONE}.`);
  const bind = await startBind(named!, { [DOMAIN]: aliases }, [], [], port);
  const journey = await startJourney({
    HIKYAKU_DKIM_ZONE: ZONE,
    HIKYAKU_DNS_LISTEN: `127.0.0.1:${port}`,
    HIKYAKU_DNS_SERVERS: `127.0.0.1:${bind.port}`,
    HIKYAKU_MX_HOSTS: 'mx1.service.test,mx2.service.test',
  });
  return {
    bind,
    journey,
    call: journey.call,
    async [Symbol.asyncDispose]() {
      await journey[Symbol.asyncDispose]();
      await bind[Symbol.asyncDispose]();
    },
  };
}
const keysPath = ({ journey }: Stage) => `/mta/v1/domains/${journey.who.domain_id}/dkim_keys`;
const dkimRecords = (dns: Json) => dns.records.filter(({ purpose }: Json) => purpose === 'dkim');

test('names set once lead here: the check is content, and mail verifies with what a resolver finds', {
  skip,
}, async () => {
  await using s = await stage();
  const { bind, journey, call } = s;
  const checked = await call('POST', `/mta/v1/domains/${journey.who.domain_id}/dns/check`);
  assert.equal(checked.json.dkim_zone, ZONE);
  assert.deepEqual(
    dkimRecords(checked.json)
      .map(({ type, name, value, state }: Json) => `${type} ${name} ${value} ${state}`)
      .sort(),
    SELECTORS.map((one) => `CNAME ${one}._domainkey.${DOMAIN} ${one}.${DOMAIN}.${ZONE} ok`).sort(),
  );
  assert.equal(checked.json.last_check.dkim.status, 'ok');

  const sent = await call('POST', `/mta/v1/tasks?is_sync=true`, {
    procedure: 'send_message',
    arguments: {
      self: journey.who.domain_url,
      from: [`a@${DOMAIN}`],
      to: ['b@elsewhere.test'],
      subject: 'delegated',
      content_type: 'text/plain',
      body: 'b',
    },
  });
  assert.equal(sent.status, 200, JSON.stringify(sent.json));
  const message = await eventually('the message at the sink', async () => (await journey.sink.messages())[0]);
  await using resolver = createResolver({ servers: [`127.0.0.1:${bind.port}`], clock: systemClock });
  const found: Record<string, string> = {};
  for (const selector of ['hk1r', 'hk1e']) {
    const name = `${selector}._domainkey.${DOMAIN}`;
    const answer = await resolver.txt(name);
    assert.equal(answer.kind, 'found', name);
    if (answer.kind === 'found') found[name] = answer.records[0]!;
  }
  const { output } = await execute(PYTHON, ['-c', VERIFY], {
    input: Buffer.from(message.raw_base64, 'base64'),
    env: { TXT: JSON.stringify(found) },
  });
  assert.deepEqual(output.trim().split('\n').sort(), ['hk1e True', 'hk1r True']);
});

test('a new key takes the free name and is found at once; a third has to wait, or be a TXT record', {
  skip,
}, async () => {
  await using s = await stage();
  const { bind, call } = s;
  const path = keysPath(s);
  const made = await call('POST', path, {});
  assert.equal(made.status, 201, JSON.stringify(made.json));
  assert.deepEqual(made.json.record, {
    type: 'CNAME',
    name: `hk2r._domainkey.${DOMAIN}`,
    value: `hk2r.${DOMAIN}.${ZONE}`,
  });
  assert.match(made.json.message, /CNAME/);
  assert.match(made.json.message_ja, /CNAME/);
  await using resolver = createResolver({ servers: [`127.0.0.1:${bind.port}`], clock: systemClock });
  const answer = await resolver.txt(made.json.record.name);
  assert.deepEqual(answer.kind === 'found' ? answer.records : answer, [made.json.public_key]);

  const third = await call('POST', path, { algorithm: 'rsa-4096' });
  assert.deepEqual([third.status, third.json.type], [409, '/problems/too-many-keys']);
  const plain = await call('POST', path, { delegated: false });
  assert.deepEqual([plain.status, plain.json.record.type], [201, 'TXT']);
  assert.equal(plain.json.record.value, plain.json.public_key);
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
  const own = await call('POST', path, { private_key: pem, delegated: true });
  assert.equal(own.status, 400);
  assert.match(JSON.stringify(own.json), /delegated/);

  assert.equal((await call('DELETE', `${path}/${made.json.id}`)).status, 204);
  const again = await call('POST', path, { algorithm: 'rsa-4096' });
  assert.deepEqual([again.status, again.json.selector, again.json.bits], [201, 'hk2r', 4096]);
});

test('a domain that is removed has no keys in the zone any more', { skip }, async () => {
  await using s = await stage();
  const { journey, call } = s;
  await using resolver = createResolver({
    servers: [journey.service.env['HIKYAKU_DNS_LISTEN']!],
    clock: systemClock,
  });
  const name = `hk1r.${DOMAIN}.${ZONE}`;
  assert.equal((await resolver.txt(name)).kind, 'found');
  assert.equal((await call('DELETE', `/mta/v1/domains/${journey.who.domain_id}`)).status, 204);
  await using later = createResolver({
    servers: [journey.service.env['HIKYAKU_DNS_LISTEN']!],
    clock: systemClock,
  });
  assert.equal((await later.txt(name)).kind, 'nodata');
});

test('the operator is told what to delegate and whether it leads here; the records can be set by a provider', {
  skip,
}, async () => {
  await using s = await stage();
  const { journey, call } = s;
  const zone = await hikyaku(['zone', '--address', '192.0.2.1'], journey.service.env);
  assert.match(zone.stdout, new RegExp(`^${ZONE}\\. 3600 IN NS mx1\\.service\\.test\\.$`, 'm'));
  const doctor = await hikyaku(['doctor', '--json'], journey.service.env);
  const finding = JSON.parse(doctor.stdout).find(({ check }: Json) => check === 'DKIM zone');
  assert.deepEqual(finding, {
    check: 'DKIM zone',
    status: 'ok',
    detail: ZONE,
  });

  await using dns = await startFakeGehirnDns({ zones: [DOMAIN], editable: false });
  const account = await call('POST', '/mta/v1/dns_accounts', {
    provider: 'gehirn',
    name: 'zones',
    settings: { token_id: dns.token.id, secret: dns.token.secret, api_url: dns.url },
  });
  const plan = await call('POST', `/mta/v1/domains/${journey.who.domain_id}/dns/plan`, {
    account: { self: account.json.self },
  });
  assert.equal(plan.status, 200, JSON.stringify(plan.json));
  const aliases = plan.json.changes.filter(({ purpose }: Json) => purpose === 'dkim');
  assert.deepEqual(
    aliases.map(({ type, name, after }: Json) => `${type} ${name} ${after}`).sort(),
    SELECTORS.map((one) => `CNAME ${one}._domainkey.${DOMAIN} ${one}.${DOMAIN}.${ZONE}`).sort(),
  );
});
