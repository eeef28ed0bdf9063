/**
 * The secret key is checked before the service is ready. With a wrong or missing key nothing is served and nothing
 * is written; after the loss is accepted, mail flows and verifies again.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { startPostgres } from '../../src/testing/postgres.ts';
import {
  bootstrap,
  environment,
  eventually,
  hikyaku,
  startService,
  startSink,
  temporaryDirectory,
} from './harness.ts';
import { authorization, type Json } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

/** The results of the signatures, by the records that the service shows. */
async function verdicts(message: Buffer, records: readonly Json[]): Promise<string[]> {
  const resolver = async (name: string) => {
    const record = records.find((one) => one.name === name);
    if (record === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
    return [[record.value]];
  };
  const { results } = await dkimVerify(message, { resolver } as never);
  return results.map((row: { status: { result: string } }) => row.status.result);
}

test('a wrong key does not serve, and accepting the loss brings mail back, signed for all to verify', async () => {
  await using sink = await startSink();
  const directory = temporaryDirectory();
  using made = new DisposableStack();
  made.defer(() => rmSync(directory, { recursive: true, force: true }));
  const settings = {
    HIKYAKU_ROUTES: `*=smtp://${sink.smtp}`,
    HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
  };
  const env = environment(directory, settings);
  const keyFile = join(directory, 'secret.key');
  const who = await bootstrap(env, 'sender.test');
  const right = readFileSync(keyFile);
  const call = async (http: string, method: string, path: string, body?: object): Promise<Json> => {
    const response = await fetch(`http://${http}${path}`, {
      method,
      headers: { authorization: authorization(who), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${response.status} ${path}`);
    return response.json();
  };
  const subscribers = `/edj/v1/topics/${who.topic_id}/subscribers`;
  const rules = `/mta/v1/domains/${who.domain_id}/outgoing_rules`;
  let oldSecret = '';
  {
    await using service = await startService(settings, directory, true);
    const { http } = service.ready;
    oldSecret = (await call(http, 'POST', subscribers, { type: 'http', url: `${sink.http}/hook` })).secret;
    await call(http, 'POST', rules, { topic: { self: `http://${http}/edj/v1/topics/${who.topic_id}` } });
  }

  const refusedBy = async (args: readonly string[]) => {
    const { status, stderr } = await hikyaku(args, env);
    assert.equal(status, 1, `${args.join(' ')}: ${stderr}`);
    return stderr;
  };
  const checkValue = () => {
    const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
    try {
      return db.prepare("DELETE FROM meta WHERE key = 'key_check' RETURNING value").get()?.['value'];
    } finally {
      db.close();
    }
  };
  const beginBootstrap = ['bootstrap', '--domain', 'sender.test'];
  writeFileSync(keyFile, Buffer.alloc(32, 9));
  // A store with its check value, and a store as the version before made it, without one.
  for (const isOld of [false, true]) {
    if (isOld) assert.equal(typeof checkValue(), 'number');
    for (const command of isOld ? [['serve'], beginBootstrap] : [['serve']]) {
      const said = await refusedBy(command);
      assert.ok(said.includes(`${keyFile} is not the secret key of this store`), said);
      assert.match(said, /put the right key back/);
      assert.match(said, /hikyaku secret-key replace/);
    }
  }
  rmSync(keyFile);
  for (const command of [['serve'], ['secret-key', 'check']])
    assert.match(await refusedBy(command), /secret key of this store is missing.*secret-key replace/);
  assert.ok(!existsSync(keyFile), 'no key was made');
  writeFileSync(keyFile, 'not a key');
  assert.match(await refusedBy(['serve']), /secret\.key is not a secret key: it has 9 octets/);
  assert.equal(checkValue(), undefined, 'a wrong key writes nothing');

  // The right key is found to be right, and then nothing can be lost.
  writeFileSync(keyFile, right);
  {
    await using service = await startService(settings, directory, true);
    assert.equal((await hikyaku(['secret-key', 'check'], env)).status, 0);
    const nothing = await hikyaku(['secret-key', 'replace', '--yes'], env);
    assert.deepEqual([nothing.status, /in use by another process/.test(nothing.stderr)], [1, true]);
    assert.equal((await fetch(`http://${service.ready.http}/readyz`)).status, 200);
  }
  const kept = await hikyaku(['secret-key', 'replace', '--yes', '--json'], env);
  assert.deepEqual(JSON.parse(kept.stdout), { replaced: false });

  // A replacement that was killed after its first write: whichever key is here, each command says the way out.
  const noted = (check: number | null) => {
    const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
    try {
      if (check === null) db.exec("DELETE FROM meta WHERE key LIKE 'key_replacement%'");
      else db.prepare("INSERT INTO meta (key, value) VALUES ('key_replacement', ?)").run(check);
    } finally {
      db.close();
    }
  };
  noted(7);
  for (const key of [right, null])
    for (const command of [['serve'], ['secret-key', 'check'], ['doctor']]) {
      if (key === null) rmSync(keyFile, { force: true });
      else writeFileSync(keyFile, key);
      const { status, stdout, stderr } = await hikyaku(command, env);
      assert.equal(status, 1, command.join(' '));
      assert.match(
        stdout + stderr,
        /a replacement of the secret key of this store has begun and is not finished.*run `hikyaku secret-key replace` again/,
      );
    }
  noted(null);
  // What is no key at all says where it is, and how a key is replaced that is lost.
  for (const [put, says] of [
    [() => mkdirSync(keyFile), /secret\.key is a directory.*remove the directory .*secret-key replace/],
    [() => writeFileSync(keyFile, ''), /secret\.key .* 0 octets.*remove the file .*secret-key replace/],
  ] as const) {
    put();
    for (const command of [
      ['secret-key', 'replace', '--yes'],
      ['backup', join(directory, 'b')],
    ])
      assert.match(await refusedBy(command), says);
    rmSync(keyFile, { recursive: true });
  }
  const asks = await hikyaku(['secret-key', 'replace'], env);
  assert.equal(asks.status, 2);
  assert.match(asks.stderr, /sender\.test: the private DKIM keys/);
  assert.match(asks.stderr, /--yes accepts the loss/);
  assert.ok(!existsSync(keyFile), 'listing makes no key');
  const accepted = await hikyaku(['secret-key', 'replace', '--yes', '--json'], env);
  assert.equal(accepted.status, 0, accepted.stderr);
  const { dkim_keys: newKeys, subscribers: newSecrets } = JSON.parse(accepted.stdout);
  assert.equal(newKeys.length, 2);
  assert.notEqual(newSecrets[0].secret, oldSecret);

  await using service = await startService(settings, directory, true);
  const { http, submissions } = service.ready;
  {
    await using client = await openSmtp(submissions, 'implicit');
    assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/, 'the static key goes on');
    const mail = Buffer.from('From: <a@sender.test>\r\nSubject: again\r\n\r\nbody\r\n');
    assert.match(await send(client, 'a@sender.test', ['b@out.test'], mail), /^250/);
  }
  const [message] = await eventually('the mail', async () => {
    const all = await sink.messages();
    return all.length > 0 && all;
  });
  const { records } = await call(http, 'GET', `/mta/v1/domains/${who.domain_id}/dns`);
  const dkim = records.filter(({ purpose }: Json) => purpose === 'dkim');
  for (const { record } of newKeys)
    assert.ok(dkim.some((one: Json) => one.name === record.name && one.value === record.value));
  const raw = Buffer.from(message!.raw_base64, 'base64');
  assert.deepEqual(await verdicts(raw, dkim), ['pass', 'pass']);
  const event = await eventually('the signed event', async () =>
    (await sink.events()).find(({ body }) => body.name === 'outgoing'),
  );
  const id = event.headers['webhook-id']!;
  const signed = createHmac('sha256', Buffer.from(newSecrets[0].secret.slice(6), 'base64'))
    .update(`${id}.${event.headers['webhook-timestamp']}.${JSON.stringify(event.body)}`)
    .digest('base64');
  assert.equal(event.headers['webhook-signature'], `v1,${signed}`);
  // The key is recognised by its keyed hash again, with every door.
  assert.equal((await call(http, 'GET', '/mta/v1/domains')).items.length, 1);
});

test('a second node with another key does not start, and the loss is accepted only while no node runs', async () => {
  await using postgres = await startPostgres({ fsync: 'off' });
  const url = await postgres.database();
  const keyOf = (octet: number) => ({ HIKYAKU_SECRET_KEY: Buffer.alloc(32, octet).toString('base64') });
  const directory = temporaryDirectory();
  using made = new DisposableStack();
  made.defer(() => rmSync(directory, { recursive: true, force: true }));
  const wrong = environment(directory, { HIKYAKU_STORE: url, HIKYAKU_NODE: 'two', ...keyOf(2) });
  {
    await using node = await startService({ HIKYAKU_STORE: url, HIKYAKU_NODE: 'one', ...keyOf(1) });
    const who = await bootstrap(node.env, 'sender.test');
    for (const command of [['serve'], ['bootstrap', '--domain', 'sender.test']]) {
      const refused = await hikyaku(command, wrong);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /HIKYAKU_SECRET_KEY is not the secret key of this store/);
    }
    const running = await hikyaku(['secret-key', 'replace', '--yes'], wrong);
    assert.equal(running.status, 1);
    assert.match(running.stderr, /in use by another process: stop these nodes first: one/);
    const answer = await fetch(`http://${node.ready.http}/mta/v1/domains`, {
      headers: { authorization: authorization(who) },
    });
    assert.equal(answer.status, 200);
  }
  const accepted = await hikyaku(['secret-key', 'replace', '--yes', '--json'], wrong);
  assert.equal(accepted.status, 0, accepted.stderr);
  assert.equal(JSON.parse(accepted.stdout).dkim_keys.length, 2);
  assert.equal((await hikyaku(['secret-key', 'check'], wrong)).status, 0);
  await using node = await startService({ HIKYAKU_STORE: url, HIKYAKU_NODE: 'two', ...keyOf(2) });
  assert.equal((await fetch(`http://${node.ready.http}/readyz`)).status, 200);
});
