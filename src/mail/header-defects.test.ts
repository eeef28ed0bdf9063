/** The names of what is wrong with a header, and which of them leave its author open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorIsOpen, defectNames } from './header-defects.ts';
import { readHeaderSection } from './headers.ts';

const FROM = 'From: a@b.test\r\n';

test('each defect has a name, once', () => {
  for (const [header, names, open] of [
    [FROM, [], false],
    ['From: \x1b$BF|\x1b(B <a@b.test>, (x) c@d.test\r\n', [], false],
    [`${FROM}To: a\r\nTo: b\r\nTo: c\r\n`, ['several-to'], false],
    [
      `${FROM}Subject: a\r\nsubject : b\r\nMessage-ID: a\r\nMessage-ID: b\r\n`,
      ['several-subject', 'several-message-id'],
      false,
    ],
    [`From a@b.test\r\n${FROM}`, ['mbox-line'], false],
    [`${FROM}X: \x07\r\n`, ['control-character'], false],
    [`${FROM}X: \0\r\n`, ['nul'], true],
    [`${FROM}x y: z\r\nx\r\n`, ['not-a-field'], true],
    [`${FROM}${FROM}`, ['several-from'], true],
    [`${FROM}Sender: x@y.test\r\nSender: x@y.test\r\n`, ['several-sender'], true],
    [`${FROM}${'X: y\r\n'.repeat(1000)}`, ['too-many-fields'], true],
    [`${FROM}X: ${'y'.repeat(300_000)}\r\n`, ['header-too-large'], true],
    ['Subject: x\r\n', ['from-missing'], true],
    ['From: (\r\n boss@al.test) <a@b.test>\r\n', ['from-unreadable'], true],
    ['From: Group:;\r\n', ['from-unreadable'], true],
    [`${FROM}Sender: x\r\n`, ['sender-unreadable'], false],
  ] as const) {
    const section = readHeaderSection(Buffer.from(`${header}\r\nbody`, 'latin1'));
    assert.deepEqual(defectNames(section), names);
    assert.equal(authorIsOpen(section), open, names.join());
  }
});
