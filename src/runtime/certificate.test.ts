/** The self-signed certificate follows the host name and is renewed; people's ports offer no CBC suite. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, type SecureContext, TLSSocket } from 'node:tls';
import { createFakeClock } from '../testing/fake-clock.ts';
import { openCertificate } from './certificate.ts';
import { silentLogger } from './logger.ts';
import { createTlsContext, makeSelfSigned } from './tls.ts';

const DAY = 86_400_000;

function stage(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'hikyaku-certificate-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const clock = createFakeClock();
  const [cert, key] = ['cert', 'key'].map((what) => join(dataDir, `self-signed.${what}.pem`)) as [
    string,
    string,
  ];
  return {
    clock,
    cert,
    key,
    open: (hostname = 'mail.one.test') =>
      openCertificate({ tls: null, dataDir, hostname }, clock, silentLogger),
    now: () => new X509Certificate(readFileSync(cert)),
  };
}

test('the self-signed certificate stays while it fits, and follows the host name', async (t) => {
  const { open, now, key } = stage(t);
  await open();
  const first = now();
  assert.equal(first.checkHost('mail.one.test'), 'mail.one.test');
  await open();
  assert.equal(now().fingerprint256, first.fingerprint256);
  await open('mail.two.test');
  assert.equal(now().checkHost('mail.two.test'), 'mail.two.test');
  assert.equal(now().checkHost('mail.one.test'), undefined);
  assert.equal(statSync(key).mode & 0o777, 0o600);
});

test('a self-signed certificate that expires, or that is no pair with its key, is made again', async (t) => {
  const { open, now, clock, cert, key } = stage(t);
  await open();
  const first = now();
  clock.jump(3650 * DAY - 31 * DAY);
  await open();
  assert.equal(now().fingerprint256, first.fingerprint256);
  clock.jump(2 * DAY);
  await open();
  assert.notEqual(now().fingerprint256, first.fingerprint256);
  assert.ok(Date.parse(now().validTo) > clock.now() + 3600 * DAY);
  writeFileSync(key, (await makeSelfSigned('mail.one.test', clock.now())).key);
  await open();
  createTlsContext({
    cert: readFileSync(cert),
    key: readFileSync(key),
    minVersion: 'TLSv1.2',
    clients: 'people',
  });
});

test('a running service renews it, and its listeners take the new one', async (t) => {
  const { open, now, clock } = stage(t);
  const certificate = await open();
  const context = certificate.contextFor('TLSv1.2', 'people');
  const [first, before] = [now().fingerprint256, context()];
  clock.jump(3650 * DAY);
  await clock.advance(2 * 3_600_000);
  context();
  for (let i = 0; i < 10_000 && now().fingerprint256 === first; i += 1)
    await new Promise((resolve) => setImmediate(resolve));
  assert.notEqual(now().fingerprint256, first);
  await clock.advance(2000);
  assert.notEqual(context(), before);
});

/** The suite that a client with these suites gets, or the error. */
async function handshake(context: SecureContext, ciphers: string): Promise<string> {
  const server = createServer((socket) => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
    secured.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'mail.one.test',
    ciphers,
    maxVersion: 'TLSv1.2',
    rejectUnauthorized: false,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getCipher().name;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  } finally {
    socket.destroy();
    server.close();
  }
}

test('no CBC suite where people and programs connect; old mail servers keep theirs', async (t) => {
  const { open } = stage(t);
  const certificate = await open();
  const people = certificate.contextFor('TLSv1.2', 'people')();
  const cbc = 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:AES128-SHA';
  assert.match(await handshake(people, cbc), /HANDSHAKE_FAILURE|ECONNRESET/);
  assert.equal(await handshake(people, 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'ECDHE-ECDSA-AES128-GCM-SHA256');
  assert.match(await handshake(people, 'ECDHE-ECDSA-CHACHA20-POLY1305'), /CHACHA20/);
  for (const version of ['TLSv1', 'TLSv1.2'] as const)
    assert.match(await handshake(certificate.contextFor(version, 'servers')(), cbc), /^ECDHE-ECDSA-AES/);
  // Whoever permits old versions needs the old suites, too.
  assert.match(await handshake(certificate.contextFor('TLSv1', 'people')(), cbc), /^ECDHE-ECDSA-AES/);
});
