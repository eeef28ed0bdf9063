/** Notifications that the real dispatcher sends to a faithful fake of Pushover's API. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_EXAMPLES } from '../../contract/event-examples.ts';
import { EVENT_NAMES, EVENTS } from '../../contract/events.ts';
import { readSettings, SettingsError } from '../../runtime/settings.ts';
import { openEdjRig, PUBLIC_URL } from '../../testing/edj-rig.ts';
import { type FakePushover, startFakePushover } from '../../testing/fake-pushover.ts';
import type { EventRow } from '../topics.ts';
import { pushover } from './pushover.ts';

const settingsFor = ({ user, token, endpoint }: FakePushover, more: Record<string, unknown> = {}) => ({
  ...{ user, token, api_url: endpoint },
  ...more,
});
/** The sample of a received message, written by a stranger. */
const mail =
  (subject: string, text: string, name: string | null = null) =>
  ({ content }: EventRow): Partial<EventRow> => {
    const of = content as { parsed: object };
    const from = [{ name, address: 'writer@example.net' }];
    const summary = `Subject: x\n\n${text}`;
    return { content: { ...of, parsed: { ...of.parsed, subject, from } }, summary };
  };

for (const language of ['en', 'ja'] as const)
  test(`a sample of every event arrives as its preview shows it (${language})`, async () => {
    await using fake = await startFakePushover();
    await using rig = await openEdjRig();
    const subscriber = await rig.subscribe('pushover', settingsFor(fake, { language }));
    for (const name of EVENT_NAMES) {
      const preview = await rig.samples.preview(rig.targetOf(subscriber), rig.place, name);
      const event = await rig.publish(name);
      const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
      assert.deepEqual(lastResult, { status: 200 }, name);
      const hidden = fake.bodies.at(-1)!.replace(fake.user, '***').replace(fake.token, '***');
      assert.equal(hidden, preview.body, name);
      const { title, message, ...rest } = fake.messages.at(-1)!;
      const { content } = EVENT_EXAMPLES[name];
      assert.equal(
        title,
        'parsed' in content ? `[Test] ${content.parsed.subject}` : EVENTS[name].when[language],
        name,
      );
      assert.match(String(message), /これはテストです。/, name);
      assert.deepEqual(rest, {
        token: fake.token,
        user: fake.user,
        timestamp: 1767323045,
        priority: 0,
        url: `${PUBLIC_URL}/#/topics/${rig.place.topicId}?tab=events`,
        url_title: language === 'en' ? 'Show in the console' : 'コンソールで表示',
      });
    }
    assert.equal(fake.messages.length, EVENT_NAMES.length);
  });

test('an emergency with every setting: the subject moves into the message', async () => {
  await using fake = await startFakePushover();
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe(
    'pushover',
    settingsFor(fake, {
      ...{ priority: 2, retry: 30, expire: 10_800, device: 'phone,tablet', sound: 'siren', excerpt: false },
      ...{ title: '注文', url: 'https://shop.test/orders', url_title: '開く' },
    }),
  );
  const event = await rig.publish('incoming', mail('Order 12', 'a secret'));
  await rig.settled(subscriber, event, 'done');
  const { token: _, user: __, timestamp: ___, ...sent } = fake.messages[0]!;
  assert.deepEqual(sent, {
    title: '注文',
    message: 'Order 12\nFrom: writer@example.\u2060net\nTo: orders@example.\u2060com',
    ...{ priority: 2, retry: 30, expire: 10_800, device: 'phone,tablet', sound: 'siren' },
    ...{ url: 'https://shop.test/orders', url_title: '開く' },
  });
});

test('nothing that a stranger writes becomes a link or markup, and all of it fits', async () => {
  await using fake = await startFakePushover();
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('pushover', settingsFor(fake));
  const hostile = [
    'https://evil.example/a.b http://192.0.2.1 www.evil.example evil．example',
    '<a href="https://evil.example">x</a> <b>b</b>',
    'a\u202etxt.exe\u200bb\u0000\u0007c\u2028d\ud800',
    '𝒳'.repeat(5000),
    'a.b'.repeat(5000),
    '\u200b\u0000 \n',
  ];
  for (const text of hostile) {
    const event = await rig.publish('incoming', mail(text, text, text));
    const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
    assert.deepEqual(lastResult, { status: 200 }, text.slice(0, 60));
    const { title, message, html, monospace } = fake.messages.at(-1)!;
    assert.deepEqual([html, monospace], [undefined, undefined]);
    for (const shown of [String(title), String(message)]) {
      assert.doesNotMatch(shown, /:\/\/|[\p{L}\p{N}][.．][\p{L}\p{N}]/u, text.slice(0, 60));
      assert.doesNotMatch(
        shown,
        /[\p{Cs}\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b]/u,
      );
    }
  }
  const visible = (nth: number) => String(fake.messages[nth]!['title']).replaceAll('\u2060', '');
  assert.equal(visible(0), hostile[0]);
  assert.equal(visible(1), hostile[1]);
  assert.equal(visible(2), 'atxt.exeb  c d\ufffd'.replace('  ', ' '));
  assert.equal(visible(3), `${'𝒳'.repeat(249)}…`);
  assert.equal(visible(5), EVENTS.incoming.when.en);
});

test('a published text without anything visible is sent as the name of its event', async () => {
  await using fake = await startFakePushover();
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('pushover', settingsFor(fake));
  const event = await rig.publish('publish', () => ({ content: { message: ' ' }, summary: ' ' }));
  await rig.settled(subscriber, event, 'done');
  assert.equal(fake.messages[0]!['message'], EVENTS.publish.label.en);
});

test('a wrong key of the user or the application ends the delivery: gone', async () => {
  await using fake = await startFakePushover();
  await using rig = await openEdjRig();
  for (const wrong of ['user', 'token']) {
    const subscriber = await rig.subscribe('pushover', settingsFor(fake, { [wrong]: 'w'.repeat(30) }));
    const event = await rig.publish('bounced');
    const { state, lastResult } = await rig.settled(subscriber, event, 'dead');
    assert.equal(state, 'dead');
    assert.match(JSON.stringify(lastResult), new RegExp(`${wrong}.*invalid`));
    const { signal } = new AbortController();
    const tested = await rig.samples.test(rig.targetOf(subscriber), rig.place, 'bounced', signal);
    assert.equal(tested.kind === 'answered' && tested.verdict.kind, 'gone');
  }
});

test('what else an answer means', async () => {
  const judge = (status: number, body: string, headers = {}) =>
    pushover.judge({ status, bodyText: body, headers });
  const refused = '{"message":"cannot be blank","errors":["message cannot be blank"],"status":0}';
  assert.deepEqual(judge(400, refused), { kind: 'refused' });
  assert.deepEqual(judge(400, '<h1>Bad request</h1>'), { kind: 'later', retryAfter: 5 });
  assert.deepEqual(judge(200, '{"status":1,"request":"x"}'), { kind: 'done' });
  assert.deepEqual(judge(200, '<h1>Welcome</h1>'), { kind: 'later', retryAfter: 5 });
  assert.deepEqual(judge(500, ''), { kind: 'later', retryAfter: 5 });
  assert.deepEqual(judge(503, '', { 'retry-after': '120' }), { kind: 'later', retryAfter: 120 });
});

test('over the limit of the application, it is tried again after an hour or after Retry-After', async () => {
  await using fake = await startFakePushover({ limit: 0 });
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('pushover', settingsFor(fake));
  const event = await rig.publish('bounced');
  const first = await rig.settled(subscriber, event, 'retry');
  assert.equal(first.nextAttemptAt, rig.clock.now() + 3_600_000);
  fake.next.push({ status: 429, headers: { 'retry-after': '7200' }, body: '{"status":0}' });
  const next = await rig.publish('expired');
  const second = await rig.settled(subscriber, next, 'retry');
  assert.equal(second.nextAttemptAt, rig.clock.now() + 7_200_000);
});

test('settings that are not well are refused, with their name', () => {
  const good = { user: 'u'.repeat(30), token: 'a'.repeat(30) };
  assert.deepEqual(readSettings(pushover.fields, { ...good, priority: -2 }, false), {
    ...good,
    ...{ priority: '-2', retry: '60', expire: '3600', language: 'en', excerpt: true },
    api_url: 'https://api.pushover.net/1/messages.json',
  });
  const cases: readonly [Record<string, unknown>, string][] = [
    [{ user: 'short' }, 'user'],
    [{ token: `${'a'.repeat(29)}-` }, 'token'],
    [{ priority: 3 }, 'priority'],
    [{ retry: 29 }, 'retry'],
    [{ expire: 10_801 }, 'expire'],
    [{ device: 'my phone' }, 'device'],
    [{ title: '題'.repeat(251) }, 'title'],
    [{ url_title: '題'.repeat(101) }, 'url_title'],
    [{ url: 'javascript:alert(1)' }, 'url'],
    [{ url: `https://shop.test/${'a'.repeat(500)}` }, 'url'],
    [{ api_url: 'http://api.pushover.net/1/messages.json' }, 'api_url'],
  ];
  for (const [given, field] of cases)
    assert.throws(
      () => readSettings(pushover.fields, { ...good, ...given }, false),
      (thrown) => thrown instanceof SettingsError && thrown.field === field,
      JSON.stringify(given),
    );
});
