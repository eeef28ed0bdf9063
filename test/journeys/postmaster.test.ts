/** Mail to the host's postmaster goes to the operator or to nobody, never to a tenant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bootstrapped, bootstrap, eventually, type Running, startService } from './harness.ts';
import { authorization } from './journey.ts';
import { openSmtp } from './raw-smtp.ts';

const HOST = { HIKYAKU_HOSTNAME: 'mail.sender.test' };
const FORMS = ['postmaster', 'PostMaster', 'postmaster@mail.sender.test', 'Postmaster@MAIL.Sender.Test'];

/** Sends one message to the recipients; returns the answers to RCPT. */
async function send(service: Running, to: readonly string[], subject: string): Promise<string[]> {
  await using client = await openSmtp(service.ready.mx);
  await client.command('EHLO client.test');
  await client.command('MAIL FROM:<a@b.test>');
  const answers: string[] = [];
  for (const one of to) answers.push(await client.command(`RCPT TO:<${one}>`));
  if (answers.some((answer) => answer.startsWith('250'))) {
    assert.match(await client.data(Buffer.from(`Subject: ${subject}\r\n\r\nx\r\n`)), /^250 /);
  }
  return answers;
}
// biome-ignore lint/suspicious/noExplicitAny: events of many shapes
async function events(service: Running, who: Bootstrapped): Promise<any[]> {
  const answer = await fetch(`http://${service.ready.http}/edj/v1/topics/${who.topic_id}/events`, {
    headers: { authorization: authorization(who) },
  });
  return ((await answer.json()) as { items: { content: unknown }[] }).items;
}

test('without an operator: 550 5.1.1, though a tenant was here first and holds the host’s own domain', async () => {
  await using service = await startService(HOST);
  const first = await bootstrap(service.env, 'first.test', '--project', 'first');
  const holder = await bootstrap(service.env, 'sender.test', '--project', 'holder');
  for (const answer of await send(service, FORMS, 'x')) assert.match(answer, /^550 5\.1\.1 /);
  assert.deepEqual([await events(service, first), await events(service, holder)], [[], []]);
  const [own] = await send(service, ['postmaster@first.test'], 'to the tenant');
  assert.match(own!, /^250 /, 'a tenant’s own postmaster stays the tenant’s');
});

test('the operator’s API client: the first topic of its project, in no domain, and no tenant sees it', async () => {
  await using service = await startService(HOST);
  const tenant = await bootstrap(service.env, 'sender.test', '--project', 'tenant');
  await bootstrap(service.env, 'ops.test', '--project', 'ops', '--role', 'operator');
  const operator = await bootstrap(service.env, 'ops.test', '--project', 'ops', '--role', 'admin');
  for (const answer of await send(service, FORMS, 'for the operator')) assert.match(answer, /^250 /);
  const [event] = await eventually('the event', async () => {
    const all = await events(service, operator);
    return all.length > 0 ? all : undefined;
  });
  assert.deepEqual(event.content.envelope, { mail_from: 'a@b.test', recipients: FORMS });
  assert.deepEqual([event.content.domain, event.content.rule], [null, null]);
  assert.deepEqual(await events(service, tenant), []);
});

test('an operator among the members of the project that holds the host’s own domain: by its rules', async () => {
  await using service = await startService(HOST);
  await bootstrap(service.env, 'ops.test', '--project', 'ops', '--email', 'op@ops.test', '--operator');
  const holder = await bootstrap(service.env, 'sender.test', '--project', 'holder');
  assert.match((await send(service, ['postmaster'], 'x'))[0]!, /^550 5\.1\.1 /, 'he is no member here yet');
  await bootstrap(service.env, 'sender.test', '--project', 'holder', '--email', 'op@ops.test');
  const answers = await send(service, ['postmaster', 'postmaster@mail.sender.test'], 'by its rules');
  for (const answer of answers) assert.match(answer, /^250 /);
  const [event] = await eventually('the event', async () => {
    const all = await events(service, holder);
    return all.length > 0 ? all : undefined;
  });
  assert.equal(event.content.domain.name, 'sender.test');
});
