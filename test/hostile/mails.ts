/**
 * Mail made to take work: one kind for each part of a reader (nesting, parts, headers, lines, encodings, charsets, HTML,
 * signatures), each at any size. All are taken by port 25; none is well meant.
 */
import { Buffer } from 'node:buffer';

export interface HostileMail {
  readonly kind: string;
  /** About `octets` long, CRLF line ends, no line over 60,000 octets. */
  make(octets: number): Buffer;
}

const FROM = 'From: <x@remote.test>\r\n';
const PLAIN = `${FROM}Subject: hostile\r\n\r\n`;

/** `head`, then `piece` again and again (its number given) up to the size, then `tail`. */
function filled(head: string, piece: string | ((i: number) => string), tail = '') {
  return (octets: number): Buffer => {
    const pieces = [head];
    let left = octets - head.length - tail.length;
    for (let i = 0; left > 0; i++) {
      const next = typeof piece === 'string' ? piece : piece(i);
      pieces.push(next);
      left -= next.length;
    }
    return Buffer.from(pieces.join('') + tail, 'latin1');
  };
}
const typed = (type: string, more = '') =>
  `${FROM}Subject: hostile\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n${more}\r\n`;

/** So many messages within each other, then lines of one letter. */
function nestedMessages(depth: number) {
  return filled(`${FROM}Content-Type: message/rfc822\r\n\r\n`.repeat(depth) + PLAIN, 'a\r\n');
}
function nestedMultiparts(octets: number, depth: number): Buffer {
  let head = FROM;
  for (let i = 0; i < depth; i++) head += `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`;
  return filled(`${head}\r\n`, 'text\r\n')(Math.max(octets, head.length + 10));
}
/** One header field as long as the message, folded. */
const longField = (name: string, piece: string) => filled(`${FROM}${name}:`, ` ${piece}\r\n`, '\r\nbody\r\n');

/** Ten signatures that each ask for the body to be hashed in another way; none is right. */
function signatures(): string {
  const ways = ['simple/simple', 'relaxed/relaxed', 'simple/relaxed', 'relaxed/simple'];
  return Array.from({ length: 10 }, (_, i) => {
    const c = ways[i % ways.length];
    const l = i < 2 ? ` l=${1000 * (i + 1)};` : '';
    const a = i % 3 === 0 ? 'rsa-sha1' : 'rsa-sha256';
    return `DKIM-Signature: v=1; a=${a}; c=${c}; d=remote.test; s=s${i};${l}\r\n\th=From; bh=${'A'.repeat(43)}=; b=${'A'.repeat(342)}==\r\n`;
  }).join('');
}

export const HOSTILE: readonly HostileMail[] = [
  { kind: 'messages in messages, short lines', make: nestedMessages(48) },
  {
    kind: 'messages in messages, deeper than any',
    make: filled(FROM, 'Content-Type: message/rfc822\r\n\r\n'),
  },
  { kind: 'multiparts within multiparts, 50', make: (octets) => nestedMultiparts(octets, 50) },
  {
    kind: 'multiparts within multiparts, all of it',
    make: (octets) => nestedMultiparts(octets, Math.floor(octets / 64)),
  },
  { kind: 'empty parts', make: filled(typed('multipart/mixed; boundary=b'), '--b\r\n\r\n') },
  {
    kind: 'parts with a name each',
    make: filled(
      typed('multipart/mixed; boundary=b'),
      (i) => `--b\r\nContent-Type: a/b; name="${i}"\r\n\r\n\r\n`,
    ),
  },
  { kind: 'lines like boundaries', make: filled(typed('multipart/mixed; boundary=b'), '--c\r\n') },
  {
    kind: 'a boundary of 50,000 octets',
    make: filled(typed(`multipart/mixed; boundary="${'b'.repeat(50_000)}"`), `--${'b'.repeat(49_000)}\r\n`),
  },
  { kind: 'fields of two octets', make: filled(FROM, 'a:\r\n', '\r\n') },
  {
    kind: 'a From of brackets',
    make: (octets) => filled('From: x <x@remote.test>,', ' ((((<<<<,,,,\r\n', '\r\nbody\r\n')(octets),
  },
  { kind: 'a To of mailboxes', make: longField('To', 'a@b.test,') },
  { kind: 'a Subject of encoded words', make: longField('Subject', '=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=') },
  { kind: 'a Subject of half encoded words', make: longField('Subject', '=?=?=?=?utf-8?q?=?==') },
  { kind: 'a Content-Type of parameters', make: longField('Content-Type', 'a=b;') },
  {
    kind: 'a name in pieces',
    make: (octets) =>
      filled(
        `${FROM}Content-Disposition: attachment`,
        (i) => `;\r\n name*${i}*=%e3%81%82`,
        '\r\n\r\nbody\r\n',
      )(octets),
  },
  { kind: 'a References of identifiers', make: longField('References', '<a@b.test>') },
  { kind: 'empty lines', make: filled(PLAIN, '\r\n') },
  { kind: 'lines of one letter', make: filled(PLAIN, 'a\r\n') },
  { kind: 'lines of dots', make: filled(PLAIN, '..\r\n') },
  { kind: 'white space at line ends', make: filled(PLAIN, `a${' \t'.repeat(200)}\r\n`) },
  { kind: 'flowed lines', make: filled(typed('text/plain; format=flowed; delsp=yes'), 'a \r\n') },
  {
    kind: 'flowed and quoted lines',
    make: filled(typed('text/plain; format=flowed'), (i) => `${'>'.repeat(i % 70)} a \r\n`),
  },
  {
    kind: 'escapes of ISO-2022-JP',
    make: filled(typed('text/plain; charset=ISO-2022-JP'), `${'\x1b$B\x1b(B'.repeat(100)}\r\n`),
  },
  {
    kind: 'octets that are no UTF-8',
    make: filled(typed('text/plain; charset=utf-8'), `${'\xff\xc3\x80'.repeat(300)}\r\n`),
  },
  { kind: 'control characters', make: filled(PLAIN, `${'\x00\x01\x02'.repeat(300)}\r\n`) },
  {
    kind: 'soft line ends',
    make: filled(typed('text/plain', 'Content-Transfer-Encoding: quoted-printable\r\n'), '=\r\n'),
  },
  {
    kind: 'base64, a letter a line',
    make: filled(typed('text/html', 'Content-Transfer-Encoding: base64\r\n'), 'PA==\r\n'),
  },
  { kind: 'HTML, tags within tags', make: filled(typed('text/html'), '<div><table><tr><td>\r\n') },
  {
    kind: 'HTML, brackets and entities',
    make: filled(typed('text/html'), '<<a href="&amp;&#65;<!--<style><script>&\r\n'),
  },
  { kind: 'ten signatures over short lines', make: filled(signatures() + PLAIN, 'a \r\n') },
];
