/**
 * Topics, subscribers, events, API clients and their keys: every field of these resources has a value here, typed
 * by the contract.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { EventContent } from '../../src/contract/event-contents.ts';
import type { Resources } from '../../src/contract/resources/index.ts';
import type { EventRow } from '../../src/edj/topics.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openBeside } from './beside.ts';
import { eventually, portOf } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { openSmtp, send } from './raw-smtp.ts';
import { anId, aTime, like, type TypedApi, typedApi } from './typed.ts';

const DAY_MS = 86_400_000;
const WRITER = 'writer@elsewhere.test';
const READER = 'reader@sender.test';
const MAIL = [
  `From: A Writer <${WRITER}>`,
  `To: ${READER}`,
  'Date: Fri, 02 Jan 2026 03:04:05 +0000',
  'Subject: figures',
  'Message-ID: <figures@elsewhere.test>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain',
  '',
  'see there',
  '--b',
  'Content-Type: text/csv',
  'Content-Disposition: attachment; filename=figures.csv',
  'Content-ID: <part@elsewhere.test>',
  '',
  '1,2',
  '--b--',
  '',
].join('\r\n');

describe('the resources of events and API clients', () => {
  let journey: Journey;
  let api: TypedApi;
  let base: string;
  let ofTopic: string;
  let subscriber: Resources['Subscriber'];
  before(async () => {
    journey = await startJourney();
    api = typedApi(journey.call);
    base = `http://localhost:${portOf(journey.service.ready.http)}`;
    ofTopic = `/edj/v1/topics/${journey.who.topic_id}`;
  });
  after(() => journey[Symbol.asyncDispose]());

  test('Topic, NewSubscriber, Subscriber', async () => {
    const topic = await api.get<'Topic'>(ofTopic);
    assert.deepEqual(topic, {
      id: journey.who.topic_id,
      self: `${base}${ofTopic}`,
      name: 'sender.test',
      created_at: aTime(topic.created_at),
    } satisfies Resources['Topic']);
    const url = `${journey.sink.http}/hook`;
    const body = { type: 'http', url, inline: true };
    const made = await api.send<'NewSubscriber'>('POST', `${ofTopic}/subscribers`, body);
    const path = `${ofTopic}/subscribers/${made.id}`;
    assert.deepEqual(made, {
      id: anId(made.id),
      self: `${base}${path}`,
      type: 'http',
      url,
      inline: true,
      created_at: aTime(made.created_at),
      failing_since: null,
      paused_at: null,
      secret: like(made.secret, /^whsec_[\w+/]{43}=$/),
    } satisfies Resources['NewSubscriber']);
    subscriber = await api.get<'Subscriber'>(path);
    assert.deepEqual(subscriber, {
      id: made.id,
      self: `${base}${path}`,
      type: 'http',
      url,
      inline: true,
      created_at: made.created_at,
      failing_since: null,
      paused_at: null,
    } satisfies Resources['Subscriber']);
  });

  test('PublishTask, WholeEvent as a hook has it, Delivery', async () => {
    const { id } = await api.send<'PublishTask'>('POST', '/edj/v1/tasks?is_sync=true', {
      procedure: 'publish',
      arguments: { self: `${base}${ofTopic}`, message: 'the shop opens' },
    });
    const task = await api.get<'PublishTask'>(`/edj/v1/tasks/${id}`);
    const eventId = anId(task.result?.event_id);
    assert.deepEqual(task, {
      id: anId(id),
      self: `${base}/edj/v1/tasks/${id}`,
      procedure: 'publish',
      status: 'succeeded',
      result: { event_id: eventId },
      error: null,
      created_at: aTime(task.created_at),
      completed_at: aTime(task.completed_at),
    } satisfies Resources['PublishTask']);
    const event = await api.get<'WholeEvent'>(`/edj/v1/events/${eventId}?as=hook`);
    const content = { message: 'the shop opens' } satisfies EventContent<'publish'>;
    assert.deepEqual(event, {
      '@version': '1',
      id: eventId,
      service: 'edj',
      name: 'publish',
      summary: 'the shop opens',
      content,
      attachments: [],
      created_at: aTime(event.created_at),
      short: 'the shop opens',
      raw: content,
      topic_id: journey.who.topic_id,
    } satisfies Resources['WholeEvent']);
    const [delivery] = await eventually('the hook has the event', async () => {
      const found = await api.list<'Delivery'>(`/edj/v1/subscribers/${subscriber.id}/deliveries`);
      return found[0]?.state === 'done' && found;
    });
    assert.deepEqual(delivery, {
      id: anId(delivery?.id),
      event_id: eventId,
      state: 'done',
      attempts: 1,
      next_attempt_at: null,
      last_result: { status: 204 },
      created_at: aTime(delivery?.created_at),
    } satisfies Resources['Delivery']);
  });

  test('Event of a message with an attachment', async () => {
    await using client = await openSmtp(journey.service.ready.mx);
    assert.match(await send(client, WRITER, [READER], Buffer.from(MAIL)), /^250 /);
    const event = await eventually('the event of the message', async () => {
      const found = await api.list<'Event'>(`${ofTopic}/events`);
      return found.find(({ name }) => name === 'incoming');
    });
    const [message] = await api.list<'MessageHead'>('/mta/v1/messages');
    const [rule] = await api.list<'IncomingRule'>(`/mta/v1/domains/${journey.who.domain_id}/incoming_rules`);
    const [returnPath, results, received, ...fields] =
      'header_list' in event.content ? event.content.header_list : [];
    const map = 'header_map' in event.content ? event.content.header_map : {};
    const authentication = 'authentication' in event.content ? event.content.authentication : {};
    assert.deepEqual(Object.keys(authentication).sort(), ['arc', 'dkim', 'dmarc', 'spf']);
    assert.deepEqual([results?.raw_name, received?.raw_name], ['Authentication-Results', 'Received']);
    assert.deepEqual(map['Subject'], ['figures']);
    assert.equal(fields.length, 7);
    const content = {
      header_list: [
        { raw_name: 'Return-Path', raw_value: ` <${WRITER}>` },
        results!,
        received!,
        { raw_name: 'From', raw_value: ` A Writer <${WRITER}>` },
        ...fields.slice(1),
      ],
      header_map: map,
      rule: { id: rule!.id, type: 'catch_all', local_part: null },
      domain: { id: journey.who.domain_id, name: 'sender.test' },
      envelope: { mail_from: WRITER, recipients: [READER] },
      authentication,
      id: message!.id,
      message_id: '<figures@elsewhere.test>',
      raw_url: `${base}/mta/v1/messages/${message!.id}/raw`,
      parsed: {
        subject: 'figures',
        date: '2026-01-02T03:04:05.000Z',
        from: [{ name: 'A Writer', address: WRITER }],
        sender: [],
        reply_to: [],
        to: [{ name: null, address: READER }],
        cc: [],
        text: 'see there',
        html: null,
        attachments: [
          {
            name: 'figures.csv',
            content_type: 'text/csv',
            disposition: 'attachment',
            content_id: 'part@elsewhere.test',
            size: 3,
          },
        ],
      },
    } satisfies EventContent<'incoming'>;
    assert.equal(returnPath?.raw_name, 'Return-Path');
    assert.deepEqual(event, {
      '@version': '1',
      id: anId(event.id),
      service: 'mta',
      name: 'incoming',
      summary: like(event.summary, /\nSubject: figures\n\nsee there$/),
      content,
      attachments: [{ content_type: 'text/csv', filename: 'figures.csv', encoding: 'base64', content: '' }],
      created_at: aTime(event.created_at),
    } satisfies Resources['Event']);
    const whole = await api.get<'WholeEvent'>(`/edj/v1/events/${event.id}?inline=true`);
    assert.deepEqual(whole.attachments, [
      {
        content_type: 'text/csv',
        filename: 'figures.csv',
        encoding: 'base64',
        content: Buffer.from('1,2').toString('base64'),
      },
    ] satisfies Resources['WholeEvent']['attachments']);
  });

  test('Event that expires', async () => {
    const id = createRandom().id<'event'>();
    const now = Date.now();
    const projectId = journey.who.project_id as EventRow['projectId'];
    await using beside = await openBeside(journey);
    await beside.transact(projectId, (tx) =>
      tx.insertEvent({
        id,
        projectId,
        topicId: journey.who.topic_id as EventRow['topicId'],
        service: 'edj',
        name: 'publish',
        createdAt: now,
        expiresAt: now + DAY_MS,
        keepUntil: now + DAY_MS,
        messageId: null,
        content: { message: 'today only' },
        summary: 'today only',
      }),
    );
    const event = {
      '@version': '1',
      id,
      service: 'edj',
      name: 'publish',
      summary: 'today only',
      content: { message: 'today only' },
      attachments: [],
      created_at: new Date(now).toISOString(),
      expires_at: new Date(now + DAY_MS).toISOString(),
    } satisfies Resources['Event'] & Resources['WholeEvent'];
    const listed = await api.list<'Event'>(`${ofTopic}/events`);
    assert.deepEqual(
      listed.find((one) => one.id === id),
      event,
    );
    assert.deepEqual(await api.get<'WholeEvent'>(`/edj/v1/events/${id}`), event);
  });

  test('ApiClient, NewStaticKey, StaticKey', async () => {
    const path = '/iam/v1/api_clients';
    const made = await api.send<'ApiClient'>('POST', path, { name: 'shop mailer', roles: ['sender'] });
    const self = `${base}${path}/${made.id}`;
    assert.deepEqual(await api.get<'ApiClient'>(`${path}/${made.id}`), {
      id: anId(made.id),
      self,
      name: 'shop mailer',
      roles: ['sender'],
      created_at: aTime(made.created_at),
    } satisfies Resources['ApiClient']);
    const expires_at = '2099-12-31T00:00:00.000Z';
    const keys = `${path}/${made.id}/static_keys`;
    const key = await api.send<'NewStaticKey'>('POST', keys, { expires_at });
    assert.deepEqual(key, {
      id: anId(key.id),
      self: `${self}/static_keys/${key.id}`,
      expires_at: '2099-12-31T00:00:00.000Z',
      last_used_at: null,
      created_at: aTime(key.created_at),
      secret: like(key.secret, /^.{40,}$/),
    } satisfies Resources['NewStaticKey']);
    const listed = await api.list<'StaticKey'>(keys);
    assert.deepEqual(listed, [
      {
        id: key.id,
        self: `${self}/static_keys/${key.id}`,
        expires_at: '2099-12-31T00:00:00.000Z',
        last_used_at: null,
        created_at: key.created_at,
      },
    ] satisfies Resources['StaticKey'][]);
  });
});
