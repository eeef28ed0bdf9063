/** Who wrote it, where every reader finds the same; nobody where they differ. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorMailboxes } from './authors.ts';
import { unfold } from './headers.ts';

const domains = (value: string) => authorMailboxes(value)?.map(({ address }) => address.domain) ?? null;

test('old and new ways to write an author are read', () => {
  for (const value of [
    'a@own.test',
    '"boss@al.test" <a@own.test> (boss@al.test)',
    '"a\r\n b" <a@own.test>',
    '(x\r\n y) <a@own.test>',
    '\x1b$BF|K\\\x1b(B <a@own.test>',
    '"\x1b$B$"$$\x1b(B" <a@own.test>',
    '\x1b$B<c@o\x1b(B <a@own.test>',
    'a@own.test (\x1b$BF|K\\\x1b(B)',
    '=?utf-8?q?boss=40al.test?= <a@own.test>',
    '\x1b$B@>\x1b(B\r\n <a@own.test>',
    '<a@own.test> (x\r\n y)',
    '<a@own.test> (\x1b$B@>\x1b(B)',
    'a@own.test (<boss@al.test>, x)',
    'Ann (a.k.a. "B<C") <a@own.test>',
    '"\x1b$@;3ED\x1b(J"\r\n <a@own.test>',
    '\ufffd\ufffd <a@own.test>',
  ])
    assert.deepEqual(domains(value), ['own.test'], value);
});

test('where another reader could find another author there is none', () => {
  for (const value of [
    '"x\x1b$B"<boss@al.fr>,"A\x1b(B" <a@own.test>',
    '"<boss@al.test>,"A\x1b(J\ufffdx <a@own.test>',
    '(\r\n boss@al.test) <a@own.test>',
    '"<boss@al.test>)\r\n あ" <a@own.test>',
    // The domain goes on behind what ends the comment: own.test.al.test.
    'a@own.test (\r\n .al.test)',
    'a@own.te (\x1b$B!)st\x1b(B)',
    'a@own.te (x)(\r\n st)',
    '<a@own.te (\r\n st)>',
    'a@own.te ((x\r\n )st)',
    // A phrase of brackets to some.
    '(<boss@al.test>, x) <a@own.test>',
    'Ann (x <boss@al.test>, y) <a@own.test>',
    'a@own.test, (<boss@al.test>, x) <a@own.test>',
    // In octets, the quotation mark within the name opens a string.
    '\x1b$B"!\x1b(B <a@own.te(\r\n st)>',
    'a@own.te\x1b(Jst',
    '<a@own.te\x1b$B"!\x1b(B>',
    '"a\x1b$B"!\x1b(B"@own.test',
    '"<boss@al.test>\r x" <a@own.test>',
    'a@own.te (x\n st)',
    '<a@own.te\x1b(B>, ")st" <b@own.te>',
    '"<boss@al.test>\x01" <a@own.test>',
    '"a"@own.test\u2028',
    '=?utf-8?q?=22?=a@own.test',
    // What a decoder takes away still holds an address to those who decode nothing.
    '"=?utf-8?b?<boss@al.test>?=" \x01<a@own.test>',
    '"=?utf-8?b?<boss@al.test>?=\x7f" <a@own.test>',
    '=?utf-8?q?boss=40al.test=2C?=\x1b(J <a@own.test>',
  ])
    assert.equal(domains(value), null, value);
});

test('around a value there is SP, HTAB, CR and LF, and no other space', () => {
  assert.equal(unfold(' \t\r\n \u00a0x\ufeff\u2028 \r\n'), '\u00a0x\ufeff\u2028');
});
