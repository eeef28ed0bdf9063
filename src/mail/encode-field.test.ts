/** Fields with raw text: text is encoded, addresses and what is compared by octets never are, all else keeps its octets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeField } from './encode-field.ts';

function encode(rawName: string, value: string, utf8 = false) {
  const made = encodeField({ name: rawName.toLowerCase(), rawName, rawValue: ` ${value}` }, utf8);
  if (made.kind === 'refused') return `${made.why} ${made.parameter ?? ''}`.trim();
  return made.kind === 'same' ? 'same' : made.text.slice(rawName.length + 2, -2);
}
const FIELDS = ['To', 'Cc', 'Reply-To', 'From', 'Sender', 'Resent-To', 'Bcc', 'Author'];

test('what could be an addr-spec with a local part beyond ASCII is refused in every form', () => {
  for (const address of [
    'ü@x.test',
    '"ü"@x.test',
    '"ü" @ x.test',
    '"ü"\r\n @x.test',
    '"ü" (comment)@x.test',
    '(a)"ü"(b)@(c)x.test',
    'ü . ä @ x.test',
    'a."ü"@x.test',
    '"ü@x.test"',
    'name ü@x.test',
    'ü =?utf-8?q?a@b.test?=',
    '=?utf-8?q?=C3=BC?=ü@x.test',
    '<"ü"@x.test>',
    '<ü @x.test>',
    'a@x.test <ü>',
    'ü@x.test <a@x.test>',
    '"ü"@x.test <a@x.test>',
    '<a@x.test> ü',
    '<@ü.test:a@x.test>',
    'a@x.test (ü)=?utf-8?B@ü.test?6a@x.testOb?=@ü.test',
  ])
    for (const name of FIELDS)
      for (const value of [
        address,
        `a@x.test, ${address}`,
        `group: ${address};`,
        `group: b@x.test,${address};`,
      ])
        assert.equal(encode(name, value), 'address', `${name}: ${value}`);
});

test('a domain beyond ASCII becomes its A-label, and its local part stays as it is written', () => {
  for (const [given, wanted] of [
    ['b@exämple.com', 'b@xn--exmple-cua.com'],
    ['"b"@exämple.com', '"b"@xn--exmple-cua.com'],
    ['"b  c@d"@exämple.com (ü)', '"b  c@d"@xn--exmple-cua.com (=?UTF-8?B?w7w=?=)'],
    ['ü <"b"@exämple.com>', '=?UTF-8?B?w7w=?= <"b"@xn--exmple-cua.com>'],
    ['g: b@exämple.com, c@x.test;', 'g: b@xn--exmple-cua.com, c@x.test;'],
  ] as const)
    for (const name of FIELDS) assert.equal(encode(name, given), wanted);
});

test('what is within quotes, brackets and comments keeps its octets beside what is encoded', () => {
  const kept = '"x  y"@own.test (ü)';
  for (const name of FIELDS) {
    assert.equal(encode(name, kept), '"x  y"@own.test (=?UTF-8?B?w7w=?=)');
    assert.equal(
      encode(name, '"A  B" <"a  b"@x.test>, (c \t d) ü <e@x.test>'),
      '"A  B" <"a  b"@x.test>, (c \t d) =?UTF-8?B?w7w=?= <e@x.test>',
    );
    const many = Array.from({ length: 40 }, (_, i) => `"A  ${i}" <"a  b"@x.test>`);
    const text = encode(name, [...many, 'ü <c@x.test>'].join(', '));
    for (const line of text.split('\r\n')) assert.ok(line.length <= 90, line);
    assert.equal(text.replaceAll('\r\n', ''), [...many, '=?UTF-8?B?w7w=?= <c@x.test>'].join(', '));
  }
  assert.equal(encode('To', '"A, @ ü" <a@x.test>'), '=?UTF-8?B?QSwgQCDDvA==?= <a@x.test>');
  assert.equal(encode('To', '皆さま'), '=?UTF-8?B?55qG44GV44G+?=');
});

test('a parameter that is compared by octets is refused by name, one that is text is encoded', () => {
  const type = 'multipart/mixed';
  for (const [value, name] of [
    [`${type}; boundary="ü"`, 'boundary'],
    [`${type}; boundary*0="b"; boundary*1="ü"`, 'boundary'],
    [`${type}; name="ü"; BOUNDARY = ü`, 'boundary'],
    [`${type}; boundary=b (ü)`, 'boundary'],
    [`${type}; name="ü" boundary="b"`, 'boundary'],
    [`${type}; name=ü boundary=b`, 'boundary'],
    [`${type}; name="ü boundary=b`, 'boundary'],
    [`${type}; name="x" boundary*0*="ü"`, 'boundary'],
    ['text/plain; charset="ü"', 'charset'],
    ['multipart/signed; protocol="ü"', 'protocol'],
    ['multipart/signed; micalg=ü', 'micalg'],
    ['multipart/related; type="ü"', 'type'],
    ['multipart/related; start="<ü>"', 'start'],
    ['message/external-body; access-type=ü', 'access-type'],
    ['message/partial; id="ü"', 'id'],
    ['multipart/report; report-type=ü', 'report-type'],
    ['text/plain; format=ü', 'format'],
    ['text/calendar; method=ü', 'method'],
    ['application/pkcs7-mime; smime-type=ü', 'smime-type'],
  ] as const) {
    assert.equal(encode('Content-Type', value), `parameter ${name}`);
    assert.equal(encode('Content-Type', value, true), 'same');
  }
  assert.equal(encode('Content-Disposition', 'attachment; creation-date="ü"'), 'parameter creation-date');
  for (const [given, wanted] of [
    ['text/plain; name="ü"; x="a  b"', `text/plain;\r\n name*=UTF-8''%C3%BC; x="a  b"`],
    ['text/plain; name="ü boundary=b"', "text/plain;\r\n name*=UTF-8''%C3%BC%20boundary%3Db"],
    ['text/plain; x-label=ü', `text/plain;\r\n x-label*=UTF-8''%C3%BC`],
    ['application/octet-stream; type="ü"', `application/octet-stream;\r\n type*=UTF-8''%C3%BC`],
  ] as const)
    assert.equal(encode('Content-Type', given), wanted);
});
