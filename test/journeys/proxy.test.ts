/**
 * A proxy in front of the real service: mail through it is traced and counted under the address of its
 * client.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWire, openWireTls } from '../../src/testing/wire-client.ts';
import { bootstrap, eventually, portOf } from './harness.ts';
import { startJourney } from './journey.ts';

const header = (source: string) => `PROXY TCP4 ${source} 203.0.113.25 56319 25\r\n`;

test('behind a trusted proxy the client is the peer in Received and for the counters of AUTH', async () => {
  await using journey = await startJourney({ HIKYAKU_TRUSTED_PROXIES: '127.0.0.8/30' });
  const { ready } = journey.service;
  const mx = openWire(portOf(ready.mx), { from: '127.0.0.9', first: header('198.51.100.7') });
  await mx.until(/^220 /);
  await mx.ask('EHLO client.test\r\n', /250 HELP/);
  await mx.ask('MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<someone@sender.test>\r\nDATA\r\n', /354 /);
  await mx.ask('From: <a@elsewhere.test>\r\nSubject: through\r\n\r\nx\r\n.\r\n', /250 2\.0\.0 accepted/);
  mx.socket.destroy();
  const event = await eventually('the event of the message', async () => {
    const { json } = await journey.call('GET', `/edj/v1/topics/${journey.who.topic_id}/events`);
    return json.items.find(({ summary }: { summary: string }) => summary.includes('Subject: through'));
  });
  assert.match(event.content.header_map.Received[0], /^from client\.test \(\[198\.51\.100\.7\]\)/);

  async function authenticate(source: string): Promise<string> {
    const client = await openWireTls(portOf(ready.submissions), '127.0.0.9', header(source));
    await client.until(/^220 /);
    await client.ask('EHLO client.test\r\n', /250 HELP/);
    const wrong = Buffer.from(`\0${journey.who.key.id}\0wrong`).toString('base64');
    const answer = await client.ask(`AUTH PLAIN ${wrong}\r\n`, /\r\n/);
    client.socket.destroy();
    return answer.slice(0, 3);
  }
  const answers: string[] = [];
  while (answers.at(-1) !== '421' && answers.length < 200) answers.push(await authenticate('198.51.100.8'));
  assert.deepEqual([answers.at(0), answers.at(-1)], ['535', '421']);
  assert.equal(await authenticate('198.51.100.9'), '535');
});

const HEADER_6 = (source: string) => `PROXY TCP6 ${source} 2001:db8:ffff::1 56319 25\r\n`;
/** Sixty addresses of one /64. */
const SIXTY = Array.from({ length: 60 }, (_, i) => `2001:db8:0:1::${(i + 1).toString(16)}`);

test('wrong secrets from sixty addresses of one /64 behind the proxy: ten are judged, others are not held up', async () => {
  await using journey = await startJourney({ HIKYAKU_TRUSTED_PROXIES: '127.0.0.8/30' });
  const { ready } = journey.service;
  async function authenticate(source: string, name: string): Promise<string> {
    const client = await openWireTls(portOf(ready.submissions), '127.0.0.9', HEADER_6(source));
    await client.until(/^220 /);
    await client.ask('EHLO client.test\r\n', /250 HELP/);
    const wrong = Buffer.from(`\0${name}\0wrong`).toString('base64');
    const answer = await client.ask(`AUTH PLAIN ${wrong}\r\n`, /\r\n/);
    client.socket.destroy();
    return answer.slice(0, 3);
  }
  const answers: string[] = [];
  for (let from = 0; from < SIXTY.length; from += 20) {
    const some = SIXTY.slice(from, from + 20);
    answers.push(...(await Promise.all(some.map((source, i) => authenticate(source, `key ${from + i}`)))));
  }
  assert.equal(answers.filter((code) => code === '535').length, 10);
  assert.equal(answers.filter((code) => code === '421').length, 50);
  assert.equal(await authenticate('2001:db8:0:2::1', journey.who.key.id), '535');
});

test('harvesting from a /64 behind the proxy is late, and then it learns of nobody; others are served', async () => {
  await using journey = await startJourney({ HIKYAKU_TRUSTED_PROXIES: '127.0.0.8/30' });
  const { ready } = journey.service;
  const { domain_id: id } = await bootstrap(journey.service.env, 'closed.test', '--project', 'journey');
  const rules = `/mta/v1/domains/${id}/incoming_rules`;
  for (const rule of (await journey.call('GET', rules)).json.items)
    await journey.call('DELETE', `${rules}/${rule.id}`);
  const topic = await journey.call('POST', '/edj/v1/topics', { name: 'closed' });
  const rule = { type: 'account', local_part: 'inbox', topic: { self: topic.json.self } };
  assert.equal((await journey.call('POST', rules, rule)).status, 201);

  async function begin(source: string) {
    const client = openWire(portOf(ready.mx), { from: '127.0.0.9', first: HEADER_6(source) });
    await client.until(/^220 /);
    await client.ask('EHLO client.test\r\n', /250 HELP/);
    await client.ask('MAIL FROM:<a@elsewhere.test>\r\n', /250 2\.1\.0/);
    return client;
  }
  async function rcpt(source: string, local: string): Promise<string> {
    const client = await begin(source);
    const answer = await client.ask(`RCPT TO:<${local}@closed.test>\r\n`, /\r\n/);
    client.socket.destroy();
    return answer.slice(0, 9);
  }
  for (let i = 0; i < 20; i += 1) assert.equal(await rcpt(SIXTY[i]!, `guess${i}`), '550 5.1.1');
  const crowd = await Promise.all(SIXTY.slice(0, 40).map(begin));
  for (const [i, client] of crowd.entries()) {
    const guesses = Array.from({ length: 15 }, (_, k) => `RCPT TO:<guess${i}-${k}@closed.test>\r\n`);
    client.socket.write(guesses.join(''));
  }
  await eventually('no answer for anybody', async () => (await rcpt(SIXTY[59]!, 'inbox')) === '451 4.7.1');
  assert.equal(await rcpt('2001:db8:0:2::1', 'inbox'), '250 2.1.5');
  assert.equal(await rcpt('2001:db8:0:2::1', 'guess'), '550 5.1.1');
  for (const { socket } of crowd) socket.resetAndDestroy();
});
