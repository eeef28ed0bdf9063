/**
 * What a reading costs: octets in the store and milliseconds (best of 30, on this thread), for mail as mailers write it
 * and for hostile mail of 10 MiB. By hand: `npx node bench/readings.ts`; decision 018 has figures.
 */
import { readFileSync } from 'node:fs';
import nodemailer, { type SendMailOptions } from 'nodemailer';
import { readMessage } from '../src/reading/read-message.ts';
import { encodeReading } from '../src/reading/stored.ts';
import { HOSTILE_MAIL } from '../src/testing/hostile-mail.ts';

const words = readFileSync(new URL('../docs/security.md', import.meta.url), 'utf8');
const plain = words.replace(/[^\n -~]/g, '').replace(/.{1,70}/g, '$&\n');
const row = (line: string) =>
  `<table><tr><td style="font-family:Helvetica,Arial,sans-serif;font-size:14px">${line.replace(/[<&]/g, '')}</td></tr></table>`;
const html = `<html><head><style>p{margin:0}</style></head><body>${words.split('\n').slice(0, 200).map(row).join('\n')}</body></html>`;
const mailer = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' });

async function made(over: SendMailOptions): Promise<Buffer> {
  const sent = await mailer.sendMail({
    from: 'Alice Example <alice@a.example>',
    to: 'Bob <bob@b.example>, carol@c.example',
    subject: 'Minutes of the meeting',
    ...over,
  });
  return sent.message as Buffer;
}
function measure(kind: string, raw: Buffer, times: number): void {
  let octets = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    octets = encodeReading(readMessage(raw, [])).length;
    best = Math.min(best, performance.now() - began);
  }
  console.log(
    `${kind.padEnd(50)} ${String(raw.length).padStart(9)} ${String(octets).padStart(7)} ${best.toFixed(2).padStart(8)} ms`,
  );
}

const mail: Record<string, SendMailOptions> = {
  'plain text as it is': { text: plain.slice(0, 1500) },
  'Japanese in base64': { text: '日本語の本文です。'.repeat(80) },
  'quoted-printable text': { text: `${words.slice(0, 20_000)}é`, textEncoding: 'quoted-printable' },
  'text and HTML in quoted-printable': {
    text: `${words.slice(0, 4000)}é`,
    html: `${html}é`,
    textEncoding: 'quoted-printable',
  },
  'text and HTML as they are': {
    text: plain.slice(0, 4000),
    html: html.replace(/[^\n -~]/g, '').replace(/(<td)/g, '\n$1'),
  },
  'text with two attachments': {
    text: plain.slice(0, 500),
    attachments: [
      { filename: '請求書.pdf', content: Buffer.alloc(2_000_000, 7) },
      { filename: 'a.png', content: Buffer.alloc(200_000, 3) },
    ],
  },
};
for (const [kind, over] of Object.entries(mail)) measure(kind, await made(over), 30);
for (const { kind, make } of HOSTILE_MAIL) measure(kind, make(10 * 1024 * 1024), 1);
