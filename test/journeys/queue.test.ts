/**
 * People and the queue: why mail waits; retry, cancel, bounce, suspend and resume; held mail that is sent;
 * notices.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, hikyaku } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

const stage = (more: Record<string, string> = {}) =>
  startJourney(more, 'admin', ['--fail', 'wait*@out.test=451', '--fail', 'never*@out.test=550']);

async function submit({ service, who }: Journey, to: readonly string[], header = ''): Promise<string> {
  await using client = await openSmtp(service.ready.submissions, 'implicit');
  assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
  const message = `From: <a@sender.test>\r\n${header}Subject: queue\r\n\r\nbody\r\n`;
  return await send(client, 'a@sender.test', to, Buffer.from(message));
}

test('waiting mail says why, is retried, returned and taken back by filter, and each deed is recorded', async () => {
  await using s = await stage();
  const { call } = s;
  for (const name of ['wait1', 'wait2', 'wait3']) await submit(s, [`${name}@out.test`]);
  const waiting = await eventually('three wait', async () => {
    const { json } = await call('GET', '/mta/v1/queues/recipients?state=deferred');
    return json.items.length === 3 ? json.items : null;
  });
  assert.match(waiting[0].reason, /^451 /);
  const lanes = (await call('GET', '/mta/v1/queues')).json;
  assert.deepEqual([lanes.depth.deferred, lanes.items.length, lanes.items[0].deferred], [3, 1, 3]);

  const dry = await call('POST', '/mta/v1/queues', {
    action: 'cancel',
    filter: { domain: 'out.test' },
    dry_run: true,
  });
  assert.deepEqual([dry.status, dry.json.matched, dry.json.changed], [200, 3, 0]);
  const before = waiting.find((row: { address: string }) => row.address === 'wait1@out.test').attempts;
  const retried = await call('POST', '/mta/v1/queues', {
    action: 'retry',
    filter: { sender: 'a@sender.test' },
  });
  assert.equal(retried.json.changed, 3);
  await eventually('another attempt', async () => {
    const { json } = await call('GET', '/mta/v1/queues/recipients?state=deferred');
    return json.items.length === 3 && json.items.every((row: { attempts: number }) => row.attempts > before);
  });
  const none = await call('POST', '/mta/v1/queues', {
    action: 'cancel',
    filter: { sender: 'b@sender.test' },
  });
  assert.deepEqual([none.json.matched, none.json.changed], [0, 0]);
  const cancelled = await call('POST', '/mta/v1/queues', {
    action: 'cancel',
    all: true,
    reason: 'sent by mistake',
  });
  assert.equal(cancelled.json.changed, 3);
  assert.deepEqual((await call('GET', '/mta/v1/queues')).json.depth, { queued: 0, deferred: 0, held: 0 });
  const log = (await call('GET', '/mta/v1/queues/operations')).json.items;
  assert.deepEqual(
    log.map((one: { action: string; changed: number }) => [one.action, one.changed]),
    [
      ['cancel', 3],
      ['cancel', 0],
      ['retry', 3],
    ],
  );
  assert.match(log[0].actor, /^api_client /);
});

test('the operator suspends and resumes from the command line; what is suspended is held and then flows out', async () => {
  await using s = await stage();
  const { call } = s;
  const suspended = await hikyaku(
    ['queue', 'suspend', '--domain', 'out.test', '--for', '1h', '--reason', 'moving house', '--json'],
    s.service.env,
  );
  assert.equal(suspended.status, 0, suspended.stderr);
  const { suspension } = JSON.parse(suspended.stdout);
  assert.match(await submit(s, ['x@out.test']), /^250/);
  const held = await eventually('it is held', async () => {
    const { json } = await call('GET', '/mta/v1/queues/recipients?state=held');
    return json.items[0];
  });
  assert.equal(held.reason, 'suspended: moving house');
  assert.equal((await s.sink.messages()).length, 0);
  const shown = await hikyaku(['queue', 'show', '--state', 'held', '--json'], s.service.env);
  assert.equal(JSON.parse(shown.stdout)[0].reason, 'suspended: moving house');
  const resumed = await hikyaku(['queue', 'resume', '--id', suspension], s.service.env);
  assert.equal(resumed.status, 0, resumed.stderr);
  await eventually('it arrives', async () => (await s.sink.messages()).length === 1);
  assert.equal((await hikyaku(['queue', 'resume', '--id', suspension], s.service.env)).status, 1);
  assert.equal((await hikyaku(['queue', 'explode'], s.service.env)).status, 2);
});

test('over the limit, mail of a project that chose so is held and not refused', async () => {
  await using s = await stage({ HIKYAKU_LIMIT_PER_MINUTE: '1' });
  const { call } = s;
  assert.match(await submit(s, ['one@out.test']), /^250/);
  assert.match(await submit(s, ['two@out.test']), /^452/);
  const settings = await call('PATCH', '/mta/v1/settings', { over_limit: 'hold' });
  assert.deepEqual([settings.status, settings.json.over_limit], [200, 'hold']);
  assert.match(await submit(s, ['two@out.test']), /^250/);
  const { json } = await call('GET', '/mta/v1/queues/recipients?state=held');
  assert.equal(json.items.length, 1);
  assert.match(json.items[0].reason, /over the sending limit of 1 recipients per minute/);
});

test('a refused message comes back as a notification, with ENVID and ORCPT; NEVER and the API ask for none', async () => {
  await using s = await stage();
  const { call } = s;
  const inbox = async () =>
    (await call('GET', `/edj/v1/topics/${s.who.topic_id}/events?full=true`)).json.items.filter(
      (event: { name: string }) => event.name === 'incoming',
    );
  await using client = await openSmtp(s.service.ready.submissions, 'implicit');
  await client.command(plain(s.who.key.id, s.who.key.secret));
  assert.match(await client.command('EHLO client.test'), /^250-DSN$/m);
  const message = Buffer.from('From: <a@sender.test>\r\nSubject: lost\r\n\r\nsecret body\r\n');
  const transact = async (mail: string, rcpt: string) => {
    assert.match(await client.command(`MAIL FROM:<a@sender.test>${mail}`), /^250/);
    assert.match(await client.command(`RCPT TO:${rcpt}`), /^250/);
    assert.match(await client.data(message), /^250/);
  };
  await transact('', '<never2@out.test> NOTIFY=NEVER');
  await transact(' RET=HDRS ENVID=QQ+3D1', '<never1@out.test> NOTIFY=FAILURE ORCPT=rfc822;first@out.test');
  const [notice] = await eventually('the notice', async () => {
    const all = await inbox();
    return all.length > 0 ? all : null;
  });
  const { body, envelope } = notice.content;
  assert.equal(envelope.mail_from, '');
  assert.match(body, /Action: failed/);
  assert.match(body, /Original-Envelope-Id: QQ\+3D1/);
  assert.match(body, /Original-Recipient: rfc822; first@out\.test/);
  assert.match(body, /Final-Recipient: rfc822; never1@out\.test/);
  assert.ok(!body.includes('secret body'));
  await transact('', '<fine@sender.test> NOTIFY=SUCCESS');
  const told = await eventually('the success', async () => {
    const all = await inbox();
    return all.find((event: { content: { body: string } }) =>
      event.content.body.includes('Action: delivered'),
    );
  });
  assert.match(told.content.body, /Status: 2\.1\.5/);
  assert.equal(
    (await inbox()).filter((event: { content: { body: string } }) => /never2/.test(event.content.body))
      .length,
    0,
  );
  assert.match(await client.command('MAIL FROM:<a@sender.test> RET=SOME'), /^501/);
  await client.command('MAIL FROM:<a@sender.test>');
  assert.match(await client.command('RCPT TO:<x@out.test> NOTIFY=NEVER,SUCCESS'), /^501/);
  assert.match(await client.command('RCPT TO:<x@out.test> ORCPT=nonsense'), /^501/);
});

test('an Idempotency-Key header field sends once per recipient, with the same answer, and does not travel', async () => {
  await using s = await stage();
  const header = 'Idempotency-Key: order-17\r\n';
  const first = await submit(s, ['x@out.test'], header);
  assert.match(first, /^250/);
  assert.equal(await submit(s, ['x@out.test'], header), first);
  assert.equal(await submit(s, ['x@OUT.Test'], header), first, 'the same recipient in another spelling');
  assert.match(await submit(s, ['x@out.test', 'y@out.test'], header), /^250/);
  const sent = await eventually('two arrive', async () => {
    const all = await s.sink.messages();
    return all.length === 2 ? all : null;
  });
  assert.deepEqual(sent.flatMap(({ rcpt_to }) => rcpt_to).sort(), ['x@out.test', 'y@out.test']);
  assert.ok(
    sent.every(({ raw_base64 }) => !Buffer.from(raw_base64, 'base64').toString().includes('order-17')),
  );
  assert.match(await submit(s, ['z@out.test'], 'Idempotency-Key: two words\r\n'), /^554/);
});
