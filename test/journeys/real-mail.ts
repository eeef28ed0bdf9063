/** Realistic messages: what mail clients and programs of the last thirty years send. */
import { randomBytes } from 'node:crypto';

export interface RealMessage {
  readonly name: string;
  readonly raw: Buffer;
  /** Without fields that the service removes; equal to raw if nothing is removed. */
  readonly expected: Buffer;
  readonly recipients: readonly string[];
  readonly from?: string;
  readonly smtputf8?: boolean;
  readonly eightBit?: boolean;
}

const CRLF = '\r\n';
const lines = (...parts: string[]) => parts.join(CRLF) + CRLF;
function header(subject: string, ...more: string[]): string {
  return lines(
    'From: Sender <sender@sender.test>',
    'To: <someone@receiver.test>',
    `Subject: ${subject}`,
    'Date: Tue, 03 Nov 2026 10:00:00 +0900',
    `Message-ID: <${randomBytes(8).toString('hex')}@sender.test>`,
    'MIME-Version: 1.0',
    ...more,
  );
}
function wrap(base64: string): string {
  return base64.replace(/.{76}/g, `$&${CRLF}`);
}

/** ISO-2022-JP of kana and kanji, as bytes written out by hand: 日本語 */
const NIHONGO = '\x1b$BF|K\\8l\x1b(B';

/** A message of exactly `octets` octets with one base64 attachment. */
export function messageOfSize(octets: number, subject = 'size'): Buffer {
  const head = Buffer.from(
    header(
      subject,
      'Content-Type: application/octet-stream; name="big.bin"',
      'Content-Transfer-Encoding: base64',
      'Content-Disposition: attachment; filename="big.bin"',
    ) + CRLF,
  );
  const body = Buffer.alloc(octets - head.length, 'A');
  for (let at = 76; at + 1 < body.length - 2; at += 78) body.write(CRLF, at, 'latin1');
  body.write(CRLF, body.length - 2, 'latin1');
  return Buffer.concat([head, body]);
}

export function realMessages(): RealMessage[] {
  const list: RealMessage[] = [];
  const add = (name: string, text: string | Buffer, more: Partial<RealMessage> = {}) => {
    const raw = Buffer.isBuffer(text) ? text : Buffer.from(text, 'latin1');
    list.push({ name, raw, expected: raw, recipients: [`${name}@receiver.test`], ...more });
  };
  add(
    'iso-2022-jp',
    header('=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=', 'Content-Type: multipart/mixed; boundary="jp"') +
      CRLF +
      lines(
        '--jp',
        'Content-Type: text/plain; charset=ISO-2022-JP',
        'Content-Transfer-Encoding: 7bit',
        '',
        `${NIHONGO} mail`,
        '--jp',
        'Content-Type: application/pdf',
        'Content-Transfer-Encoding: base64',
        "Content-Disposition: attachment; filename*0*=utf-8''%E8%AB%8B%E6%B1%82;",
        ' filename*1*=%E6%9B%B8.pdf',
        '',
        'JVBERi0xLjQK',
        '--jp--',
      ),
  );
  add(
    'html-inline-image',
    Buffer.from(
      header('HTML', 'Content-Type: multipart/related; boundary="rel"') +
        CRLF +
        lines(
          '--rel',
          'Content-Type: text/html; charset=UTF-8',
          'Content-Transfer-Encoding: 8bit',
          '',
          '<p>こんにちは <img src="cid:cat@sender.test"></p>',
          '--rel',
          'Content-Type: image/png',
          'Content-ID: <cat@sender.test>',
          'Content-Transfer-Encoding: base64',
          '',
          'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
          '--rel--',
        ),
      'utf8',
    ),
    { eightBit: true },
  );
  add(
    'seven-mebibytes',
    header('large', 'Content-Type: application/zip', 'Content-Transfer-Encoding: base64') +
      CRLF +
      wrap(randomBytes(7 * 1024 * 1024).toString('base64')) +
      CRLF,
  );
  add('exactly-ten-mebibytes', messageOfSize(10_485_760, 'exactly 10 MiB'));
  add(
    'nested-rfc822',
    header('Fwd: nested', 'Content-Type: multipart/mixed; boundary="outer"') +
      CRLF +
      lines(
        '--outer',
        'Content-Type: message/rfc822',
        '',
        'From: <inner@example.net>',
        'Subject: inner',
        'Content-Type: multipart/alternative; boundary="inner"',
        '',
        '--inner',
        'Content-Type: text/plain',
        '',
        'inner text',
        '--inner--',
        '--outer--',
      ),
  );
  add(
    'smime-signed',
    header(
      'signed',
      'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="sig"',
    ) +
      CRLF +
      lines(
        '--sig',
        'Content-Type: text/plain; charset=us-ascii',
        '',
        'This text must not change by one octet.  ',
        '',
        '--sig',
        'Content-Type: application/pkcs7-signature; name=smime.p7s',
        'Content-Transfer-Encoding: base64',
        'Content-Disposition: attachment; filename=smime.p7s',
        '',
        'MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgBZQMEAgEFADCABgkqhkiG9w0BBwEAAA==',
        '--sig--',
      ),
  );
  add(
    'eight-bit-body',
    Buffer.from(
      `${header('8bit', 'Content-Type: text/plain; charset=UTF-8', 'Content-Transfer-Encoding: 8bit')}${CRLF}飛脚は走る。${CRLF}`,
      'utf8',
    ),
    { eightBit: true },
  );
  add('leading-dots', `${header('dots')}${CRLF}${lines('.', '..', '.hidden', 'text', '...', '.')}`);
  add('line-of-998', `${header('long line')}${CRLF}${'x'.repeat(998)}${CRLF}`);
  add('empty-body', `${header('empty')}${CRLF}`);
  add('fifty-recipients', `${header('fifty')}${CRLF}to many${CRLF}`, {
    recipients: Array.from(
      { length: 50 },
      (_, i) => `fifty-${i}@${['receiver.test', 'second.test', 'third.test'][i % 3]}`,
    ),
  });
  {
    const head = header('bcc');
    const secret = 'Bcc: <hidden@second.test>,\r\n <more-hidden@third.test>\r\n';
    const body = `${CRLF}nobody sees the rest${CRLF}`;
    add('bcc', head + secret + body, {
      expected: Buffer.from(head + body, 'latin1'),
      recipients: ['bcc@receiver.test', 'hidden@second.test'],
    });
  }
  add(
    'smtputf8',
    Buffer.from(
      `${lines('From: 送信者 <飛脚@sender.test>', 'To: <受信@receiver.test>', 'Subject: 件名', 'Date: Tue, 03 Nov 2026 10:00:00 +0900', `Message-ID: <${randomBytes(8).toString('hex')}@sender.test>`)}${CRLF}utf8${CRLF}`,
      'utf8',
    ),
    { recipients: ['受信@receiver.test'], from: '飛脚@sender.test', smtputf8: true, eightBit: true },
  );
  add(
    'long-references',
    `${header('Re: long', `References: ${Array.from({ length: 60 }, () => `<${randomBytes(12).toString('hex')}@sender.test>`).join(`${CRLF} `)}`)}${CRLF}threaded${CRLF}`,
  );
  add('no-date-no-id', lines('From: <sender@sender.test>', 'Subject: bare') + CRLF + lines('bare'));
  add(
    'quoted-printable',
    header('qp', 'Content-Type: text/plain; charset=UTF-8', 'Content-Transfer-Encoding: quoted-printable') +
      CRLF +
      lines('=E9=A3=9B=E8=84=9A trailing=20', 'soft=', 'break'),
  );
  return list;
}
