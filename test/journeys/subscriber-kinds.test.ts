/** Slack and Pushover in a running service: mail from outside, previews, tests and their limit, and who may use them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EVENTS } from '../../src/contract/events.ts';
import { type FakePushover, startFakePushover } from '../../src/testing/fake-pushover.ts';
import { error, type FakeSlack, startFakeSlack } from '../../src/testing/fake-slack.ts';
import { bootstrap, eventually, hikyaku } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp, send } from './raw-smtp.ts';

const MAIL = [
  'From: "<!channel> *now*" <writer@elsewhere.test>',
  'To: in@sender.test',
  'Subject: =?utf-8?B?PCFoZXJlPiDms6jmlocgJiA8aHR0cHM6Ly9ldmlsLmV4YW1wbGV8T0s+?=',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Hello <@U012AB3CD>',
  '',
].join('\r\n');

describe('kinds of subscribers in a running service', () => {
  let journey: Journey;
  let slack: FakeSlack;
  let pushover: FakePushover;
  let subscribers: string;
  const made: Record<string, string> = {};
  before(async () => {
    [journey, slack, pushover] = await Promise.all([startJourney(), startFakeSlack(), startFakePushover()]);
    subscribers = `/edj/v1/topics/${journey.who.topic_id}/subscribers`;
    const { user, token, endpoint } = pushover;
    for (const body of [
      { type: 'slack', url: slack.webhook, language: 'ja' },
      { type: 'pushover', user, token, api_url: endpoint, priority: -1 },
    ]) {
      const { status, json } = await journey.call('POST', subscribers, body);
      assert.equal(status, 201, JSON.stringify(json));
      made[body.type] = json.id;
    }
  });
  after(async () => {
    await Promise.all([journey, slack, pushover].map((one) => one[Symbol.asyncDispose]()));
  });

  test('mail from outside arrives at both; nothing in it has an effect', async () => {
    await using smtp = await openSmtp(journey.service.ready.mx);
    assert.match(await send(smtp, 'writer@elsewhere.test', ['in@sender.test'], Buffer.from(MAIL)), /^250 /);
    await eventually(
      'both were called',
      async () => slack.messages.length > 0 && pushover.messages.length > 0,
    );
    const { shown, effects } = slack.messages[0]!;
    assert.deepEqual(shown.slice(0, 4), [
      '<!here> 注文 & <https://evil.example|OK>',
      '差出人\n<!channel> *now* <writer@elsewhere.test>',
      '宛先\nin@sender.test',
      'Hello <@U012AB3CD>',
    ]);
    assert.equal(effects.length, 2);
    assert.match(effects[0]!, /^mention !date/);
    const topic = await journey.call('GET', `/edj/v1/topics/${journey.who.topic_id}`);
    const own = `${topic.json.self.replace('/edj/v1/topics/', '/#/topics/')}?tab=events`;
    assert.equal(effects[1], `link ${own}`);
    const { title, url, priority } = pushover.messages[0]!;
    assert.deepEqual(
      [String(title).replaceAll('\u2060', ''), url, priority],
      ['<!here> 注文 & <https://evil.example|OK>', own, -1],
    );
  });

  test('a test sends what the preview shows, and is no delivery', async () => {
    const path = `${subscribers}/${made['slack']}`;
    const deliveries = `/edj/v1/subscribers/${made['slack']}/deliveries`;
    const before = (await journey.call('GET', deliveries)).json.items.length;
    const preview = await journey.call('GET', `${path}/preview?event=bounced`);
    const given = await journey.call(
      'POST',
      `/edj/v1/topics/${journey.who.topic_id}/subscriber_previews?event=bounced`,
      { type: 'slack', url: slack.webhook, language: 'ja' },
    );
    assert.deepEqual(given.json, preview.json);
    assert.equal(preview.json.url, `${slack.url}/***`);
    const { status, json } = await journey.call('POST', `${path}/test?event=bounced`);
    const { duration_ms: ms, ...result } = json;
    assert.ok(ms >= 0);
    const took = { event: 'bounced', outcome: 'done', status: 200, answer: 'ok', error: null };
    assert.deepEqual([status, result], [200, took]);
    const timeless = (body: string) => body.replace(/!date\^[^>]*>/, '');
    assert.equal(timeless(slack.messages.at(-1)!.body), timeless(preview.json.body));
    assert.equal((await journey.call('GET', deliveries)).json.items.length, before);
  });

  test('a test tells the answer of a webhook that is gone; after six a minute, the project has to wait', async () => {
    const path = `${subscribers}/${made['slack']}/test`;
    slack.next.push(error(404, 'no_service'));
    const { json } = await journey.call('POST', path);
    assert.deepEqual([json.outcome, json.status, json.answer], ['gone', 404, 'no_service']);
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++)
      statuses.push((await journey.call('POST', `${subscribers}/${made['pushover']}/test`)).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 429]);
    const refused = await journey.call('POST', path);
    assert.equal(refused.json.type, '/problems/too-many-tests');
    assert.equal(refused.headers.get('retry-after'), '60');
    const other = await bootstrap(journey.service.env, 'other.test', '--project', 'other', '--role', 'admin');
    const theirs = `/edj/v1/topics/${other.topic_id}/subscribers`;
    const subscriber = await journey.call('POST', theirs, { type: 'slack', url: slack.webhook }, other);
    const mayTest = await journey.call('POST', `${theirs}/${subscriber.json.id}/test`, undefined, other);
    assert.equal(mayTest.status, 200, 'the limit belongs to the project');
    const foreign = await journey.call('POST', path, undefined, other);
    assert.equal(foreign.status, 404);
    assert.equal((await journey.call('GET', path.replace('test', 'preview'), undefined, other)).status, 404);
  });

  test('a test is in the audit log, a preview is not', async () => {
    const { items } = (await journey.call('GET', '/iam/v1/audit_events?limit=500')).json;
    const named = items.filter(({ operation }: Json) => operation.startsWith('edj.subscribers'));
    const operations = new Set(named.map(({ operation }: Json) => operation));
    assert.deepEqual([...operations].sort(), ['edj.subscribers.create', 'edj.subscribers.test']);
    assert.equal(named.filter(({ operation }: Json) => operation === 'edj.subscribers.create').length, 2);
    assert.ok(!JSON.stringify(items).includes(slack.secret));
  });

  test('the command line previews a kind with its settings', async () => {
    const { service, who } = journey;
    const env = {
      PATH: process.env['PATH'] ?? '',
      HIKYAKU_API_URL: `http://${service.ready.http}`,
      HIKYAKU_API_KEY_ID: who.key.id,
      HIKYAKU_API_KEY_SECRET: who.key.secret,
    };
    const settings = ['--type', 'pushover', '--user', pushover.user, '--token', pushover.token];
    const more = ['--priority=-2', '--language', 'ja', '--event', 'bounced'];
    const { status, stdout, stderr } = await hikyaku(
      ['api', 'edj.subscribers.preview', who.topic_id, ...settings, ...more],
      env,
    );
    assert.equal(status, 0, stderr);
    const body = JSON.parse(JSON.parse(stdout).body);
    assert.deepEqual([body.priority, body.user, body.token], [-2, '***', '***']);
    assert.equal(body.title, EVENTS.bounced.when.ja);
  });

  test('a reader sees the preview and may not test; settings that are not well are named', async () => {
    const { env } = journey.service;
    const reader = await bootstrap(env, 'reader.test', '--project', 'journey', '--role', 'reader');
    const path = `${subscribers}/${made['slack']}`;
    assert.equal((await journey.call('GET', `${path}/preview`, undefined, reader)).status, 200);
    const refused = await journey.call('POST', `${path}/test`, undefined, reader);
    assert.deepEqual([refused.status, refused.json.type], [403, '/problems/operation-not-permitted']);
    const previews = `/edj/v1/topics/${journey.who.topic_id}/subscriber_previews`;
    const wrong: [Json, string][] = [
      [{ type: 'slack' }, 'url'],
      [{ type: 'pushover', user: 'x', token: 'x' }, 'user'],
      [{ type: 'irc' }, 'type'],
    ];
    for (const [body, field] of wrong) {
      const answer = await journey.call('POST', previews, body);
      assert.deepEqual([answer.status, answer.json.field], [400, field]);
    }
    const odd = await journey.call('GET', `${path}/preview?event=nothing`);
    assert.deepEqual([odd.status, odd.json.field], [400, 'event']);
  });
});
