/** Header sections. Fields follow one another within the header, and none of what was passed over lies in one. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Headers = typeof import('../../src/mail/headers.ts');
type Defects = typeof import('../../src/mail/header-defects.ts');
type Octets = typeof import('../../src/mail/header-octets.ts');
type Forged = typeof import('../../src/verify/forged-results.ts');

export const target: Target = {
  words: [
    '\r\n',
    '\r\n\r\n',
    '\r\n ',
    ':',
    ' :',
    'From: ',
    'Sender: ',
    'Subject: ',
    'From ',
    '>From ',
    '\0',
    '\x1b$B',
    '\x1b(B',
    '=?utf-8?Q?',
    '?=',
    'Authentication-Results: mx.example.test; spf=pass',
  ],
  async open(load) {
    const {
      decodeHeaderText,
      findHeader,
      foldHeader,
      headerBounds,
      readHeaderSection,
      unfold,
      MAX_FIELDS,
      MAX_HEADER,
    } = await load<Headers>('mail/headers.ts');
    const { authorIsOpen, defectNames } = await load<Defects>('mail/header-defects.ts');
    const { headerText } = await load<Octets>('mail/header-octets.ts');
    const { stripForgedResults } = await load<Forged>('verify/forged-results.ts');
    return (message) => {
      const section = readHeaderSection(message);
      const { fields, headerEnd, bodyStart } = section;
      assert.deepEqual(headerBounds(message), { headerEnd, bodyStart });
      assert.ok(headerEnd <= bodyStart && bodyStart <= message.length && fields.length <= MAX_FIELDS);
      let last = 0;
      for (const { name, rawName, rawValue, start, end } of fields) {
        assert.ok(last <= start && start < end && end <= Math.min(headerEnd, MAX_HEADER));
        assert.equal(name, rawName.toLowerCase());
        assert.ok(findHeader(fields, rawName) !== undefined);
        decodeHeaderText(rawValue);
        headerText(rawValue);
        foldHeader(rawName, unfold(rawValue));
        last = end;
      }
      if (defectNames(section).length === 0) assert.equal(authorIsOpen(section), false);
      stripForgedResults(message, 'mx.example.test');
    };
  },
};
