/** Messages that the real dispatcher sends to a faithful fake of Slack's webhooks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_EXAMPLES } from '../../contract/event-examples.ts';
import { EVENT_NAMES, EVENTS } from '../../contract/events.ts';
import { readSettings, SettingsError } from '../../runtime/settings.ts';
import { type EdjRig, openEdjRig, PUBLIC_URL } from '../../testing/edj-rig.ts';
import { error, startFakeSlack } from '../../testing/fake-slack.ts';
import type { EventRow } from '../topics.ts';
import { slack } from './slack.ts';

/** The sample of a received message, written by a stranger. */
const mail =
  (subject: string, more: { name?: string; text?: string } = {}) =>
  ({ content }: EventRow): Partial<EventRow> => {
    const of = content as { parsed: object };
    const from = [{ name: more.name ?? null, address: 'writer@example.net' }];
    const summary = `Subject: x\n\n${more.text ?? 'text'}`;
    return { content: { ...of, parsed: { ...of.parsed, subject, from } }, summary };
  };
const ownLink = (rig: EdjRig) => `link ${PUBLIC_URL}/#/topics/${rig.place.topicId}?tab=events`;

for (const language of ['en', 'ja'] as const)
  test(`a sample of every event arrives as its preview shows it (${language})`, async () => {
    await using fake = await startFakeSlack();
    await using rig = await openEdjRig();
    const subscriber = await rig.subscribe('slack', { url: fake.webhook, language, note: '店 <受注>' });
    for (const name of EVENT_NAMES) {
      const preview = await rig.samples.preview(rig.targetOf(subscriber), rig.place, name);
      const event = await rig.publish(name);
      const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
      assert.deepEqual(lastResult, { status: 200 }, name);
      const { body, shown, fallback, effects } = fake.messages.at(-1)!;
      assert.equal(body, preview.body, name);
      const { content } = EVENT_EXAMPLES[name];
      const title = 'parsed' in content ? `[Test] ${content.parsed.subject}` : EVENTS[name].when[language];
      assert.equal(shown[0], title, name);
      assert.ok(fallback.startsWith(title), name);
      assert.ok(
        shown.some((text) => text.includes('これはテストです。')),
        `${name}: ${shown}`,
      );
      assert.ok(shown.at(-2)!.startsWith(`${EVENTS[name].label[language]} · `), `${name}: ${shown}`);
      assert.equal(shown.at(-1), '店 <受注>');
      assert.deepEqual(effects, ['mention !date^1767323045^{date_num} {time}', ownLink(rig)], name);
    }
    assert.equal(fake.messages.length, EVENT_NAMES.length);
  });

test('sender, recipient and text are shown; the text of mail is left out if it is not wanted', async () => {
  await using fake = await startFakeSlack();
  await using rig = await openEdjRig();
  const full = await rig.subscribe('slack', { url: fake.webhook });
  const event = await rig.publish('incoming', mail('Order 12', { name: 'Ann', text: 'one\r\n\r\n\r\ntwo ' }));
  await rig.settled(full, event, 'done');
  assert.deepEqual(fake.messages[0]!.shown.slice(0, 4), [
    'Order 12',
    'From\nAnn <writer@example.net>',
    'To\norders@example.com',
    'one\n\ntwo',
  ]);
  const short = await rig.subscribe('slack', { url: fake.webhook, excerpt: false });
  const next = await rig.publish('incoming', mail('Order 13', { text: 'a secret' }));
  await rig.settled(short, next, 'done');
  await rig.settled(full, next, 'done');
  const told = fake.messages.filter(({ shown }) => shown[0] === 'Order 13');
  assert.deepEqual(told.map(({ body }) => body.includes('a secret')).sort(), [false, true]);
});

test('nothing that a stranger writes has an effect, and all of it fits', async () => {
  await using fake = await startFakeSlack();
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('slack', { url: fake.webhook });
  const hostile = [
    '<!channel> <!here> <@U012AB3CD> <#C012AB3CD> @channel',
    '<https://evil.example|Show in the console> https://evil.example',
    '*bold* _italic_ ~struck~ `code` :tada: > quote',
    '&lt;!channel&gt; &amp;lt; &&&',
    'a\u202etxt.exe\u2066b\u200bc\u0000\u0007\u001b[31m\u2028d\ud800',
    '&'.repeat(5000),
    '𝒳'.repeat(5000),
    '\u0301'.repeat(5000),
    '"],"blocks":[]}',
    '\u200b\u0000 \n',
  ];
  for (const text of hostile) {
    const event = await rig.publish('incoming', mail(text, { name: text, text }));
    const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
    assert.deepEqual(lastResult, { status: 200 }, text.slice(0, 60));
    const { effects } = fake.messages.at(-1)!;
    assert.deepEqual(effects.slice(1), [ownLink(rig)], text.slice(0, 60));
    assert.match(effects[0]!, /^mention !date/);
  }
  const shown = (nth: number) => fake.messages[nth]!.shown;
  for (const nth of [0, 1, 2, 3]) assert.equal(shown(nth)[0], hostile[nth]);
  assert.equal(shown(4)[0], 'atxt.exebc [31m d\ufffd');
  assert.equal(shown(5)[0], `${'&'.repeat(29)}…`);
  assert.equal(shown(6)[3], `${'𝒳'.repeat(1499)}…`);
  assert.equal(shown(9)[0], EVENTS.incoming.when.en);
});

const ANSWERS: readonly [title: string, answer: ReturnType<typeof error>, state: 'retry' | 'dead'][] = [
  ['no such webhook', error(404, 'no_service'), 'dead'],
  ['no such channel', error(404, 'channel_not_found'), 'dead'],
  ['an archived channel', error(410, 'channel_is_archived'), 'dead'],
  ['a removed token', error(403, 'invalid_token'), 'dead'],
  ['a restriction', error(403, 'action_prohibited'), 'dead'],
  ['a payload that Slack does not take', error(400, 'invalid_payload'), 'dead'],
  ['a 404 of something else', error(404, '<h1>Not found</h1>'), 'retry'],
  ['a 200 of something else', error(200, '<h1>Welcome</h1>'), 'retry'],
  ['a failure', error(500, 'rollup_error'), 'retry'],
];
for (const [title, answer, state] of ANSWERS)
  test(`${title}: the delivery is ${state}`, async () => {
    await using fake = await startFakeSlack();
    await using rig = await openEdjRig();
    const subscriber = await rig.subscribe('slack', { url: fake.webhook });
    fake.next.push(answer);
    const event = await rig.publish('bounced');
    const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead').then((one) => {
      assert.equal(one.state, state);
      return one;
    });
    assert.deepEqual(lastResult, { status: answer.status, answer: answer.body });
  });

test('429 waits as long as Retry-After says; then the message arrives', async () => {
  await using fake = await startFakeSlack();
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('slack', { url: fake.webhook });
  fake.next.push(error(429, 'rate_limited', { 'retry-after': '300' }));
  const event = await rig.publish('bounced');
  const { nextAttemptAt } = await rig.settled(subscriber, event, 'retry');
  assert.equal(nextAttemptAt, rig.clock.now() + 300_000);
  await rig.clock.advance(300_000);
  await rig.settled(subscriber, event, 'done');
  assert.equal(fake.messages.length, 1);
});

test('what the verdicts tell apart: gone, and refused for this event', () => {
  const judge = (status: number, bodyText: string) => slack.judge({ status, bodyText, headers: {} }).kind;
  assert.equal(judge(410, 'channel_is_archived'), 'gone');
  assert.equal(judge(404, 'no_service\n'), 'gone');
  assert.equal(judge(403, 'action_prohibited'), 'refused');
  assert.equal(judge(400, 'invalid_blocks'), 'refused');
  assert.equal(judge(302, ''), 'later');
});

test('the URL is a secret: no row, preview or answer shows it, even if a server repeats it', async () => {
  await using fake = await startFakeSlack();
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('slack', { url: fake.webhook });
  const { settings, sealedSettings } = subscriber;
  assert.ok(!JSON.stringify(settings).includes(fake.secret) && !sealedSettings.includes(fake.secret));
  const preview = await rig.samples.preview(rig.targetOf(subscriber), rig.place, 'bounced');
  assert.equal(preview.url, `${fake.url}/***`);
  const path = new URL(fake.webhook).pathname;
  const echo = `${'x'.repeat(480)} ${path} was not found, nor ${fake.webhook} nor ${encodeURIComponent(path)}`;
  fake.next.push(error(404, echo), error(404, echo));
  const event = await rig.publish('bounced');
  const { lastResult } = await rig.settled(subscriber, event, 'retry');
  const tested = await rig.samples.test(
    rig.targetOf(subscriber),
    rig.place,
    'bounced',
    new AbortController().signal,
  );
  for (const text of [JSON.stringify(lastResult), JSON.stringify(tested)]) {
    assert.match(text, /x{480} \/\*\*\* was not found/);
    assert.ok(!text.includes(fake.secret.slice(0, 8)), text);
  }
});

test('settings that are not well are refused, with their name', () => {
  const cases: readonly [Record<string, unknown>, string][] = [
    [{}, 'url'],
    [{ url: 'http://hooks.slack.com/services/x' }, 'url'],
    [{ url: 'https://user:pass@hooks.slack.com/' }, 'url'],
    [{ url: 'https://hooks.slack.com/x', language: 'fr' }, 'language'],
    [{ url: 'https://hooks.slack.com/x', note: 'a\nb' }, 'note'],
    [{ url: 'https://hooks.slack.com/x', note: 'あ'.repeat(201) }, 'note'],
    [{ url: 'https://hooks.slack.com/x', channel: '#general' }, 'channel'],
  ];
  for (const [given, field] of cases)
    assert.throws(
      () => readSettings(slack.fields, given, false),
      (thrown) => thrown instanceof SettingsError && thrown.field === field,
      JSON.stringify(given),
    );
});
