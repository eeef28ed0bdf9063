import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeTrace, type Trace } from './message.ts';

const trace: Trace = {
  id: '0198c0de-0000-7000-8000-00000000000d',
  direction: 'outgoing',
  source: 'smtp',
  message_id: '<1@example.com>',
  mail_from: 'a@example.com',
  size: 120,
  accepted_at: '2026-01-01T00:00:00.000Z',
  expires_at: '2026-01-06T00:00:00.000Z',
  recipients: [],
};
const remote = { host: 'mx.example.net', address: '192.0.2.1' };

test('a wait is told with what the other side said, the next attempt and the end', () => {
  const reply = { code: 451, enhanced: '4.7.1', text: 'later' };
  const text = describeTrace({
    ...trace,
    recipients: [
      {
        address: 'b@example.net',
        state: 'deferred',
        attempts: [
          {
            number: 1,
            at: '2026-01-01T00:00:01.000Z',
            outcome: 'deferred',
            detail: { remote, tls: { version: 'TLSv1.3' }, reply },
          },
        ],
        next_attempt_at: '2026-01-01T00:05:00.000Z',
        last_result: { reply },
        settled_at: null,
      },
    ],
  });
  assert.deepEqual(text.split('\n').slice(2), [
    '  <b@example.net> is deferred',
    '    2026-01-01T00:00:01.000Z  attempt 1: deferred at mx.example.net (192.0.2.1) over TLSv1.3: 451 4.7.1 later',
    '    next attempt at 2026-01-01T00:05:00.000Z; the service tries until 2026-01-06T00:00:00.000Z',
  ]);
});
test('a delivery says that the message was converted', () => {
  const reply = { code: 250, enhanced: '2.0.0', text: 'taken' };
  const delivered = { number: 1, at: 'T', outcome: 'delivered', detail: { remote, reply, converted: true } };
  const rest = { next_attempt_at: null, last_result: null, settled_at: 'T' };
  const recipient = { address: 'b@example.net', state: 'delivered', attempts: [delivered], ...rest };
  const text = describeTrace({ ...trace, recipients: [recipient] });
  assert.match(
    text,
    /attempt 1: delivered at mx\.example\.net \(192\.0\.2\.1\), converted: 250 2\.0\.0 taken$/,
  );
});
test('what others said cannot write to the terminal', () => {
  const evil = '\u001b]0;title\u0007\r\nforged\u2028line\u009b1m';
  const text = describeTrace({
    ...trace,
    message_id: evil,
    recipients: [
      {
        address: evil,
        state: 'bounced',
        attempts: [
          {
            number: 1,
            at: '',
            outcome: 'bounced',
            detail: { reply: { code: 550, enhanced: null, text: evil } },
          },
        ],
        next_attempt_at: null,
        last_result: null,
        settled_at: '2026-01-01T00:00:01.000Z',
      },
    ],
  });
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/);
  assert.equal(text.split('\n').length, 4);
});
