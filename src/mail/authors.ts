/**
 * Who a From or Sender names, where every reader finds the same. Some readers do not know ISO-2022-JP, and take its octets
 * for quotes and brackets; to some a quoted string or a comment ends at a line end; some decode encoded words before they
 * look for addresses. Where a field has any of these, each address that could be read in it must be one of
 * the authors we found; else the field is not readable. Linear.
 */
import { type Mailbox, parseMailboxList } from './address.ts';
import { decodeWords } from './encoded-words.ts';
import { fieldMailboxes, headerPieces, innerEnds } from './header-octets.ts';
import { unfold } from './headers.ts';

/** The mailboxes of a field of authors; null where it is no list of them, or readers could find others in it. */
export function authorMailboxes(rawValue: string): Mailbox[] | null {
  const mailboxes = fieldMailboxes(rawValue);
  return mailboxes === null || readersDiffer(rawValue, mailboxes) ? null : mailboxes;
}

function readersDiffer(rawValue: string, mailboxes: readonly Mailbox[]): boolean {
  // RFC 2047 §5: no encoded word stands in an addr-spec.
  if (mailboxes.some(({ address }) => isEncoded(address.localPart))) return true;
  if (BARE_LINE_END.test(rawValue)) return true;
  if (!DOUBTFUL.test(rawValue) && !hasDoubtfulInner(rawValue)) return false;
  if (domainGoesOn(rawValue) || domainGoesOn(withRuns(rawValue, 'x'))) return true;
  const value = unfold(rawValue);
  if (headerPieces(value).some(({ text, run }) => run !== null && hasAddress(text))) return true;
  if (!sameAddresses(mailboxes, parseMailboxList(withRuns(value, NO_ATEXT)))) return true;
  const outside = withRuns(value, ' ');
  const counts = [outside, decodeWords(outside)].map((text) => text.split('@').length - 1);
  return counts.some((count) => count !== mailboxes.length);
}

function isEncoded(localPart: string): boolean {
  return localPart.includes('=?') && localPart.includes('?=');
}

/** A character that a display name may have, and an address without quotes may not. */
const NO_ATEXT = '\ufffd';
/** RFC 5322 §2.2: CR and LF stand together. */
const BARE_LINE_END = /\r(?!\n)|(?<!\r)\n/;
/** Escapes and other control characters, what separates lines elsewhere, octets of an unknown charset. */
const DOUBTFUL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffd]/;

/** A fold within a string or comment; or a bracket in a comment before an address: Go before 1.22.1 takes no comment there. */
function hasDoubtfulInner(value: string): boolean {
  if (!/["(]/.test(value)) return false;
  for (const { at, by, start, behindAddress } of innerEnds(value))
    if (by === 'line end' || (!behindAddress && value.slice(start, at).includes('<'))) return true;
  return false;
}

/** What can be read as ISO-2022-JP is replaced. */
function withRuns(value: string, replacement: string): string {
  return headerPieces(value)
    .map(({ text, run }) => (run === null ? text : replacement))
    .join('');
}

/** RFC 1468 is for text: a domain with an escape in it ends there to some. */
function sameAddresses(mailboxes: readonly Mailbox[], others: readonly Mailbox[] | null): boolean {
  const wires = (list: readonly Mailbox[]) => list.map(({ address }) => address.wire).join();
  return others !== null && wires(mailboxes) === wires(others);
}

/**
 * A comment right behind a domain ends at a fold to some, and what follows belongs to the domain: `a@b.co (\r\n m)`. Where
 * an escape is taken for a bracket it ends elsewhere, too.
 */
function domainGoesOn(value: string): boolean {
  for (const { at, by, behindDomain } of innerEnds(value))
    if (behindDomain && (by === 'line end' || isAtomNext(value, at + 1))) return true;
  return false;
}
/** Behind white space comes what a domain could go on with, a comment included. */
function isAtomNext(text: string, start: number): boolean {
  let at = start;
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at += 1;
  return at < text.length && !'<>,;:")\\'.includes(text[at]!);
}

/** As octets, a run of ISO-2022-JP has an address with a dot in its domain. */
function hasAddress(run: string): boolean {
  const at = run.indexOf('@');
  return at !== -1 && run.lastIndexOf('.') > at;
}
