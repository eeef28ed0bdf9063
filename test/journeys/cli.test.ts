/** The manual's steps by commands alone: domain, role, API client, static key, rule, message, event. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commands, helpOf } from '../../src/cli/commands.ts';
import { bootstrap, type DnsServer, eventually, hikyaku, portOf, startDns } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';

const HIKYAKU = fileURLToPath(new URL('../../bin/hikyaku.js', import.meta.url));

test('each command says what it takes, without a store or a service; the version is the package’s', async () => {
  const env = { PATH: process.env['PATH'] ?? '', HIKYAKU_STORE: 'sqlite:/nonexistent' };
  const said = async (...args: string[]) => {
    const { status, stdout, stderr } = await hikyaku(args, env);
    assert.deepEqual([status, stderr], [0, ''], args.join(' '));
    return stdout;
  };
  const list = await said('--help');
  assert.equal(await said('help'), list);
  assert.equal(await said(), list);
  for (const [name, command] of Object.entries(commands)) {
    assert.ok(list.includes(command.summary));
    const words = helpOf(name, command);
    assert.equal(await said('help', name), words);
    assert.equal(await said(name, '--help'), words);
  }
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.equal(await said('--version'), `${version}\n`);
  const { status, stderr } = await hikyaku(['constructor'], env);
  assert.equal(status, 2);
  assert.match(stderr, /there is no command 'constructor'/);
});

describe('the commands', () => {
  let dns: DnsServer;
  let journey: Journey;
  let env: Record<string, string>;
  before(async () => {
    dns = await startDns();
    journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address });
    env = accessOf(journey.who.key);
  });
  after(async () => {
    await journey[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });
  /** Without the service's own settings: a machine that only talks to the service. */
  const accessOf = (key: { id: string; secret: string }) => ({
    PATH: process.env['PATH'] ?? '',
    HIKYAKU_API_URL: `http://${journey.service.ready.http}`,
    HIKYAKU_API_KEY_ID: key.id,
    HIKYAKU_API_KEY_SECRET: key.secret,
  });
  async function api(...args: string[]): Promise<Json> {
    const { status, stdout, stderr } = await hikyaku(['api', ...args], env);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    assert.equal(stderr, '');
    return JSON.parse(stdout);
  }

  test('every operation of the documents is listed with its arguments, and explains itself', async () => {
    const listed: Json[] = await api('--list', '--json');
    let documented = 0;
    for (const service of ['mta', 'edj', 'iam']) {
      const document = (await journey.call('GET', `/${service}/v1/openapi.json`)).json;
      for (const [path, methods] of Object.entries<Json>(document.paths))
        for (const [method, operation] of Object.entries<Json>(methods)) {
          // Operations for people only are not available as commands: they need a session.
          if (operation.security !== undefined) continue;
          documented++;
          const one = listed.find(({ id }) => id === operation.operationId);
          assert.deepEqual([one?.method, one?.path], [method.toUpperCase(), path]);
        }
    }
    assert.equal(listed.length, documented);
    const text = await hikyaku(['api', '--list'], env);
    assert.match(text.stdout, /^mta\.domains\.create --domain … --default-topic …/m);
    const help = await hikyaku(['api', 'mta.domains.send', '--help'], env);
    assert.equal(help.status, 0);
    for (const words of ['POST /mta/v1/tasks', '--subject', '--is-sync', '--json', 'send_message'])
      assert.ok(help.stdout.includes(words), `${words}: ${help.stdout}`);
  });

  test('from a domain to the event of its message', async () => {
    const named = await api('iam.domains.create', '--name', 'shop.test');
    const unproved = await hikyaku(['api', 'iam.domains.verify', named.id], env);
    assert.equal(unproved.status, 1);
    assert.match(
      unproved.stderr,
      /409 Conflict: the TXT record _hikyaku-challenge\.shop\.test does not hold/,
    );
    assert.equal(unproved.stdout, '');
    dns.set(named.ownership.name, 'TXT', [[named.ownership.value]]);
    const proved = await eventually('the record is seen', async () => {
      const { status, stdout } = await hikyaku(['api', 'iam.domains.verify', named.id], env);
      return status === 0 && JSON.parse(stdout);
    });
    assert.equal(proved.verified, true);
    const topic = await api('edj.topics.create', '--name', 'shop');
    const domain = await api('mta.domains.create', '--domain', named.id, '--default-topic', topic.id);
    assert.equal(domain.name, 'shop.test');
    assert.ok(domain.default_topic.self.endsWith(topic.id));

    const sender = await api('iam.api_clients.create', '--name', 'mailer', '--roles', 'sender');
    assert.deepEqual(sender.roles, ['sender']);
    const key = JSON.parse((await hikyaku(['key', 'create', '--client', sender.id, '--json'], env)).stdout);
    const rule = await api(
      'mta.event_rules.create',
      domain.id,
      '--names',
      'accepted',
      '--names',
      'delivered',
      '--topic',
      topic.id,
    );
    assert.deepEqual(rule.names, ['accepted', 'delivered']);

    const asSender = accessOf(key);
    const message = [
      ...[
        '--self',
        domain.id,
        '--from',
        'shop@shop.test',
        '--to',
        'someone@elsewhere.test',
        '--subject',
        'Order 1',
      ],
      ...['--content-type', 'text/plain; charset=UTF-8', '--body', 'Thank you.\n', '--is-sync'],
    ];
    const sent = await hikyaku(['api', 'mta.domains.send', ...message], asSender);
    assert.equal(sent.status, 0, sent.stderr);
    const task = JSON.parse(sent.stdout);
    assert.equal(task.status, 'succeeded');
    assert.equal((await hikyaku(['api', 'edj.topics.list'], asSender)).status, 1);

    const event = await eventually('the delivery is an event', async () => {
      const { items } = await api('edj.events.list', topic.id, '--limit', '10');
      return items.find((item: Json) => item.name === 'delivered');
    });
    assert.equal(event.content.recipient.address, 'someone@elsewhere.test');
    assert.equal(event.content.id, task.result.id);
    const words = await hikyaku(['message', task.result.id], env);
    assert.equal(words.status, 0, words.stderr);
    assert.match(words.stdout, new RegExp(`outgoing message ${task.result.id}`));
    assert.match(words.stdout, /<someone@elsewhere\.test> is delivered at \d{4}-/);
    assert.match(words.stdout, /attempt 1: delivered at 127\.0\.0\.1.*: 250 2\.0\.0/);
    const trace = JSON.parse((await hikyaku(['message', task.result.id, '--json'], env)).stdout);
    assert.equal(trace.recipients[0].state, 'delivered');
    const raw = await hikyaku(['api', 'mta.messages.raw.get', task.result.id], env);
    assert.match(raw.stdout, /^Subject: Order 1\r$/m);
  });

  test('keys: made, listed, removed, by default those of the own API client', async () => {
    const made = await hikyaku(['key', 'create', '--expires-at', '2099-01-01T00:00:00Z'], env);
    assert.equal(made.status, 0, made.stderr);
    const [, id, secret] = /key id {2}(\S+)\nsecret {2}(\S+)/.exec(made.stdout)!;
    const { ready } = journey.service;
    assert.match(made.stdout, new RegExp(`^SMTP: host \\S+, port ${portOf(ready.submissions)} `, 'm'));
    assert.match(made.stdout, new RegExp(`^HTTP API: http://localhost:${portOf(ready.http)},`, 'm'));
    const listed: Json[] = JSON.parse((await hikyaku(['key', 'list', '--json'], env)).stdout);
    assert.equal(listed.find((key) => key.id === id).expires_at, '2099-01-01T00:00:00.000Z');
    assert.ok(listed.some((key) => key.id === journey.who.key.id));
    const own = accessOf({ id: id!, secret: secret! });
    assert.equal((await hikyaku(['key', 'list'], own)).status, 0);
    assert.equal((await hikyaku(['key', 'delete', id!], env)).status, 0);
    const after = await hikyaku(['key', 'list'], own);
    assert.equal(after.status, 1);
    assert.match(after.stderr, /401 Unauthenticated/);
    assert.ok(!after.stderr.includes(secret!));
  });

  test('listen posts events to a hook here, signed like any', async () => {
    const got: { headers: Json; body: string }[] = [];
    const hook = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      got.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      response.writeHead(got.length === 1 ? 204 : 500).end();
    });
    hook.listen(0, '127.0.0.1');
    await once(hook, 'listening');
    const { port } = hook.address() as { port: number };
    const publish = (text: string) =>
      api('edj.topics.publish', '--self', journey.who.topic_id, '--message', text, '--is-sync', 'true');
    await publish('before: not meant');
    const forward = `http://127.0.0.1:${port}/path`;
    const child = spawn(
      process.execPath,
      [HIKYAKU, 'listen', '--topic', journey.who.topic_id, '--forward', forward, '--count', '2', '--json'],
      { env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    const closed = once(child, 'close');
    const [line] = await once(createInterface({ input: child.stderr }), 'line');
    const secret = /signing with (whsec_\S+)/.exec(line)![1]!;
    const first = await publish('first');
    await publish('second');
    assert.deepEqual(await closed, [0, null]);
    hook.close();
    hook.closeAllConnections();
    assert.deepEqual(
      JSON.parse(stdout).map(({ name, status }: Json) => [name, status]),
      [
        ['publish', 204],
        ['publish', 500],
      ],
    );
    const { headers, body } = got[0]!;
    const event = JSON.parse(body);
    assert.equal(event.id, first.result.event_id);
    assert.equal(event.content.message, 'first');
    assert.equal(event.topic_id, journey.who.topic_id);
    assert.equal(headers['webhook-id'], event.id);
    const signed = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
      .update(`${event.id}.${headers['webhook-timestamp']}.${body}`)
      .digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${signed}`);
  });

  test('wrong usage is 2 and names what is wrong; a refusal is 1; stdout stays empty', async () => {
    const wrong: [string[], RegExp][] = [
      [['api'], /--list/],
      [['api', 'mta.domains.creates'], /similar names: .*mta\.domains\.create/],
      [['api', 'mta.domains.get'], /takes id, but 0 were given/],
      [['api', 'edj.topics.create', '--nmae', 'x'], /has no --nmae; it has --name/],
      [['api', 'edj.topics.create', '--json', '{'], /--json/],
      [['api', 'edj.topics.list', '--json', '{}'], /takes no body/],
      [['key', 'steal'], /create, list, delete/],
      [['key', 'delete'], /id of one key/],
      [['message'], /id of one message/],
      [['listen', '--forward', 'http://hook.example/'], /on this machine/],
    ];
    for (const [args, reason] of wrong) {
      const { status, stdout, stderr } = await hikyaku(args, env);
      assert.deepEqual([status, stdout], [2, ''], `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, reason);
    }
    const failing: [string[], Record<string, string>, RegExp][] = [
      [['message', 'nothing'], env, /404 Not found/],
      [['api', 'edj.topics.list'], { ...env, HIKYAKU_API_URL: 'http://127.0.0.1:1' }, /no service answers/],
      [['api', '--key-secret', 'other', 'edj.topics.list'], env, /401/],
      [['api', 'edj.topics.list'], { ...env, HIKYAKU_API_URL: 'ftp://x' }, /HIKYAKU_API_URL/],
    ];
    for (const [args, where, reason] of failing) {
      const { status, stdout, stderr } = await hikyaku(args, where);
      assert.deepEqual([status, stdout], [1, ''], `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, reason);
    }
    // The variables of the commands are no error next to the service's own.
    await bootstrap({ ...journey.service.env, ...env }, 'again.test');
  });
});
