/**
 * Messages, tasks, rules and the queue: every field of these resources has a value here, typed by the contract.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Resources } from '../../src/contract/resources/index.ts';
import { eventually, portOf } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { anId, aTime, like, type TypedApi, typedApi } from './typed.ts';

const SENDER = 'shop@sender.test';
const CUSTOMER = 'customer@elsewhere.test';
const WAITING = 'somebody@later.test';

describe('the resources of mail', () => {
  let journey: Journey;
  let api: TypedApi;
  let base: string;
  let ofDomain: string;
  let topic: { self: string };
  let caller: string;
  before(async () => {
    journey = await startJourney();
    api = typedApi(journey.call);
    base = `http://localhost:${portOf(journey.service.ready.http)}`;
    ofDomain = `/mta/v1/domains/${journey.who.domain_id}`;
    topic = { self: `${base}/edj/v1/topics/${journey.who.topic_id}` };
    caller = `api_client ${journey.who.api_client_id}`;
  });
  after(() => journey[Symbol.asyncDispose]());
  const send = (to: string, from = SENDER) =>
    api.send<'SendTask'>('POST', '/mta/v1/tasks?is_sync=true', {
      procedure: 'send_message',
      arguments: {
        self: journey.who.domain_url,
        from: [from],
        to: [to],
        subject: 'a letter',
        content_type: 'text/plain',
        body: 'a letter\n',
      },
    });

  test('IncomingRule, OutgoingRule, EventRule', async () => {
    const account = { type: 'account', local_part: 'orders', topic };
    const made = await api.send<'IncomingRule'>('POST', `${ofDomain}/incoming_rules`, account);
    const incoming = await api.get<'IncomingRule'>(`${ofDomain}/incoming_rules/${made.id}`);
    assert.deepEqual(incoming, {
      id: anId(made.id),
      self: `${base}${ofDomain}/incoming_rules/${made.id}`,
      topic: { self: topic.self },
      type: 'account',
      local_part: 'orders',
      created_at: aTime(incoming.created_at),
    } satisfies Resources['IncomingRule']);
    const out = await api.send<'OutgoingRule'>('POST', `${ofDomain}/outgoing_rules`, { topic });
    const outgoing = await api.get<'OutgoingRule'>(`${ofDomain}/outgoing_rules/${out.id}`);
    assert.deepEqual(outgoing, {
      id: anId(out.id),
      self: `${base}${ofDomain}/outgoing_rules/${out.id}`,
      topic: { self: topic.self },
      created_at: aTime(outgoing.created_at),
    } satisfies Resources['OutgoingRule']);
    const names = ['delivered', 'bounced'];
    const { id } = await api.send<'EventRule'>('POST', `${ofDomain}/event_rules`, { names, topic });
    const rule = await api.get<'EventRule'>(`${ofDomain}/event_rules/${id}`);
    assert.deepEqual(rule, {
      id: anId(id),
      self: `${base}${ofDomain}/event_rules/${id}`,
      topic: { self: topic.self },
      names: ['delivered', 'bounced'],
      created_at: aTime(rule.created_at),
    } satisfies Resources['EventRule']);
  });

  test('SendTask, Message, MessageHead; a task that failed holds a Problem', async () => {
    const { id: taskId } = await send(CUSTOMER);
    const task = await api.get<'SendTask'>(`/mta/v1/tasks/${taskId}`);
    const id = anId(task.result?.id);
    const recipientId = anId(task.result?.recipients[0]?.id);
    assert.deepEqual(task, {
      id: taskId,
      self: `${base}/mta/v1/tasks/${taskId}`,
      procedure: 'send_message',
      status: 'succeeded',
      result: {
        id,
        message_id: like(task.result?.message_id, /^<[0-9a-f-]{36}@sender\.test>$/),
        recipients: [{ id: recipientId, address: CUSTOMER, state: 'queued' }],
      },
      error: null,
      created_at: aTime(task.created_at),
      completed_at: aTime(task.completed_at),
    } satisfies Resources['SendTask']);

    const message = await eventually('the message is delivered', async () => {
      const found = await api.get<'Message'>(`/mta/v1/messages/${id}`);
      return found.recipients[0]?.state === 'delivered' && found;
    });
    const [recipient] = message.recipients;
    const head = {
      id,
      self: `${base}/mta/v1/messages/${id}`,
      direction: 'outgoing',
      source: 'api',
      message_id: task.result!.message_id,
      mail_from: SENDER,
      domain: { self: `${base}${ofDomain}` },
      size: message.size,
      accepted_at: aTime(message.accepted_at),
      expires_at: aTime(message.expires_at),
      facts: { recipients: [CUSTOMER] },
    } satisfies Resources['MessageHead'];
    assert.ok(message.size > 'a letter\n'.length);
    assert.deepEqual(message, {
      ...head,
      recipients: [
        {
          id: recipientId,
          address: CUSTOMER,
          state: 'delivered',
          attempts: [
            {
              number: 1,
              at: aTime(recipient?.attempts[0]?.at),
              outcome: 'delivered',
              detail: recipient!.attempts[0]!.detail,
            },
          ],
          next_attempt_at: null,
          last_result: recipient!.last_result,
          settled_at: aTime(recipient?.settled_at),
        },
      ],
      next_cursor: null,
    } satisfies Resources['Message']);
    assert.deepEqual(Object.keys(recipient!.attempts[0]!.detail).sort(), ['remote', 'reply', 'tls']);
    assert.deepEqual(await api.list<'MessageHead'>('/mta/v1/messages'), [head]);

    const asked = await journey.call('POST', '/mta/v1/tasks', {
      procedure: 'send_message',
      arguments: {
        self: journey.who.domain_url,
        from: ['somebody@foreign.test'],
        to: [CUSTOMER],
        subject: 'x',
        content_type: 'text/plain',
        body: 'x',
      },
    });
    const failed = await eventually('the task has ended', async () => {
      const found = await api.get<'SendTask'>(`/mta/v1/tasks/${asked.json.id}`);
      return found.status === 'failed' && found;
    });
    assert.deepEqual([failed.result, failed.error], [
      null,
      {
        type: '/problems/sender-domain',
        title: 'Sender domain',
        status: 422,
        detail: 'arguments.from[0] must be an address of sender.test',
        field: 'arguments.from[0]',
      },
    ] satisfies [null, Resources['Problem']]);
  });

  test('QueueResult, Suspension, QueueOperation, Queues, WaitingRecipient', async () => {
    const filter = { domain: 'later.test' };
    const body = { action: 'suspend', filter, reason: 'their holidays' };
    const result = await api.send<'QueueResult'>('POST', '/mta/v1/queues', body);
    assert.deepEqual(result, {
      matched: 0,
      changed: 0,
      in_flight: 0,
      suspension: anId(result.suspension),
      expires_at: aTime(result.expires_at),
      resumed: 0,
    } satisfies Resources['QueueResult']);
    const [suspension] = await api.list<'Suspension'>('/mta/v1/queues/suspensions');
    assert.deepEqual(suspension, {
      id: result.suspension!,
      filter: {
        site: null,
        domain: 'later.test',
        sender: null,
        sent_with: null,
        accepted_before: null,
        state: null,
      },
      reason: 'their holidays',
      actor: caller,
      by_operator: false,
      created_at: aTime(suspension?.created_at),
      expires_at: aTime(suspension?.expires_at),
    } satisfies Resources['Suspension']);
    const { result: sent } = await send(WAITING);
    const count = { action: 'bounce', filter: { sender: 'nobody@sender.test' } };
    await api.send<'QueueResult'>('POST', '/mta/v1/queues', count);
    const [operation] = await api.list<'QueueOperation'>('/mta/v1/queues/operations');
    assert.deepEqual(operation, {
      id: anId(operation?.id),
      action: 'bounce',
      filter: {
        site: null,
        domain: null,
        sender: 'nobody@sender.test',
        sent_with: null,
        accepted_before: null,
        state: null,
      },
      actor: caller,
      at: aTime(operation?.at),
      changed: 0,
    } satisfies Resources['QueueOperation']);

    const [waiting] = await eventually('the recipient is held', async () => {
      const found = await api.list<'WaitingRecipient'>('/mta/v1/queues/recipients');
      return found.length === 1 && found;
    });
    const message = await api.get<'Message'>(`/mta/v1/messages/${sent!.id}`);
    assert.deepEqual(waiting, {
      id: sent!.recipients[0]!.id,
      address: WAITING,
      state: 'held',
      site: 'held:suspended',
      reason: 'suspended: their holidays',
      attempts: 0,
      next_attempt_at: suspension!.expires_at,
      message: {
        id: sent!.id,
        self: `${base}/mta/v1/messages/${sent!.id}`,
        mail_from: SENDER,
        accepted_at: message.accepted_at,
        expires_at: message.expires_at,
      },
    } satisfies Resources['WaitingRecipient']);
    assert.deepEqual(await api.get<'Queues'>('/mta/v1/queues'), {
      depth: { queued: 0, deferred: 0, held: 1 },
      items: [
        {
          site: 'held:suspended',
          queued: 0,
          deferred: 0,
          held: 1,
          active: 0,
          next_due_at: suspension!.expires_at,
          unreachable: null,
        },
      ],
      next_cursor: null,
    } satisfies Resources['Queues']);
  });

  test('Settings', async () => {
    assert.deepEqual(await api.get<'Settings'>('/mta/v1/settings'), {
      retry_for_seconds: 432_000,
      deferred_event_ages: [0, 3600, 14_400, 86_400, 172_800, 259_200, 345_600],
      over_limit: 'reject',
      retention_days: 30,
      connect: {
        api_url: base,
        smtp_host: journey.service.env.HIKYAKU_HOSTNAME!,
        smtp_ports: [
          { port: portOf(journey.service.ready.submissions), tls: 'implicit' },
          { port: portOf(journey.service.ready.submission), tls: 'starttls' },
        ],
        tls_min_version: 'TLSv1.2',
        auth_mechanisms: ['PLAIN', 'LOGIN'],
        user_name: 'static_key.id',
        password: 'static_key.secret',
      },
    } satisfies Resources['Settings']);
  });
});
