import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize } from './render.ts';

const flat = async (text: string) => {
  const { attachments, summary } = await summarize(Buffer.from(text, 'latin1'));
  assert.equal(attachments.length, 0);
  return summary;
};

test('an ordinary message is read: text for the summary, attachments with their octets', async () => {
  const { summary, attachments } = await summarize(
    Buffer.from(
      'Subject: =?utf-8?Q?caf=C3=A9?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n' +
        '--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n' +
        '--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n' +
        'Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--\r\n',
    ),
  );
  assert.match(summary, /Subject: café\n\nhello/);
  assert.deepEqual(attachments, [
    { content_type: 'application/pdf', filename: 'a.pdf', encoding: 'base64', content: 'QUJD' },
  ]);
});
// Each of these stopped the event loop for 5 to 51 seconds; the parser never sees them now.
test('bombs of lines, parts and messages within messages are shown flat', async () => {
  const part = '--b\r\nContent-Type: application/x\r\nContent-Disposition: attachment\r\n\r\nx\r\n';
  await flat(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(1001)}--b--`);
  assert.match(
    await flat(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${part}\r\n${'\r\n'.repeat(200_000)}--b--`),
    /--b/,
  );
  await flat(`${'Content-Type: message/rFc822\r\n\r\n'.repeat(51)}--b`);
});
