/** Mail that was made to be costly to read, each kind in any size: what the limits and budgets are for. */

/** Up to `size` octets of the unit, over and over. */
function filled(size: number, unit: string): string {
  return unit.repeat(Math.max(1, Math.floor(size / Buffer.byteLength(unit))));
}
const head = (type: string, more = '') =>
  `From: a@sender.test\r\nSubject: hostile\r\n${more}${type === '' ? '' : `Content-Type: ${type}\r\n`}\r\n`;

/** Multiparts or messages within each other. */
function nested(depth: number, wrap: (level: number) => readonly [string, string], inner: string): string {
  let [front, back] = ['', ''];
  for (let level = 0; level < depth; level++) {
    const [before, behind] = wrap(level);
    front += before;
    back = behind + back;
  }
  return front + inner + back;
}

const MAKERS: Readonly<Record<string, (size: number) => string>> = {
  'nested messages with short lines': (size) =>
    head('message/rfc822') +
    nested(48, () => ['Content-Type: message/rfc822\r\n\r\n', ''], `\r\n${filled(size, 'x\r\n')}`),
  'nested multiparts with short lines': (size) =>
    head('multipart/mixed; boundary=b0') +
    nested(
      60,
      (level) => [
        `--b${level}\r\nContent-Type: multipart/mixed; boundary=b${level + 1}\r\n\r\n`,
        `\r\n--b${level}--\r\n`,
      ],
      filled(size, '--\r\n'),
    ),
  'multiparts of one boundary within each other': (size) =>
    head('multipart/mixed; boundary=b') +
    filled(size, '--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'),
  'many parts': (size) => head('multipart/mixed; boundary=b') + filled(size, '--b\r\n\r\nx\r\n'),
  'many parts of HTML': (size) =>
    head('multipart/mixed; boundary=b') + filled(size, '--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n'),
  'many lines like boundaries': (size) => head('multipart/mixed; boundary=b') + filled(size, '--\r\n'),
  'a part whose header is lines like boundaries': (size) =>
    `${head('multipart/mixed; boundary=b')}--b\r\n${filled(size, '--x: y\r\n')}`,
  'boundaries that are nearly ours': (size) =>
    head(`multipart/mixed; boundary=${'b'.repeat(70)}`) + filled(size, `--${'b'.repeat(69)}c\r\n`),
  'a large From': (size) => `From: ${filled(size, 'a@sender.test,\r\n ')}a@sender.test\r\n\r\nx\r\n`,
  'a From of comments': (size) => `From: ${filled(size, '(')}a@sender.test\r\n\r\nx\r\n`,
  'a From in one line': (size) => `From: ${filled(size, 'a')}@sender.test\r\n\r\nx\r\n`,
  'many fields': (size) => `${filled(size, 'To: a@sender.test\r\n')}\r\nx\r\n`,
  'encoded words': (size) => `Subject: ${filled(size, '=?utf-8?q?=41?= ')}\r\n\r\nx\r\n`,
  'encoded words in many charsets': (size) =>
    `Subject: ${filled(size, '=?iso-2022-jp?b?GyRC?= =?x?q?y?= =?gb18030?q?=81?= ')}\r\n\r\nx\r\n`,
  'a Content-Type of parameters': (size) => head(`text/plain${filled(size, '; a="\\b')}`),
  'continued parameters': (size) => head(`application/x${filled(size, "; a*1*=utf-8''%41")}`),
  'flowed lines': (size) => head('text/plain; format=flowed') + filled(size, 'x \r\n'),
  'flowed quotes': (size) =>
    head('text/plain; format=flowed; delsp=yes') + filled(size, `${'>'.repeat(60)} x \r\n`),
  'flowed depth': (size) => head('text/plain; format=flowed') + filled(size, '>'),
  'empty lines': (size) => head('text/plain') + filled(size, '\r\n'),
  'one line': (size) => head('text/plain') + filled(size, 'x'),
  'carriage returns': (size) => head('text/plain') + filled(size, '\r'),
  'base64 of white space': (size) =>
    head('text/plain', 'Content-Transfer-Encoding: base64\r\n') + filled(size, '\r\n'),
  'broken base64': (size) =>
    head('application/x', 'Content-Transfer-Encoding: base64\r\n') + filled(size, 'Q=*\r\n'),
  'quoted-printable of spaces': (size) =>
    head('text/plain', 'Content-Transfer-Encoding: quoted-printable\r\n') + filled(size, '  = \t'),
  'quoted-printable of equals': (size) =>
    head('application/x', 'Content-Transfer-Encoding: quoted-printable\r\n') + filled(size, '='),
  'ISO-2022-JP escapes': (size) => head('text/plain; charset=iso-2022-jp') + filled(size, '\x1b$B\x1b(B'),
  'GB 18030': (size) => head('text/plain; charset=gb18030') + filled(size, '\x81\x30\x81\x30'),
  'UTF-16': (size) => head('text/plain; charset=utf-16') + filled(size, '\x00\xd8'),
  'a charset that is not known': (size) => head('text/plain; charset=x-none') + filled(size, '\xff\xfe'),
  'HTML of open tags': (size) => head('text/html') + filled(size, '<b>'),
  'HTML of tags that close others': (size) =>
    head('text/html') + filled(size / 2, '<b>') + filled(size / 2, '</i>'),
  'HTML of paragraphs': (size) => head('text/html') + filled(size, '<p>x'),
  'HTML of quotes': (size) =>
    head('text/html') + filled(size / 2, '<blockquote>') + filled(size / 2, 'x<br>'),
  'HTML of lists': (size) => head('text/html') + filled(size / 2, '<ol><li>') + filled(size / 2, 'x<br>'),
  'HTML of table cells': (size) => `${head('text/html')}<table>${filled(size, '<td>')}`,
  'HTML of attributes': (size) => `${head('text/html')}<a ${filled(size, 'b=c ')}`,
  'HTML of entities': (size) => head('text/html') + filled(size, '&amp;&#x41;&notit;'),
  'HTML of ampersands': (size) => head('text/html') + filled(size, '&'),
  'HTML of comments': (size) => head('text/html') + filled(size, '<!--'),
  'HTML of style sheets': (size) => head('text/html') + filled(size, '<style>p{}</style>'),
  'HTML of spaces': (size) => head('text/html') + filled(size, ' '),
  'HTML of digits': (size) => head('text/html') + filled(size, '1 '),
  'HTML without an end': (size) => `${head('text/html')}<a href="${filled(size, 'x')}`,
};

export interface HostileMail {
  readonly kind: string;
  readonly make: (size: number) => Buffer;
}
export const HOSTILE_MAIL: readonly HostileMail[] = Object.entries(MAKERS).map(([kind, make]) => ({
  kind,
  make: (size) => Buffer.from(make(size), 'latin1'),
}));
