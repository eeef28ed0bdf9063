/**
 * What a person reads of an event: for mail its subject, sender, recipients and text; for any other event the sentence
 * that says when it happens, and its summary. Strangers write subjects, names and texts: control characters, characters
 * that turn the direction of text and other invisible ones are taken out. Kinds that write to people make their messages
 * from it. Fails as rendering does.
 */
import { EVENTS, isEventName } from '../contract/events.ts';
import type { Labels } from '../runtime/settings.ts';
import { type RenderedEvent, type RenderOptions, wholeEvent } from './render-event.ts';
import type { EventRow } from './topics.ts';

export type Language = keyof Labels;
export interface Notice {
  /** The subject of the mail; without one, and for other events, the sentence of the event. One line. */
  readonly title: string;
  /** The label of the event. */
  readonly event: string;
  /** One line each; '' if the event has none. */
  readonly from: string;
  readonly to: string;
  /** The text of the mail if it is wanted, or the summary of the event; '' if there is none. */
  readonly text: string;
  /** Wall time, in seconds. */
  readonly at: number;
  /** The events of the topic, in the console. */
  readonly link: string;
}
/** Characters of a text that are looked at: more than any message has. */
const MOST_LOOKED_AT = 16 * 1024;
const MOST_RECIPIENTS = 50;

type Fields = Readonly<Record<string, unknown>>;
const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export interface NoticeOptions {
  readonly language: Language;
  /** With the text of a mail. */
  readonly withText: boolean;
  readonly publicUrl: string;
}
/** How the event is rendered for it. */
export const NOTICE_OPTIONS: RenderOptions = { body: false, inline: false, deprecated: false, brief: true };
/** `rendered`: with NOTICE_OPTIONS. */
export async function noticeOf(
  event: EventRow,
  rendered: RenderedEvent,
  { language, withText, publicUrl }: NoticeOptions,
): Promise<Notice> {
  const json = fields(JSON.parse((await wholeEvent(rendered)).toString('utf8')));
  const content = fields(json['content']);
  const parsed = 'parsed' in content ? fields(content['parsed']) : null;
  const known = isEventName(event.name) ? EVENTS[event.name] : null;
  const sentence = known?.when[language] ?? event.name;
  const said = parsed === null ? ofDelivery(content) : ofMail(content, parsed);
  const summary = text(json['summary']);
  const shown = parsed === null ? summary : withText ? textIn(summary) : '';
  return {
    title: oneLine(text(parsed?.['subject'])) || sentence,
    event: known?.label[language] ?? event.name,
    from: oneLine(said.from),
    to: oneLine(said.to),
    text: severalLines(shown),
    at: Math.floor(event.createdAt / 1000),
    link: `${publicUrl}/#/topics/${event.topicId}?tab=events`,
  };
}
/** The summary of mail is a few lines of its header, an empty line, and its text. */
function textIn(summary: string): string {
  const end = summary.indexOf('\n\n');
  return end === -1 ? '' : summary.slice(end + 2);
}
function ofMail(content: Fields, parsed: Fields): { readonly from: string; readonly to: string } {
  const { mail_from: sender, recipients } = fields(content['envelope']);
  const authors = list(parsed['from']).slice(0, MOST_RECIPIENTS).map(fields);
  const from = authors.map(({ name, address }) =>
    text(name) === '' ? text(address) : `${text(name)} <${text(address)}>`,
  );
  return {
    from: from.length === 0 ? text(sender) : from.join(', '),
    to: list(recipients).slice(0, MOST_RECIPIENTS).map(text).join(', '),
  };
}
function ofDelivery({ sender, recipient }: Fields): { readonly from: string; readonly to: string } {
  return { from: text(sender), to: text(fields(recipient)['address']) };
}

/** Format characters but those that join letters and emojis. */
const INVISIBLE = /[^\P{Cf}\u200c\u200d]/gu;
function severalLines(value: string): string {
  return value
    .slice(0, MOST_LOOKED_AT)
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(INVISIBLE, '')
    .replace(/[^\P{Cc}\n]/gu, ' ')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line, i, lines) => line !== '' || (i > 0 && lines[i - 1] !== ''))
    .join('\n')
    .trim();
}
function oneLine(value: string): string {
  return severalLines(value).split(/\s+/).join(' ');
}

/**
 * The beginning of the text, whose characters weigh at most `most` together. If something is cut off, it ends with an
 * ellipsis.
 */
export function beginning(value: string, most: number, weight: (character: string) => number): string {
  const ellipsis = '…';
  const room = most - weight(ellipsis);
  let [total, at, kept] = [0, 0, 0];
  for (const character of value) {
    total += weight(character);
    if (total > most) return `${value.slice(0, kept).trimEnd()}${ellipsis}`;
    at += character.length;
    if (total <= room) kept = at;
  }
  return value;
}
