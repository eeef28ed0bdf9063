/** Whole messages, as they are read for events: structure, texts, attachments. Each part lies within the message. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Reader = typeof import('../../src/reading/read-message.ts');
type Stored = typeof import('../../src/reading/stored.ts');
type Types = typeof import('../../src/reading/reading.ts');
type Structure = typeof import('../../src/mail/structure.ts');

export const target: Target = {
  words: [
    '\r\n',
    '\r\n\r\n',
    '--b',
    '--b--',
    '\r\n--b\r\n',
    'Content-Type: ',
    'multipart/mixed; boundary=b',
    'multipart/alternative; boundary="c"',
    'message/rfc822',
    'text/html; charset=utf-8',
    'text/plain; format=flowed',
    'Content-Transfer-Encoding: base64',
    'Content-Transfer-Encoding: quoted-printable',
    'Content-Disposition: attachment; filename=a',
    '<p>',
    '<style>',
    '<table><tr><td>',
    '</',
    '&amp;',
    '=\r\n',
    '=E9',
    '> ',
    ' \r\n',
  ],
  // What is read on the loop. Larger mail is read in a thread, whose work is counted.
  longest: 6 * 1024,
  async open(load) {
    const { readMessage } = await load<Reader>('reading/read-message.ts');
    const { decodeReading, encodeReading } = await load<Stored>('reading/stored.ts');
    const { MOST_TEXT } = await load<Types>('reading/reading.ts');
    const { MOST_PARTS } = await load<Structure>('mail/structure.ts');
    return (raw) => {
      const reading = readMessage(raw, []);
      assert.ok(reading.parts.length <= MOST_PARTS);
      for (const { at } of reading.parts) assert.ok(0 <= at[0] && at[0] <= at[1] && at[1] <= raw.length);
      for (const text of [reading.text, reading.html])
        if (text !== null && 'value' in text) assert.ok(Buffer.byteLength(text.value) <= MOST_TEXT);
        else if (text !== null) assert.ok(text.at[0] <= text.at[1] && text.at[1] <= raw.length);
      assert.deepEqual(decodeReading(encodeReading(reading)), reading);
    };
  },
};
