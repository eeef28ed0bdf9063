/**
 * One field that a program sends: encoded, then folded. What leaves is the same one field to the reader, means the same
 * when it is read again, and names the same addresses.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import type { Target } from './engine/target.ts';

type Encoding = typeof import('../../src/mail/encode-field.ts');
type Headers = typeof import('../../src/mail/headers.ts');
type Octets = typeof import('../../src/mail/header-octets.ts');
type Lines = typeof import('../../src/mail/long-lines.ts');

export const target: Target = {
  words: [
    'Subject: ',
    'From: ',
    'To: ',
    '@x.test',
    '@ü.test',
    '"  ü"',
    ':',
    'List-Id: ',
    'Date: ',
    'Content-Type: text/plain; name="',
    "Content-Disposition: attachment; filename*0*=UTF-8''%E3",
    '; filename*1="',
    '\r\n ',
    ' ',
    '"',
    '(',
    ')',
    '\\',
    ';',
    ',',
    '<a@b.test>',
    '飛脚',
    '\x1b$BF|K\\\x1b(B',
    '=?utf-8?B?6aOb?=',
    'x'.repeat(500),
  ],
  // An encoded header may have four times as many octets, and a header has at most 256 KiB.
  longest: 32 * 1024,
  async open(load) {
    const { encodeField } = await load<Encoding>('mail/encode-field.ts');
    const { readHeaderSection, unfold } = await load<Headers>('mail/headers.ts');
    const { findLongLine, refold, MAX_LINE } = await load<Lines>('mail/long-lines.ts');
    const { fieldMailboxes, MAX_LIST } = await load<Octets>('mail/header-octets.ts');
    const addresses = (value: string) => fieldMailboxes(value)?.map(({ address }) => address.wire) ?? null;
    const one = (text: string) => {
      const { fields, defects } = readHeaderSection(Buffer.from(`${text}\r\n`, 'latin1'));
      return fields.length === 1 && defects.length === 0 ? fields[0]! : null;
    };
    return (input) => {
      const given = input.toString('latin1');
      const field = one(`${given}\r\n`);
      if (field === null) return;
      for (const outside of [true, false]) {
        const folded = refold(`${given}\r\n`, outside);
        const again = one(folded);
        assert.equal(again?.name, field.name);
        assert.equal(unfold(again.rawValue), unfold(field.rawValue));
        // A line is long only where it has no white space between its words.
        const long = findLongLine(Buffer.from(folded, 'latin1'), MAX_LINE);
        if (long === null || outside) continue;
        const line = folded.split('\n')[long.line - 1]!;
        const value = long.line === 1 ? line.slice(line.indexOf(':') + 1) : line.slice(1);
        assert.doesNotMatch(value.trim(), /^[^ \t]{1,900}[ \t]/);
      }
      if (!isUtf8(input)) return;
      for (const utf8 of [false, true]) {
        const encoded = encodeField(field, utf8);
        if (encoded.kind !== 'encoded') continue;
        const left = one(Buffer.from(encoded.text).toString('latin1'));
        assert.equal(left?.name, field.name);
        assert.equal(encodeField(left, false).kind, 'same', encoded.text.slice(0, 200));
        // A list that grew over the most that is read has no addresses.
        if ((field.name !== 'to' && field.name !== 'from') || left.rawValue.length > MAX_LIST) continue;
        const named = addresses(field.rawValue);
        if (named !== null) assert.deepEqual(addresses(left.rawValue), named);
      }
    };
  },
};
