/**
 * Starting and stopping: no handle stays open, nothing stays half open, a second start on the same store
 * finds everything.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { startService as startInProcess } from '../../src/service.ts';
import {
  bootstrap,
  environment,
  eventually,
  execute,
  hikyaku,
  portOf,
  startService,
  temporaryDirectory,
} from './harness.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

test('the whole service starts and stops ten times in one process and leaves no socket and no timer', async () => {
  const directory = temporaryDirectory();
  const config = loadConfig(environment(directory, { HIKYAKU_LOG_LEVEL: 'silent' }));
  const count = () => process.getActiveResourcesInfo().filter((kind) => /TCP|UDP|Timeout/.test(kind)).length;
  const before = count();
  for (let round = 0; round < 10; round++) {
    const abort = new AbortController();
    const service = await startInProcess(config, silentLogger, abort.signal);
    const client = await openSmtp(service.submissions, 'implicit');
    assert.match(await client.command('NOOP'), /^250/);
    abort.abort();
    await service[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
  }
  for (let turns = 0; count() > before && turns < 10_000; turns++)
    await new Promise((resolve) => setImmediate(resolve));
  assert.equal(count(), before);
  rmSync(directory, { recursive: true, force: true });
});

test('a start at a port that is taken names the variable that says so', async () => {
  const directory = temporaryDirectory();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  for (const name of ['HIKYAKU_HTTP_LISTEN', 'HIKYAKU_SUBMISSIONS_LISTEN']) {
    const env = environment(directory, { [name]: `127.0.0.1:${port}`, HIKYAKU_LOG_LEVEL: 'silent' });
    const { status, stderr } = await hikyaku(['serve'], env);
    assert.equal(status, 1);
    assert.match(
      stderr,
      new RegExp(`127\\.0\\.0\\.1:${port} is already in use by another program: set ${name} to`),
    );
  }
  other.close();
  rmSync(directory, { recursive: true, force: true });
});

test('SIGTERM lets go of idle sessions with 421, and what was accepted is delivered after the next start', async () => {
  const directory = temporaryDirectory();
  const refusing = { HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1', HIKYAKU_LIMIT_PER_MINUTE: '0' };
  const first = await startService(refusing, directory, true);
  const who = await bootstrap(first.env, 'sender.test', '--project', 'life');
  const client = await openSmtp(first.ready.submissions, 'implicit');
  await client.command(plain(who.key.id, who.key.secret));
  const letter = Buffer.from('From: <sender@sender.test>\r\nSubject: later\r\n\r\nx\r\n');
  assert.match(await send(client, 'sender@sender.test', ['x@out.test'], letter), /^250/);
  const farewell = client.reply();
  await first[Symbol.asyncDispose]();
  assert.match(await farewell, /^421 4\.3\.2/);
  await client[Symbol.asyncDispose]();
  await using second = await startService(refusing, directory);
  const auth = `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
  await eventually('the mail waits in the queue with a reason', async () => {
    const response = await fetch(`http://${second.ready.http}/mta/v1/queues`, {
      headers: { authorization: auth },
    });
    const { depth } = (await response.json()) as { depth: Record<string, number> };
    return depth['queued']! + depth['deferred']! === 1;
  });
});

test('a first start that fails leaves its first mail to the next one; later starts say where the console is', async () => {
  const directory = temporaryDirectory();
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await assert.rejects(
    startService({ HIKYAKU_HTTP_LISTEN: `127.0.0.1:${port}` }, directory, true),
    /already in use/,
  );
  taken.close();
  const said = async (publicUrl?: string) => {
    const given: Record<string, string> = publicUrl === undefined ? {} : { HIKYAKU_PUBLIC_URL: publicUrl };
    await using service = await startService(given, directory, true);
    const { http, submissions } = service.ready;
    const running = `Hikyaku is running: ${publicUrl ?? `http://localhost:${portOf(http)}`}/`;
    const listening = `http://${http}  (console and API)`;
    const connect = `SMTP: host ${service.env['HIKYAKU_HOSTNAME']}, port ${portOf(submissions)} (implicit TLS)`;
    return await eventually('where it runs', async () =>
      service.log.includes(running) &&
      service.log.some((line) => line.trim() === listening) &&
      service.log.some((line) => line.trim().startsWith(connect)) &&
      service.log.some((line) => line.includes('No operator can sign in yet'))
        ? [...service.log]
        : null,
    );
  };
  const isPasted = (line: string) => /^(curl |printf | {2}curl )/.test(line);
  assert.equal((await said()).filter(isPasted).length, 3);
  assert.equal((await said()).filter(isPasted).length, 0);
  assert.equal((await said('https://mail.example.com')).filter(isPasted).length, 0);
});

test("the sandbox's first mail, as pasted, is in its inbox topic", async () => {
  await using service = await startService();
  const lines = await eventually('the welcome', async () => {
    const found = service.log.filter((line) => /^(curl |printf | {2}curl )/.test(line));
    return found.length === 3 ? found : null;
  });
  for (const line of lines.slice(0, 2)) {
    const { status, output } = await execute('bash', ['-c', line]);
    assert.equal(status, 0, output);
  }
  await eventually('both mails in the inbox topic', async () => {
    const { output } = await execute('bash', ['-c', lines[2]!]);
    return /Subject: First mail\\n/.test(output) && /Subject: First mail by SMTP\\n/.test(output);
  });
});

test('localhost leads to the service by both of its addresses, and links name a host for passkeys', async () => {
  await using service = await startService();
  const port = portOf(service.ready.http);
  for (const host of ['127.0.0.1', '[::1]', 'localhost'])
    assert.equal((await fetch(`http://${host}:${port}/healthz`)).status, 200, host);
  const link = await eventually('the link', async () =>
    service.log.find((line) => line.includes('/#/link/')),
  );
  assert.ok(link.trim().startsWith(`http://localhost:${port}/#/link/`), link);
});
