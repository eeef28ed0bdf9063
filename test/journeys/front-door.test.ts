/**
 * What the operator's log says about refused clients, and what fail2ban makes of it; connections that are
 * reset.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually, has, portOf, startService } from './harness.ts';
import { authorization, type Journey, startJourney } from './journey.ts';
import { openSmtp } from './raw-smtp.ts';

const run = promisify(execFile);
const FILTER = fileURLToPath(new URL('../../deploy/fail2ban/filter.d/hikyaku.conf', import.meta.url));
const b64 = (text: string) => Buffer.from(text).toString('base64');

let journey: Journey;
before(async () => {
  journey = await startJourney({ HIKYAKU_LOG_LEVEL: 'info' });
});
after(() => journey[Symbol.asyncDispose]());

type Line = Record<string, unknown>;
function lines(): Line[] {
  return journey.service.log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line);
}
const notices = (kind: string) => lines().filter(({ notice }) => notice === kind);

test('refused AUTH and relay attempts are told: the address, the session, a key’s id and never what was typed', async () => {
  const { ready } = journey.service;
  const typed = 'hunter2-typed-as-a-name';
  await using login = await openSmtp(ready.submissions, 'implicit');
  await login.command('EHLO client.test');
  assert.match(await login.command(`AUTH PLAIN ${b64(`\0${typed}\0x`)}`), /^535 /);
  assert.match(await login.command(`AUTH PLAIN ${b64(`\0${journey.who.key.id}\0wrong`)}`), /^535 /);
  const { status } = await fetch(`http://${ready.http}/mta/v1/domains`, {
    headers: { authorization: `Basic ${b64(`${typed}:x`)}` },
  });
  assert.equal(status, 401);
  await using relay = await openSmtp(ready.mx);
  await relay.command('EHLO client.test');
  await relay.command('MAIL FROM:<a@b.test>');
  for (let i = 0; i < 15; i += 1)
    assert.match(await relay.command(`RCPT TO:<${typed}@elsewhere.test>`), /^550 5\.7\.1/);
  await eventually('the lines', async () => notices('relay-refused').length >= 10);
  assert.equal(notices('relay-refused').length, 10, 'ten a minute');
  const refused = notices('auth-refused');
  assert.deepEqual(
    refused.map(({ peer, network, key }) => [peer, network, key]),
    [
      ['127.0.0.1', '127.0.0.1', undefined],
      ['127.0.0.1', '127.0.0.1', journey.who.key.id],
      ['127.0.0.1', '127.0.0.1', undefined],
    ],
  );
  for (const one of [...refused.slice(0, 2), ...notices('relay-refused')])
    assert.match(String(one['session']), /^(?:mx|submissions)-\d+-\d+$/);
  assert.ok(!journey.service.log.join('\n').includes('hunter2'), 'what was typed is in the log');
});

test('fail2ban reads the lines of a real service', async (t) => {
  if (!(await has('fail2ban-regex'))) return t.skip('fail2ban is not installed');
  const file = join(journey.service.directory, 'service.log');
  writeFileSync(file, `${journey.service.log.join('\n')}\n`);
  const { stdout } = await run('fail2ban-regex', ['-o', '<ip>', file, FILTER]);
  const found = stdout.trim().split('\n');
  assert.equal(found.length, notices('auth-refused').length + notices('relay-refused').length);
  assert.deepEqual([...new Set(found)], ['127.0.0.1']);
});

test('the API has 200 places for an address, which are told beyond them, and none for a proxy that is trusted', async () => {
  const { ready } = journey.service;
  const held = await Promise.all(Array.from({ length: 200 }, () => plain(ready.http, '', '127.0.0.3')));
  const health = async (from: string) =>
    text(await plain(ready.http, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', from));
  assert.match(await health('127.0.0.3'), /^HTTP\/1\.1 503 [^{]*\{"type":"\/problems\/too-many-connections"/);
  assert.match(await health('127.0.0.4'), /^HTTP\/1\.1 200 /);
  await eventually('the line', async () => notices('connections-capped').length > 0);
  const [line] = notices('connections-capped');
  assert.deepEqual([line!['peer'], line!['network']], ['127.0.0.3', '127.0.0.3']);
  assert.match(String(line!['session']), /^http-\d+-\d+$/);
  for (const one of held) one.destroy();
  await eventually('a place', async () => (await health('127.0.0.3')).startsWith('HTTP/1.1 200 '));

  await using behind = await startService({ HIKYAKU_TRUSTED_PROXIES: '127.0.0.1' });
  const many = await Promise.all(Array.from({ length: 250 }, () => plain(behind.ready.http)));
  assert.equal((await fetch(`http://${behind.ready.http}/healthz`)).status, 200);
  for (const one of many) one.destroy();
});

/** Ends the connection with a RST. */
async function reset(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  socket.resetAndDestroy();
  if (!socket.closed) await once(socket, 'close');
}
async function plain(address: string, first = '', localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: portOf(address), localAddress, noDelay: true });
  await once(socket, 'connect');
  if (first !== '') await new Promise((resolve) => socket.write(first, resolve));
  return socket;
}
/** Sends the lines one by one, each after the answer to the one before. */
async function told(socket: Socket, ...said: string[]): Promise<Socket> {
  await once(socket, 'data');
  for (const line of said) {
    socket.write(line);
    await once(socket, 'data');
  }
  return socket;
}

test('reset connections are no errors of ours: SMTP in every phase, TLS, HTTP before, in and after a request', async () => {
  const { ready } = journey.service;
  const EHLO = 'EHLO client.test\r\n';
  const TO_DATA = 'MAIL FROM:<a@b.test>\r\nRCPT TO:<postmaster@sender.test>\r\nDATA\r\n';
  const post = [
    'POST /mta/v1/messages HTTP/1.1',
    'Host: x',
    `Authorization: ${authorization(journey.who)}`,
    'Content-Type: application/json',
  ].join('\r\n');
  const before = lines().length;
  for (let round = 0; round < 5; round += 1) {
    await reset(await plain(ready.mx));
    await reset(await told(await plain(ready.mx)));
    await reset(await told(await plain(ready.mx), EHLO));
    const data = await told(await plain(ready.mx), EHLO, TO_DATA);
    await new Promise((resolve) => data.write('Subject: half', resolve));
    await reset(data);
    const whole = await told(await plain(ready.mx), EHLO, TO_DATA);
    await new Promise((resolve) => whole.write('Subject: whole\r\n\r\nx\r\n.\r\n', resolve));
    await reset(whole);
    const upgrading = await told(await plain(ready.submission), EHLO, 'STARTTLS\r\n');
    await new Promise((resolve) => upgrading.write('\x16\x03\x01', resolve));
    await reset(upgrading);
    await reset(await plain(ready.submissions, '\x16\x03\x01\x02'));
    const raw = await plain(ready.submissions);
    const tls = connectTls({ socket: raw, rejectUnauthorized: false });
    await once(tls, 'secureConnect');
    tls.on('error', () => {});
    await reset(raw);
    await reset(await plain(ready.http));
    await reset(await plain(ready.http, 'GET /healthz HT'));
    await reset(await plain(ready.http, `${post}\r\nContent-Length: 500\r\n\r\n{"from": `));
    await reset(await plain(ready.http, `${post}\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{`));
    await reset(await plain(ready.http, `${post.replace('POST', 'GET')}\r\n\r\n`));
  }
  const { status } = await journey.call('GET', '/mta/v1/domains');
  assert.equal(status, 200);
  const after = lines().slice(before);
  assert.deepEqual(
    after.filter(({ level }) => Number(level) >= 40),
    [],
  );
});
