/** A proxy in front of the real service: mail that comes through it is traced and counted as its client's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWire, openWireTls } from '../../src/testing/wire-client.ts';
import { eventually, portOf } from './harness.ts';
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
