/** /mta/v1: messages, tasks, the queue and the settings as the reference has them. */
import { EXAMPLE, EXAMPLE_DOMAIN, exampleSelf } from './example-ids.ts';
import type { Reference } from './reference.ts';

const message = { id: 'message' } as const;
const { self } = exampleSelf('/mta/v1/domains', 'domain');

export const mtaMailReference: Reference = {
  'GET /mta/v1/messages': {
    id: 'mta.messages.list',
    summary: 'messages, newest first',
    answers: { 200: { list: 'MessageHead' } },
  },
  'GET /mta/v1/messages/{id}': {
    id: 'mta.messages.get',
    summary: 'the trace of one message: recipients, attempts, results',
    params: message,
    answers: { 200: 'Message' },
    problems: ['too-busy'],
  },
  'GET /mta/v1/messages/{id}/raw': {
    id: 'mta.messages.raw.get',
    needs: 'mta.messages.get',
    summary: 'the message itself',
    params: message,
    answers: { 200: { octets: 'message/rfc822' } },
  },
  'POST /mta/v1/tasks': {
    id: 'mta.domains.send',
    summary: 'sends one message',
    description:
      'With `is_sync=true` it answers when the message is on disk, or with what is wrong; otherwise with a task at once. Sending also needs mta.domains.list and mta.domains.get.',
    answers: { 200: 'SendTask', 202: 'SendTask' },
    problems: [
      'not-found',
      'message-too-large',
      'too-busy',
      'sender-domain',
      'sender-invalid',
      'author-invalid',
      'author-domain',
      'header-invalid',
      'loop',
      'limit-exceeded',
    ],
    examples: {
      text: {
        summary: 'plain text',
        value: {
          procedure: 'send_message',
          arguments: {
            self,
            from: [`Shop <shop@${EXAMPLE_DOMAIN}>`],
            to: ['Customer <customer@example.net>'],
            subject: 'Your order',
            content_type: 'text/plain; charset=UTF-8',
            body: 'Thank you.\n',
          },
        },
      },
      attachment: {
        summary: 'with an attachment and a header field of its own',
        value: {
          procedure: 'send_message',
          arguments: {
            self,
            from: [`shop@${EXAMPLE_DOMAIN}`],
            to: ['customer@example.net'],
            bcc: [`archive@${EXAMPLE_DOMAIN}`],
            subject: '領収書',
            content_type: 'text/html; charset=UTF-8',
            additional_header: { 'Auto-Submitted': ['auto-generated'] },
            body: '<p>Thank you.</p>',
            attachments: [{ filename: 'receipt.txt', content_type: 'text/plain', content: 'MSBib29r' }],
          },
        },
      },
    },
  },
  'GET /mta/v1/tasks/{id}': {
    id: 'mta.tasks.get',
    summary: 'one task',
    params: { id: 'sendTask' },
    answers: { 200: 'SendTask' },
  },
  'GET /mta/v1/queues': {
    id: 'mta.queues.list',
    summary: 'what waits, by destination site',
    answers: { 200: 'Queues' },
    problems: ['too-busy'],
  },
  'GET /mta/v1/queues/recipients': {
    id: 'mta.queues.recipients.list',
    needs: 'mta.queues.list',
    summary: 'each recipient that waits, and why',
    answers: { 200: { list: 'WaitingRecipient', filtered: true } },
  },
  'POST /mta/v1/queues': {
    id: 'mta.queues.update',
    summary: 'retry, cancel, bounce, suspend or resume what a filter means',
    answers: { 200: 'QueueResult' },
    problems: ['not-found', 'too-many-suspensions'],
    examples: {
      count: {
        summary: 'only count',
        value: { action: 'retry', filter: { domain: 'example.net' }, dry_run: true },
      },
      suspend: {
        summary: 'hold mail to a domain',
        value: { action: 'suspend', filter: { domain: 'example.org' }, reason: 'maintenance' },
      },
      resume: {
        summary: 'let it flow again',
        value: { action: 'resume', suspension: EXAMPLE.suspension },
      },
    },
  },
  'GET /mta/v1/queues/operations': {
    id: 'mta.queues.operations.list',
    needs: 'mta.queues.list',
    summary: 'what was done to the queue by hand, and by whom',
    answers: { 200: { list: 'QueueOperation' } },
  },
  'GET /mta/v1/queues/suspensions': {
    id: 'mta.queues.suspensions.list',
    needs: 'mta.queues.list',
    summary: 'suspensions that are on',
    answers: { 200: { list: 'Suspension' } },
  },
  'GET /mta/v1/settings': {
    id: 'mta.settings.get',
    summary: "how the project's mail is tried and kept",
    answers: { 200: 'Settings' },
  },
  'PATCH /mta/v1/settings': {
    id: 'mta.settings.update',
    summary: 'changes the fields that are given',
    answers: { 200: 'Settings' },
    examples: {
      patience: {
        summary: 'give up after two days, keep for ninety',
        value: { retry_for_seconds: 172_800, retention_days: 90 },
      },
    },
  },
};
