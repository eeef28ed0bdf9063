/**
 * Mail: a letter to people for each event, through a domain of the project. Invariants: what strangers wrote stands in the
 * subject, encoded (mail/compose), in the text, and in the original, never in another field; the letter says that it is
 * automatic (RFC 3834 §5) and bears the marks of its topics (event-trace.ts); it is the same each time for the same event
 * and time. The text is 8-bit UTF-8, so the marks and the preview can be read as they are. An original that is no clean
 * message (RFC 5322 §2.3, with an ASCII header) goes as a file in base64, for message/rfc822 must not be encoded (RFC 2046
 * §5.2.1). One with which the letter would be over the limit is left out, and the text says so.
 */
import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type Address, parseAddress } from '../../mail/address.ts';
import { composeHeader } from '../../mail/compose.ts';
import { headerBounds } from '../../mail/headers.ts';
import { findLongLine, MAX_LINE } from '../../mail/long-lines.ts';
import { wrapBase64 } from '../../mail/mime-parts.ts';
import { type Labels, type ReadText, type Settings, textOf } from '../../runtime/settings.ts';
import { TRACE_FIELD } from '../event-trace.ts';
import { beginning, type Language, NOTICE_OPTIONS, type Notice } from '../notice.ts';
import type { Letter, LetterDeps, MailKind } from './kind.ts';
import { language, noticeFor, WORDS } from './texts.ts';

const MOST_RECIPIENTS = 20;
const MOST = { prefix: 60, subject: 250, line: 240 } as const;
/** Octets of what stands around the original, at most. */
const AROUND = 256 * 1024;

const addressOf = (text: string): Address | null => {
  const address = parseAddress(text.trim());
  return address === null || address.utf8 ? null : address;
};
const addressesIn = (text: string) => text.split(',').map(addressOf);

const readAddresses: ReadText = (text) => {
  const found = addressesIn(text);
  const wires = found.flatMap((address) => address?.wire ?? []);
  if (wires.length < found.length) return { wrong: 'must be e-mail addresses with commas between them' };
  if (wires.length > MOST_RECIPIENTS) return { wrong: 'must have at most 20 entries' };
  if (new Set(wires).size < wires.length) return { wrong: 'must not name anything twice' };
  return { value: wires.join(', ') };
};
const readAddress: ReadText = (text) => {
  const address = addressOf(text);
  return address === null ? { wrong: 'is not an e-mail address' } : { value: address.wire };
};

const SAID = {
  when: { en: 'Time', ja: '日時' },
  attached: { en: 'The original is attached.', ja: '元のメールを添付しています。' },
  'too-large': {
    en: 'The original is not attached, because the message would be too large.',
    ja: '大きすぎるため、元のメールは添付していません。',
  },
  gone: {
    en: 'The original is not attached, because it is no longer kept.',
    ja: '保存期間が過ぎたため、元のメールは添付していません。',
  },
} as const satisfies Record<string, Labels>;

type Attached = 'no' | 'too-large' | 'gone' | { readonly type: string; readonly octets: Buffer };

/** The original as a part; base64 needs a third more. */
async function attachedTo({ settings, original, sizeLimit }: LetterDeps): Promise<Attached> {
  if (settings['original'] !== 'attached' || original === null) return 'no';
  const octets = await original();
  if (octets === null) return 'gone';
  const room = sizeLimit - AROUND;
  if (octets.length > room) return 'too-large';
  if (isClean(octets)) {
    const encoding = isAscii(octets) ? '7bit' : '8bit';
    return { type: `message/rfc822\r\nContent-Transfer-Encoding: ${encoding}`, octets };
  }
  const encoded = wrapBase64(octets.toString('base64'));
  if (encoded.length > room) return 'too-large';
  return { type: 'application/octet-stream\r\nContent-Transfer-Encoding: base64', octets: encoded };
}
function isClean(octets: Buffer): boolean {
  const { bodyStart } = headerBounds(octets);
  if (!isAscii(octets.subarray(0, bodyStart)) || octets.includes(0)) return false;
  if (findLongLine(octets, MAX_LINE, 0) !== null) return false;
  for (let at = octets.indexOf('\n'); at !== -1; at = octets.indexOf('\n', at + 1))
    if (octets[at - 1] !== 13) return false;
  for (let at = octets.indexOf('\r'); at !== -1; at = octets.indexOf('\r', at + 1))
    if (octets[at + 1] !== 10) return false;
  return true;
}

/** Lines of at most MOST.line characters, so none is over 998 octets (RFC 5322 §2.1.1). */
function lines(text: string, indent = ''): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const characters = [...line];
    const cut: string[] = [];
    for (let at = 0; at === 0 || at < characters.length; at += MOST.line)
      cut.push(`${indent}${characters.slice(at, at + MOST.line).join('')}`.trimEnd());
    return cut;
  });
}
function textFor(
  notice: Notice,
  spoken: Language,
  { event, settings, trace }: LetterDeps,
  attached: Attached,
): string {
  const { title, from, to, at, link } = notice;
  const { content } = event;
  const isMail =
    event.summary === null || (typeof content === 'object' && content !== null && 'parsed' in content);
  const quoted = notice.text === '' ? [] : [...lines(notice.text, isMail ? '> ' : '  '), ''];
  const shown = isMail && settings['original'] !== 'inline' ? [] : quoted;
  const said =
    attached === 'no' ? [] : [SAID[typeof attached === 'string' ? attached : 'attached'][spoken], ''];
  const time = `${new Date(at * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return [
    ...lines(title),
    notice.event,
    '',
    ...(from === '' ? [] : lines(`${WORDS.from[spoken]}: ${from}`)),
    ...(to === '' ? [] : lines(`${WORDS.to[spoken]}: ${to}`)),
    `${SAID.when[spoken]}: ${time}`,
    '',
    ...shown,
    ...said,
    `${WORDS.link[spoken]}: ${link}`,
    '',
    '-- ',
    ...trace,
    '',
  ].join('\r\n');
}

async function letter(deps: LetterDeps): Promise<Letter> {
  const { event, settings, now, trace } = deps;
  const { spoken, notice } = await noticeFor(deps);
  const attached = await attachedTo(deps);
  const from = mail.sender(settings);
  const prefix = textOf(settings, 'subject_prefix');
  const subject = beginning(`${prefix} ${notice.title}`.trim(), MOST.subject, () => 1);
  const to = textOf(settings, 'to');
  const unique = createHash('sha256').update(JSON.stringify([event.id, event.topicId, from.wire, to]));
  const id = unique.digest('hex').slice(0, 32);
  const { header, envelope } = composeHeader(
    {
      from: [from.wire],
      to: to.split(', '),
      subject,
      additional_header: {
        'Auto-Submitted': ['auto-generated'],
        [TRACE_FIELD]: [trace.join('\r\n ')],
      },
    },
    { now: now * 1000, newId: () => `<event.${id}@${from.domain}>` },
  );
  // The boundary stays also where a forwarder makes a new header.
  const boundary = `=_${id.slice(0, 4)}${trace.at(-1)!}`;
  const part = (type: string) => `--${boundary}\r\nContent-Type: ${type}\r\n`;
  const head =
    `${part('text/plain; charset=UTF-8')}Content-Transfer-Encoding: 8bit\r\n\r\n` +
    `${textFor(notice, spoken, deps, attached)}\r\n`;
  const original =
    typeof attached === 'string'
      ? []
      : [
          Buffer.from(
            `${part(attached.type)}Content-Disposition: attachment; filename="original.eml"\r\n\r\n`,
          ),
          attached.octets,
          Buffer.from('\r\n'),
        ];
  return {
    from,
    recipients: envelope.recipients,
    header: `${header}Content-Type: multipart/mixed;\r\n boundary="${boundary}"\r\n`,
    body: Buffer.concat([Buffer.from(head), ...original, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

export const mail: MailKind = {
  transport: 'mail',
  label: { en: 'Mail', ja: 'メール' },
  about: {
    en: 'The service sends a mail for each event. The sender must be an address at a domain of the project.',
    ja: 'イベントごとにメールを送ります。差出人は、プロジェクトのドメインのアドレスにしてください。',
  },
  fields: {
    to: {
      type: 'text',
      label: { en: 'Recipients, with commas between them', ja: '宛先(コンマ区切り)' },
      read: readAddresses,
    },
    from: { type: 'text', label: { en: 'Sender', ja: '差出人' }, read: readAddress },
    subject_prefix: {
      type: 'text',
      label: { en: 'Beginning of each subject', ja: '件名の先頭に付ける文字' },
      otherwise: null,
      free: true,
      read: (text) =>
        [...text].length > MOST.prefix
          ? { wrong: 'must have at most 60 characters' }
          : { value: text.trim() },
    },
    original: {
      type: 'choice',
      label: { en: 'Mail that the event shows', ja: 'イベントが示すメール' },
      choices: [
        { value: 'inline', label: { en: 'Quote the beginning of its text', ja: '本文の冒頭を引用する' } },
        { value: 'attached', label: { en: 'Attach it', ja: '添付する' } },
        { value: 'none', label: { en: 'Leave it out', ja: '含めない' } },
      ],
      otherwise: 'inline',
    },
    language,
  },
  example: { to: 'staff@example.net', from: 'events@example.com' },
  options: () => NOTICE_OPTIONS,
  sender: (settings: Settings) => addressOf(textOf(settings, 'from'))!,
  letter,
};
