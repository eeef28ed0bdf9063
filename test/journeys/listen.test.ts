/** What `hikyaku listen` posts has the same octets as what a subscriber's hook gets; so has `?as=hook`. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request as ask, createServer, type IncomingHttpHeaders } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from './harness.ts';
import { authorization, type Journey, startJourney } from './journey.ts';
import { openSmtp, send } from './raw-smtp.ts';
import { largeMail } from './stored-events.ts';

const HIKYAKU = fileURLToPath(new URL('../../bin/hikyaku.js', import.meta.url));
const MIXED = [
  'From: =?utf-8?B?44GT44KT?= <writer@elsewhere.test>',
  'To: in@sender.test',
  'Subject: with parts',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'text',
  '--b',
  'Content-Type: image/png; name=a.png',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename=a.png',
  '',
  'iVBORw0KGgo=',
  '--b--',
  '',
].join('\r\n');

interface Hook extends AsyncDisposable {
  readonly url: string;
  /** Bodies by event id. */
  readonly got: Map<string, { readonly headers: IncomingHttpHeaders; readonly body: Buffer }>;
}
async function startHook(): Promise<Hook> {
  const got: Hook['got'] = new Map();
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    got.set(String(request.headers['webhook-id']), { headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`,
    got,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(url: string, { key }: Journey['who'], args: readonly string[]) {
  return spawn(process.execPath, [HIKYAKU, 'listen', ...args], {
    env: {
      ...process.env,
      HIKYAKU_API_URL: url,
      HIKYAKU_API_KEY_ID: key.id,
      HIKYAKU_API_KEY_SECRET: key.secret,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
/** A proxy before a service: it refuses event requests once at each path, with Retry-After. */
async function startBusy(service: string) {
  const refused = new Set<string>();
  const server = createServer((request, response) => {
    const [path] = request.url!.split('?') as [string];
    const isFirst = /events\?wait|as=hook/.test(request.url!) && !refused.has(path);
    if (isFirst) {
      refused.add(path);
      response.writeHead(refused.size === 1 ? 429 : 503, { 'retry-after': '1' }).end();
      return;
    }
    const { method = 'GET', headers, url } = request;
    ask(`${service}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    refused,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

describe('the octets of a hook', () => {
  let journey: Journey;
  before(async () => {
    journey = await startJourney();
  });
  after(() => journey[Symbol.asyncDispose]());

  test('a hook, an inline hook, listen and as=hook agree, for what is small and what is 9 MB', async () => {
    const { who, service } = journey;
    const base = `http://${service.ready.http}`;
    await using plain = await startHook();
    await using inline = await startHook();
    await using here = await startHook();
    for (const [hook, isInline] of [
      [plain, false],
      [inline, true],
    ] as const) {
      const made = await journey.call('POST', `/edj/v1/topics/${who.topic_id}/subscribers`, {
        type: 'http',
        url: hook.url,
        inline: isInline,
      });
      assert.equal(made.status, 201);
    }
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const child = listen(base, who, [
      '--topic',
      who.topic_id,
      '--forward',
      here.url,
      '--secret',
      secret,
      '--count',
      '3',
    ]);
    await once(child.stderr, 'data');
    const closed = once(child, 'close');
    await using smtp = await openSmtp(service.ready.mx);
    const large = largeMail(9_000_000);
    for (const mail of [Buffer.from(MIXED), large])
      assert.match(await send(smtp, 'w@elsewhere.test', ['in@sender.test'], mail), /^250 /);
    await journey.call('POST', '/edj/v1/tasks', {
      procedure: 'publish',
      arguments: { self: `${base}/edj/v1/topics/${who.topic_id}`, message: '知らせ' },
    });
    assert.deepEqual(await closed, [0, null]);
    await eventually('both hooks have all', async () => plain.got.size === 3 && inline.got.size === 3, 60);
    const asHook = async (id: string, query = '') => {
      const answer = await fetch(`${base}/edj/v1/events/${id}?as=hook${query}`, {
        headers: { authorization: authorization(who) },
      });
      return Buffer.from(await answer.arrayBuffer());
    };
    const told = [...plain.got.values()].find(({ body }) => body.length > 9_000_000);
    const { raw_url: url } = JSON.parse(told!.body.toString('utf8')).content;
    const raw = await fetch(url, { headers: { authorization: authorization(who) } });
    const octets = Buffer.from(await raw.arrayBuffer());
    assert.equal(raw.headers.get('content-length'), String(octets.length));
    assert.ok(octets.subarray(-large.length).equals(large), 'the raw message, behind our trace');
    for (const [id, { body }] of plain.got) {
      const posted = here.got.get(id)!;
      assert.ok(posted.body.equals(body), 'listen');
      assert.ok((await asHook(id)).equals(body), 'as=hook');
      assert.ok((await asHook(id, '&inline=true')).equals(inline.got.get(id)!.body), 'inline');
      assert.ok(typeof JSON.parse(body.toString('utf8')).topic_id === 'string');
      const signed = createHmac('sha256', Buffer.alloc(32, 7))
        .update(`${id}.${posted.headers['webhook-timestamp']}.`)
        .update(posted.body)
        .digest('base64');
      assert.equal(posted.headers['webhook-signature'], `v1,${signed}`);
    }
    assert.ok([...inline.got].some(([id, { body }]) => !body.equals(plain.got.get(id)!.body)));
  });

  test('listen comes again to a service that is too busy', async () => {
    const { who, service } = journey;
    const base = `http://${service.ready.http}`;
    await using here = await startHook();
    await using busy = await startBusy(base);
    const child = listen(busy.url, who, ['--topic', who.topic_id, '--forward', here.url, '--count', '1']);
    await once(child.stderr, 'data');
    const closed = once(child, 'close');
    await journey.call('POST', '/edj/v1/tasks', {
      procedure: 'publish',
      arguments: { self: `${base}/edj/v1/topics/${who.topic_id}`, message: 'news' },
    });
    assert.deepEqual(await closed, [0, null]);
    assert.deepEqual([here.got.size, busy.refused.size], [1, 2]);
  });
});
