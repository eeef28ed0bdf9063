/** What a client calls itself stays one word of our Received field, whatever it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedField } from './trace.ts';

test('a name with blanks is quoted in Received, and what could end the field is not there', () => {
  for (const [helo, shown] of [
    ['mail.b.test', 'mail.b.test'],
    ['[192.0.2.1]', '[192.0.2.1]'],
    ['under_score', 'under_score'],
    ['(none)', '?none?'],
    ['%computername%', '?computername?'],
    ['ホスト', '???'],
    ['MY PC', '"MY PC"'],
    ['x" by y (z', '"x? by y ?z"'],
    ['x\r\nBcc: y\\', '"x??Bcc: y?"'],
    ['', 'unknown'],
  ] as const) {
    const field = receivedField({
      from: { helo, address: '192.0.2.1' },
      by: 'mx.b.test',
      with: 'SMTP',
      tls: null,
      id: '1',
      now: 0,
    });
    assert.equal(field.split('\r\n')[0], `Received: from ${shown} ([192.0.2.1])`, helo);
  }
});
