/**
 * An embedded store is moved to PostgreSQL: the queue continues there, events keep their order, keys still
 * sign in.
 */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { startPostgres, type TestPostgres } from '../../src/testing/postgres.ts';
import { scriptedServer } from '../../src/testing/scripted-server.ts';
import { bootstrap, environment, eventually, hikyaku, startService, temporaryDirectory } from './harness.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await startPostgres({ fsync: 'off' });
});
after(() => postgres[Symbol.asyncDispose]());

const LIMITS = { HIKYAKU_LIMIT_PER_MINUTE: '0', HIKYAKU_LIMIT_PER_DAY: '0' };

test('export, import, and a node that delivers what waited, once', async () => {
  await using silent = await scriptedServer({ say: () => null });
  const directory = temporaryDirectory();
  const settings = { ...LIMITS, HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${silent.port}` };
  const file = join(directory, 'store.export');
  const addresses = Array.from({ length: 30 }, (_, i) => `r${i}@out.test`);
  const service = await startService(settings, directory, true);
  const who = await bootstrap(service.env, 'sender.test');
  const authorization = `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
  const eventsAt = async (http: string) => {
    const response = await fetch(`http://${http}/edj/v1/topics/${who.topic_id}/events?limit=100`, {
      headers: { authorization },
    });
    assert.equal(response.status, 200);
    return ((await response.json()) as { items: { id: string }[] }).items.map(({ id }) => id);
  };
  const accountsAt = async (http: string, body?: object) => {
    const response = await fetch(`http://${http}/mta/v1/dns_accounts`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${response.status}`);
    const { items = [] } = (await response.json()) as { items?: { id: string; settings: object }[] };
    return items.map(({ id, settings }) => ({ id, settings }));
  };
  const settings53 = { access_key_id: 'AKID', secret_access_key: 'secret' };
  await accountsAt(service.ready.http, { provider: 'route53', name: 'dns', settings: settings53 });
  const accounts = await accountsAt(service.ready.http);
  assert.deepEqual(
    accounts.map((account) => account.settings),
    [{ access_key_id: 'AKID' }],
  );
  {
    await using client = await openSmtp(service.ready.submissions, 'implicit');
    await client.command(plain(who.key.id, who.key.secret));
    for (const address of [...addresses, 'a@sender.test', 'b@sender.test', 'c@sender.test']) {
      const message = Buffer.from(`From: <x@sender.test>\r\nSubject: ${address}\r\n\r\nbody\r\n`);
      assert.match(await send(client, 'x@sender.test', [address], message), /^250/);
    }
  }
  const events = await eventsAt(service.ready.http);
  assert.equal(events.length, 3);
  const served = await hikyaku(['export', file], service.env);
  assert.equal(served.status, 1);
  assert.match(served.stderr, /in use by another process: stop that process, or wait until it is done/);
  await service[Symbol.asyncDispose]();
  for (const text of ['notes of mine\n', '', gzipSync('{"format":"another"}\n').toString('latin1')]) {
    writeFileSync(file, text, 'latin1');
    const refused = await hikyaku(['export', file], service.env);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /store\.export exists and is not an export, so it is not replaced/);
    assert.equal(readFileSync(file, 'latin1'), text);
  }
  rmSync(file);
  assert.equal((await hikyaku(['export', file], service.env)).status, 0);
  const exported = await hikyaku(['export', file, '--json'], service.env);
  assert.equal(exported.status, 0, exported.stderr);
  assert.equal(JSON.parse(exported.stdout).rows.recipient, 33);

  const url = await postgres.database();
  const target = (key: Buffer) =>
    environment(directory, {
      ...settings,
      HIKYAKU_STORE: url,
      HIKYAKU_SECRET_KEY: key.toString('base64'),
    });
  const secret = readFileSync(join(directory, 'secret.key'));
  const doctor = async () => {
    const { stdout } = await hikyaku(['doctor', '--json'], target(secret));
    const findings = JSON.parse(stdout) as { check: string; status: string; detail: string }[];
    const { status, detail } = findings.find(({ check }) => check === 'store')!;
    return `${status} ${detail}`;
  };
  // doctor only reads: at the second run there is still no store
  for (const _ of [1, 2]) assert.match(await doctor(), /^ok PostgreSQL answers; there is no store yet/);
  const wrongKey = await hikyaku(['import', file], target(Buffer.alloc(32, 1)));
  assert.equal(wrongKey.status, 1);
  assert.match(wrongKey.stderr, /HIKYAKU_SECRET_KEY is not the key/);
  const text = gunzipSync(readFileSync(file)).toString('utf8');
  for (const [name, damaged, complaint] of [
    ['cut', gzipSync(text.split('\n').slice(0, -5).join('\n')), /its end is missing/],
    ['broken', readFileSync(file).subarray(0, -200), /damaged|its end is missing|unexpected end/],
    ['foreign', gzipSync('{"hello":1}\n'), /not a Hikyaku export/],
    ['plain', Buffer.from('hello'), /damaged or not a Hikyaku export/],
  ] as const) {
    const other = join(directory, `${name}.export`);
    writeFileSync(other, damaged);
    const refused = await hikyaku(['import', other], target(secret));
    assert.equal(refused.status, 1, name);
    assert.match(refused.stderr, complaint, name);
  }
  const imported = await hikyaku(['import', file, '--json'], target(secret));
  assert.equal(imported.status, 0, imported.stderr);
  const again = await hikyaku(['import', file], target(secret));
  assert.equal(again.status, 1);
  assert.match(again.stderr, /not empty/);
  assert.match(await doctor(), /^ok PostgreSQL answers, schema version \d+$/);

  await using good = await scriptedServer();
  const { HIKYAKU_STORE = '', HIKYAKU_SECRET_KEY = '' } = target(secret);
  await using node = await startService({
    ...LIMITS,
    HIKYAKU_STORE,
    HIKYAKU_SECRET_KEY,
    HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${good.port}`,
  });
  await eventually('all that waited is delivered', async () => good.messages.length >= addresses.length, 60);
  const subjects = good.messages.map((message) => /Subject: (\S+)/.exec(message)?.[1] ?? '');
  assert.deepEqual([...subjects].sort(), [...addresses].sort());
  assert.ok(good.messages.every((message) => message.includes('DKIM-Signature')));
  assert.deepEqual(await eventsAt(node.ready.http), events);
  assert.deepEqual(await accountsAt(node.ready.http), accounts);
});
