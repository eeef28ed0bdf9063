/**
 * Secrets at rest and in logs: a service at log level debug is used and misused with known secrets.
 * Afterwards none of them is in any file of the store (with PostgreSQL, in a dump of every table), in its
 * log, or in its answers.
 */
import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { loadConfig } from '../../src/config/config.ts';
import { openDkimKeys } from '../../src/domains/dkim-keys.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { openSealer, SECRET_KEY_FILE } from '../../src/secret-key.ts';
import { openStore } from '../../src/stores.ts';
import { startFakeHttp } from '../../src/testing/fake-http.ts';
import { startPostgres } from '../../src/testing/postgres.ts';
import { bootstrap, eventually, startService, startSink } from './harness.ts';
import { authorization, type Json } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

/**
 * `%40` and `:` are ordinary in passwords; the test searches for the spelling of the URL and for the password
 * itself.
 */
const ROUTE_PASSWORD = 'route%40Passw0rd-planted';
const WRONG_PASSWORD = 'wrong-Passw0rd-planted';
const WEBHOOK = 'services/T0PLANTED0/B0PLANTED0/w3bhookPlantedSecret';
const [PUSH_USER, PUSH_TOKEN] = ['uPlantedUserKey000000000000000', 'aPlantedToken00000000000000000'];
/** The instance's key has its own file, next to the store. */
const KEPT_APART = [SECRET_KEY_FILE];

/** All forms in which the secret could be written. */
function spellings(secret: Buffer | string): Buffer[] {
  const octets = Buffer.from(secret as string);
  // In base64 the form depends on what stands before; any longer text contains the middle of one of three
  // shifts.
  const shifted = [0, 1, 2].map((pad) => {
    const text = Buffer.concat([Buffer.alloc(pad), octets])
      .toString('base64')
      .replace(/=+$/, '');
    return Buffer.from(text.slice(pad === 0 ? 0 : 4, -4));
  });
  return [octets, Buffer.from(octets.toString('hex')), ...shifted];
}
function privateParts(key: KeyObject): Buffer[] {
  const jwk = key.export({ format: 'jwk' });
  return [jwk.d, jwk.p, jwk.q]
    .filter((part) => part !== undefined)
    .map((part) => Buffer.from(part, 'base64url'));
}

async function use(settings: Record<string, string>) {
  await using sink = await startSink();
  await using service = await startService(
    {
      HIKYAKU_LOG_LEVEL: 'debug',
      HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
      HIKYAKU_ROUTES: `down.test=smtp+starttls://user:${ROUTE_PASSWORD}@127.0.0.1:1,*=smtp+starttls://user:${ROUTE_PASSWORD}@${sink.smtp}`,
      ...settings,
    },
    undefined,
    true,
  );
  using made = new DisposableStack();
  made.defer(() => rmSync(service.directory, { recursive: true, force: true }));
  const answers: string[] = [];
  const who = await bootstrap(service.env, 'secrets.test', '--project', 'secrets');
  const call = async (method: string, path: string, body?: object, headers = {}): Promise<Json> => {
    const response = await fetch(`http://${service.ready.http}${path}`, {
      method,
      headers: { authorization: authorization(who), 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { text, json: text === '' ? null : JSON.parse(text) };
  };
  const keys = `/iam/v1/api_clients/${who.api_client_id}/static_keys`;
  const subscribers = `/edj/v1/topics/${who.topic_id}/subscribers`;
  const key = (await call('POST', keys, {}, { 'idempotency-key': 'key' })).json;
  const hook = { type: 'http', url: `${sink.http}/hook` };
  const subscriber = (await call('POST', subscribers, hook, { 'idempotency-key': 'hook' })).json;
  assert.equal(typeof key.secret, 'string');
  assert.equal(typeof subscriber.secret, 'string');
  // Shown once: lists, repeated answers and errors do not show them again.
  for (const [method, path, body, headers] of [
    ['POST', keys, {}, { 'idempotency-key': 'key' }],
    ['POST', subscribers, hook, { 'idempotency-key': 'hook' }],
    ['GET', keys],
    ['GET', subscribers],
    ['GET', `${subscribers}/${subscriber.id}`],
    ['GET', `/mta/v1/domains/${who.domain_id}/dkim_keys`],
    ['POST', subscribers, { ...hook, secret: subscriber.secret }],
  ] as const)
    answers.push((await call(method, path, body, headers)).text);
  // The servers of these subscribers repeat the whole request, with its secrets.
  await using echo = await startFakeHttp(({ target, body }) => ({ status: 404, body: `${target} ${body}` }));
  const slack = { type: 'slack', url: `${echo.url}/${WEBHOOK}` };
  const push = { type: 'pushover', user: PUSH_USER, token: PUSH_TOKEN, api_url: `${echo.url}/push` };
  const told: string[] = [];
  for (const body of [slack, push]) {
    const previews = `/edj/v1/topics/${who.topic_id}/subscriber_previews`;
    answers.push((await call('POST', previews, body, { 'idempotency-key': `see ${body.type}` })).text);
    const made = await call('POST', subscribers, body, { 'idempotency-key': body.type });
    const one = `${subscribers}/${made.json.id}`;
    told.push(`/edj/v1/subscribers/${made.json.id}/deliveries`);
    answers.push(made.text, (await call('GET', one)).text, (await call('GET', `${one}/preview`)).text);
    const tested = await call('POST', `${one}/test`);
    assert.match(tested.json.answer, /\*\*\*/);
    answers.push(tested.text, (await call('POST', subscribers, { ...body, surprise: 1 })).text);
  }
  await call('POST', '/edj/v1/tasks?is_sync=true', {
    procedure: 'publish',
    arguments: { self: `http://x/edj/v1/topics/${who.topic_id}`, message: 'news' },
  });
  for (const path of told)
    await eventually('the delivery failed', async () => {
      const { text, json } = await call('GET', path);
      const failed = json.items.some((item: Json) => ['retry', 'dead'].includes(item.state));
      if (failed) answers.push(text);
      return failed;
    });
  answers.push((await call('GET', '/edj/v1/subscriber_kinds')).text, (await call('GET', subscribers)).text);
  for (const secret of [who.key.secret, WRONG_PASSWORD]) {
    await using client = await openSmtp(service.ready.submissions, 'implicit');
    answers.push(await client.command(plain(who.key.id, secret)));
    for (const to of ['a@up.test', 'b@down.test'])
      answers.push(
        await send(
          client,
          'a@secrets.test',
          [to],
          Buffer.from('From: <a@secrets.test>\r\nSubject: x\r\n\r\nx\r\n'),
        ),
      );
  }
  await using login = await openSmtp(service.ready.submission, 'starttls');
  for (const line of [
    'AUTH LOGIN',
    Buffer.from(who.key.id).toString('base64'),
    Buffer.from(WRONG_PASSWORD).toString('base64'),
  ])
    answers.push(await login.command(line));
  const wrong = await fetch(`http://${service.ready.http}/mta/v1/domains`, {
    headers: { authorization: `Basic ${Buffer.from(`${who.key.id}:${WRONG_PASSWORD}`).toString('base64')}` },
  });
  answers.push(await wrong.text());
  await eventually('one is out, the other was tried', async () => {
    const { items } = (await call('GET', '/mta/v1/queues/recipients')).json;
    return (await sink.messages()).length > 0 && items.some((item: Json) => item.attempts > 0);
  });
  answers.push(
    (await call('GET', '/mta/v1/queues')).text,
    (await call('GET', '/mta/v1/queues/recipients')).text,
  );
  for (const { id } of (await call('GET', '/mta/v1/messages')).json.items)
    answers.push((await call('GET', `/mta/v1/messages/${id}`)).text);
  await eventually('the hook has heard', async () => (await sink.events()).length >= 0);

  const config = loadConfig(service.env);
  await using store = await openStore(config, silentLogger, false);
  const sealer = await openSealer(config, store);
  const dkim = await store.read.dkimKeys(who.project_id as never, who.domain_id as never);
  assert.equal(dkim.length, 2);
  const secrets = new Map<string, Buffer[]>();
  secrets.set('the first key', spellings(who.key.secret));
  secrets.set('the second key', spellings(key.secret));
  secrets.set('the hook', [
    ...spellings(subscriber.secret.slice('whsec_'.length)),
    ...spellings(Buffer.from(subscriber.secret.slice('whsec_'.length), 'base64')),
  ]);
  secrets.set('the webhook', spellings(WEBHOOK.slice('services/'.length)));
  secrets.set("the webhook's last part", spellings(WEBHOOK.slice(WEBHOOK.lastIndexOf('/') + 1)));
  secrets.set('the user key', spellings(PUSH_USER));
  secrets.set('the API token', spellings(PUSH_TOKEN));
  secrets.set('the route', [ROUTE_PASSWORD, decodeURIComponent(ROUTE_PASSWORD)].flatMap(spellings));
  secrets.set('a wrong password', spellings(WRONG_PASSWORD));
  for (const { selector, privateKey } of openDkimKeys(dkim, sealer))
    secrets.set(`DKIM ${selector}`, privateParts(privateKey).flatMap(spellings));
  secrets.set(
    'the instance',
    spellings(config.secretKey ?? readFileSync(join(service.directory, SECRET_KEY_FILE))),
  );
  const files = () =>
    readdirSync(service.directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => !KEPT_APART.includes(name) && statSync(join(service.directory, name)).isFile())
      .map((name): [string, Buffer] => [name, readFileSync(join(service.directory, name))]);
  /** The files while it runs, with the write-ahead log, and again after it has ended. */
  const places: [string, Buffer][] = files().map(([name, octets]) => [`${name} under way`, octets]);
  await service[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
  places.push(...files(), ['the log', Buffer.from(service.log.join('\n'))]);
  places.push(['what was answered', Buffer.from(answers.join('\n'))]);
  return { secrets, places, log: service.log };
}
function assertAbsent(secrets: ReadonlyMap<string, Buffer[]>, places: readonly [string, Buffer][]): void {
  for (const [name, octets] of places)
    for (const [secret, ways] of secrets)
      for (const way of ways)
        assert.ok(way.length > 8 && !octets.includes(way), `${secret} stands in ${name}`);
}

test('SQLite: no secret in the store, its log files, the log or an answer', async () => {
  const { secrets, places, log } = await use({});
  const names = places.map(([name]) => name);
  for (const wanted of ['hikyaku.sqlite', 'hikyaku.sqlite under way', 'hikyaku.sqlite-wal under way'])
    assert.ok(names.includes(wanted), `${wanted}: ${names}`);
  assert.ok(log.length > 3);
  assertAbsent(secrets, places);
  // The search finds what is there: the name of a topic is in the store, and a secret would be found as well.
  assert.throws(
    () => assertAbsent(new Map([['a name', spellings('secrets.test')]]), places),
    /hikyaku.sqlite/,
  );
});

test('PostgreSQL: no secret in any table, the log or an answer', async () => {
  await using postgres = await startPostgres({ fsync: 'off' });
  const url = await postgres.database();
  const { secrets, places } = await use({
    HIKYAKU_STORE: url,
    HIKYAKU_SECRET_KEY: Buffer.alloc(32, 0xa7).toString('base64'),
  });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  assert.ok(rows.length > 20, `${rows.length} tables`);
  const dumped: [string, Buffer][] = [];
  for (const { name } of rows) {
    const table = await client.query({ text: `SELECT * FROM ${name}`, rowMode: 'array' });
    // Octets and texts unchanged: each cell separately.
    const cells = table.rows
      .flat()
      .map((cell: unknown) =>
        Buffer.isBuffer(cell)
          ? cell
          : Buffer.from(typeof cell === 'string' ? cell : (JSON.stringify(cell) ?? '')),
      );
    dumped.push([`table ${name}`, Buffer.concat(cells.flatMap((cell) => [cell, Buffer.from('\n')]))]);
  }
  await client.end();
  assertAbsent(secrets, [...places, ...dumped]);
  assert.throws(() => assertAbsent(new Map([['a name', spellings('secrets.test')]]), dumped), /table/);
});
