/**
 * Reads the header as decoded text: subject, date, mailboxes; and lists its defects by name. Never throws.
 */
import type { Mailbox } from '../mail/address.ts';
import { authorMailboxes } from '../mail/authors.ts';
import { parseDate } from '../mail/dates.ts';
import { decodeWords } from '../mail/encoded-words.ts';
import { sectionDefects } from '../mail/header-defects.ts';
import { fieldMailboxes, headerText } from '../mail/header-octets.ts';
import { findHeader, type HeaderSection, trimSpace } from '../mail/headers.ts';
import type { Reading, ReadMailbox } from './reading.ts';
import { cutText } from './text.ts';

const MOST_SUBJECT = 8 * 1024;
type Lists = 'from' | 'sender' | 'reply-to' | 'to' | 'cc';
type Said = Pick<Reading, 'subject' | 'date' | 'from' | 'sender' | 'replyTo' | 'to' | 'cc'>;

export function readFields(section: HeaderSection, defect: (name: string) => void): Said {
  for (const name of sectionDefects(section)) defect(name);
  const said = (name: string) => {
    const field = findHeader(section.fields, name);
    if (field === undefined) return null;
    const text = headerText(field.rawValue);
    if (text.includes('\ufffd')) defect('charset-unknown');
    return text;
  };
  const mailboxes: Record<Lists, ReadMailbox[]> = { from: [], sender: [], 'reply-to': [], to: [], cc: [] };
  // All fields of a name are read: if one is shown, the others must not be hidden.
  for (const { name, rawValue } of section.fields) {
    if (!Object.hasOwn(mailboxes, name)) continue;
    const read = mailboxesOf(name as Lists, rawValue);
    if (read === null) defect(`${name}-unreadable`);
    for (const { displayName, address } of read ?? [])
      mailboxes[name as Lists].push({ name: displayName, address: address.wire });
  }
  const date = said('date');
  const at = date === null ? null : parseDate(date);
  if (date !== null && at === null) defect('date-unreadable');
  const subject = said('subject');
  const shown = subject === null ? null : cutText(onOneLine(decodeWords(subject)), MOST_SUBJECT);
  if (shown?.cut) defect('subject-cut');
  return {
    subject: shown?.text ?? null,
    date: at === null ? null : new Date(at).toISOString(),
    from: mailboxes.from,
    sender: mailboxes.sender,
    replyTo: mailboxes['reply-to'],
    to: mailboxes.to,
    cc: mailboxes.cc,
  };
}

function mailboxesOf(name: Lists, rawValue: string): readonly Mailbox[] | null {
  if (name === 'from' || name === 'sender') return authorMailboxes(rawValue);
  return isEmptyGroup(rawValue) ? [] : fieldMailboxes(rawValue);
}

export function onOneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ');
}
/** RFC 5322 §3.4: `Undisclosed recipients:;` */
function isEmptyGroup(value: string): boolean {
  const colon = value.indexOf(':');
  return colon > 0 && trimSpace(value.slice(colon + 1)) === ';' && !/[@<>,]/.test(value.slice(0, colon));
}
