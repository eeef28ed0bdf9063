/**
 * Mail that stopped the service for seconds when it was shown (450 kB of nested messages, a From of 9 MB,
 * flowed and empty lines), from port 25 to the list and one event: it is parsed once, into a few hundred
 * octets, and its defects are named.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp } from './raw-smtp.ts';

let journey: Journey;
before(async () => {
  journey = await startJourney();
});
after(() => journey[Symbol.asyncDispose]());

const FROM = 'From: <x@elsewhere.test>\r\n';
const INPUTS: readonly {
  name: string;
  mail: string;
  parts: number;
  text: boolean;
  defects: string[] | undefined;
}[] = [
  {
    name: '48 messages within each other, 150,000 short lines',
    mail: `${`${FROM}Content-Type: message/rfc822\r\n\r\n`.repeat(48)}${FROM}\r\n${'x\r\n'.repeat(150_000)}`,
    parts: 1,
    text: false,
    defects: undefined,
  },
  {
    name: 'a From of 9 MB',
    mail: `From: ${'"a" <a@elsewhere.test>,\r\n '.repeat(375_000)}<b@elsewhere.test>\r\n\r\nx\r\n`,
    parts: 0,
    text: true,
    defects: ['header-too-large', 'from-missing'],
  },
  {
    name: '0.64 MB of flowed lines',
    mail: `${FROM}Content-Type: text/plain; format=flowed\r\n\r\n${'x \r\n'.repeat(160_000)}`,
    parts: 0,
    text: true,
    defects: ['text-cut'],
  },
  {
    name: '0.64 MB of empty lines',
    mail: `${FROM}\r\n${'\r\n'.repeat(320_000)}`,
    parts: 0,
    text: true,
    defects: ['text-cut'],
  },
];

async function deliver(mail: string): Promise<void> {
  await using client = await openSmtp(journey.service.ready.mx);
  await client.command('MAIL FROM:<x@elsewhere.test>');
  assert.match(await client.command('RCPT TO:<inbox@sender.test>'), /^250/);
  assert.match(await client.data(Buffer.from(mail)), /^250 2\.0\.0 accepted /);
}
const newest = async (): Promise<Json> =>
  (await journey.call('GET', `/edj/v1/topics/${journey.who.topic_id}/events?limit=1`)).json.items[0];

for (const { name, mail, parts, text, defects } of INPUTS)
  test(name, async () => {
    await deliver(mail);
    const listed = await newest();
    assert.deepEqual(listed.content.defects, defects);
    assert.equal(listed.content.parsed.attachments.length, parts);
    assert.equal(listed.content.parsed.text !== null, text);
    assert.ok((listed.content.parsed.text ?? '').length <= 256 * 1024);
    assert.deepEqual(await newest(), listed);
    const { json: whole } = await journey.call('GET', `/edj/v1/events/${listed.id}`);
    assert.deepEqual(whole.content.parsed, listed.content.parsed);
    assert.ok(mail.endsWith(whole.content.body));
  });
