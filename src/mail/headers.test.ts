/** The one reader of header sections: what is a field, what is a defect, where the header ends; bounded for any input. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findHeader, MAX_FIELDS, MAX_HEADER, readHeaderSection } from './headers.ts';

const read = (text: string) => readHeaderSection(Buffer.from(text, 'latin1'));
const kinds = (text: string) => read(text).defects.map(({ kind }) => kind);
const names = (text: string) => read(text).fields.map(({ rawName }) => rawName);
const END = '\r\nbody\r\n';

test('the header ends at the first empty line and nowhere else', () => {
  for (const [text, headerEnd, bodyStart] of [
    ['A: b\r\n\r\nC: d\r\n', 6, 8],
    ['\r\nA: b\r\n\r\n', 0, 2],
    ['A: b\r\nno colon\r\nC: d\r\n\r\nbody', 22, 24],
    ['A: b\r\n \r\nC: d\r\n\r\n', 15, 17],
    ['A: b\r\n', 6, 6],
    ['A: b', 4, 4],
    ['', 0, 0],
  ] as const) {
    const section = read(text);
    assert.deepEqual([section.headerEnd, section.bodyStart], [headerEnd, bodyStart], JSON.stringify(text));
  }
});

test('a line that is no field hides nothing behind it', () => {
  for (const line of [
    ': x',
    'X Y: z',
    'no colon',
    '>From x',
    'From x@a.test Mon Jan  1 00:00:00 2026',
    'Fro\0m: x',
    'X\x80: y',
    'From\r\n : folded before the colon',
    '\x1bX: y',
  ]) {
    const text = `A: b\r\n${line}\r\n folded: x\r\nSender: ceo@other.test\r\n${END}`;
    assert.deepEqual(names(text), ['A', 'Sender'], line);
    assert.ok(kinds(text).includes('not-a-field'), line);
    const [defect] = read(text).defects.filter(({ kind }) => kind === 'not-a-field');
    assert.equal(defect?.line, 2, line);
  }
  assert.deepEqual(kinds(` x\r\nA: b\r\n${END}`), ['not-a-field']);
});

test('what is only old is read', () => {
  const text = `From \t : a@b.test\r\nSubject:\r\n \r\n\t\r\n  x\r\nTo: \x1b$B$"\x1b(B <c@d.test>\r\nCc: caf\xc3\xa9\r\nX-Sjis: \x93\xfa\r\n${END}`;
  const { fields, defects } = read(text);
  assert.deepEqual(defects, []);
  assert.deepEqual(
    fields.map(({ rawName, name }) => [rawName, name]),
    ['From', 'Subject', 'To', 'Cc', 'X-Sjis'].map((name) => [name, name.toLowerCase()]),
  );
  assert.equal(findHeader(fields, 'FROM')?.rawValue, ' a@b.test');
  assert.equal(findHeader(fields, 'cc')?.rawValue, ' café');
  assert.equal(findHeader(fields, 'X-Sjis')?.rawValue, ' \ufffd\ufffd');
});

test('control characters are defects of their line; the escapes of ISO-2022-JP are none', () => {
  for (const [value, wanted] of [
    ['a\x07b', ['control-character']],
    ['a\x7fb', ['control-character']],
    ['a\rb', ['control-character']],
    ['a\nFrom: x', ['control-character']],
    ['a\0b', ['nul']],
    ['a\tb', []],
    ['\x1b$B$"\x1b(B', []],
    ['\x1b$@$"\x1b(J\x1b(I1\x1b(B', []],
    ['\x1b[31m', ['control-character']],
    ['a\r\x1b(B\nBcc: x', ['control-character']],
    ['\x1b$B\x07\x1b(B', ['control-character']],
  ] as const)
    assert.deepEqual(kinds(`X: ${value}\r\n${END}`), wanted, JSON.stringify(value));
  assert.deepEqual(read(`A: b\r\nX: \x07\r\n${END}`).defects, [
    { kind: 'control-character', line: 2, field: 'X' },
  ]);
});

test('a leading mbox line is told, and is no field; it has no folds', () => {
  for (const line of [
    'From a@b.test Mon Jan  1 00:00:00 2026',
    '>From a@b.test',
    'From x: y',
    '>From x: y',
  ]) {
    assert.deepEqual(kinds(`${line}\r\nA: b\r\n${END}`), ['mbox-line'], line);
    assert.deepEqual(names(`${line}\r\nA: b\r\n${END}`), ['A']);
  }
  assert.deepEqual(names(`>From \t:\r\n x\r\nA: b\r\n${END}`), ['>From', 'A']);
  assert.deepEqual(read(`From x\r\n From: y\r\nA: b\r\n${END}`).defects, [
    { kind: 'mbox-line', line: 1 },
    { kind: 'not-a-field', line: 2 },
  ]);
});

test('a second field that may be there once, whatever its case and form', () => {
  assert.deepEqual(read(`From: a\r\nTo: b\r\nfrom : c\r\nTO:\r\n d\r\n${END}`).defects, [
    { kind: 'duplicate', line: 3, field: 'from' },
    { kind: 'duplicate', line: 4, field: 'TO' },
  ]);
  assert.deepEqual(
    kinds(
      `Bcc: a\r\nBcc: b\r\nReturn-Path: <>\r\nReturn-Path: <>\r\nResent-From: a\r\nResent-To: x\r\nResent-From: b\r\nComments: a\r\nComments: b\r\n${END}`,
    ),
    [],
  );
});

test('limits are told, and the end of the header is still found', () => {
  const many = read(`${'A: b\r\n'.repeat(MAX_FIELDS + 1)}From: x\r\n${END}`);
  assert.equal(many.fields.length, MAX_FIELDS);
  assert.deepEqual(many.defects, [{ kind: 'too-many-fields', line: MAX_FIELDS + 1 }]);
  assert.equal(many.bodyStart, (MAX_FIELDS + 1) * 6 + 'From: x\r\n\r\n'.length);
  const large = read(`A: b\r\nB: ${'x'.repeat(MAX_HEADER)}\r\nC: d\r\n${END}`);
  assert.deepEqual(
    large.fields.map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(large.defects, [{ kind: 'too-large', line: 2 }]);
  assert.equal(read('junk\r\n'.repeat(500_000)).defects.length, MAX_FIELDS + 2);
});

test('any octets: fields are in order, within the header, and what is between them is told of', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\r\n',
      '\r\n ',
      '\r\n\t',
      ':',
      ' ',
      '\t',
      '\0',
      '\r',
      '\n',
      'From',
      '>From ',
      '\x1b$B',
      '\x1b(B',
      'é',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const message = Buffer.from(pieces.join(''), 'latin1');
      const { fields, headerEnd, bodyStart, defects } = readHeaderSection(message);
      assert.ok(headerEnd <= bodyStart && bodyStart <= message.length);
      let at = 0;
      let gaps = 0;
      for (const { start, end, rawName } of fields) {
        assert.ok(start >= at && end > start && end <= headerEnd);
        if (start > at) gaps += 1;
        assert.equal(message.toString('latin1', start, start + rawName.length), rawName);
        at = end;
      }
      if (at < headerEnd) gaps += 1;
      const told = defects.filter(({ kind }) => kind === 'not-a-field' || kind === 'mbox-line');
      assert.ok(told.length >= gaps);
    }),
    { numRuns: 2000 },
  );
});
