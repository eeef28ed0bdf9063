/**
 * A message as an event shows it: its header as it stands, its raw body, its text, its attachments. Never throws for
 * what a message holds: one that MIME cannot be read from is shown flat. Bounds: postal-mime's nesting and header
 * caps, and the sizes below.
 */
import PostalMime from 'postal-mime';
import { decodeHeaderText, findHeader, type HeaderField, readHeaderSection, unfold } from './headers.ts';

export interface RenderedAttachment {
  readonly content_type: string;
  readonly filename: string;
  readonly encoding: 'base64';
  readonly content: string;
}
export interface ParsedForEvent {
  readonly header_list: readonly { readonly raw_name: string; readonly raw_value: string }[];
  readonly header_map: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  /** Set where the body is not valid UTF-8. */
  readonly body_encoding?: 'base64';
  readonly summary: string;
  readonly attachments: readonly RenderedAttachment[];
}
/** Event format: a summary has at most 8 KiB. */
const MAX_SUMMARY = 8 * 1024;
const MAX_PARTS = 1000;
const MAX_BOUNDARIES = 1000;
/** The parser takes some microseconds per line: a whole 10 MiB attachment in base64 has 134,000. */
const MAX_LINES = 160_000;
const MAX_MESSAGES = 50;

export async function summarize(message: Buffer): Promise<ParsedForEvent> {
  const { fields, bodyStart } = readHeaderSection(message);
  const bodyOctets = message.subarray(bodyStart);
  const utf8 = isUtf8(bodyOctets);
  const { text, attachments } = await readMime(message, bodyOctets);
  return {
    header_list: fields.map(({ rawName, rawValue }) => ({ raw_name: rawName, raw_value: rawValue })),
    header_map: headerMap(fields),
    body: bodyOctets.toString(utf8 ? 'utf8' : 'base64'),
    ...(utf8 ? {} : { body_encoding: 'base64' as const }),
    summary: summaryOf(fields, text),
    attachments,
  };
}

function isUtf8(octets: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
    return true;
  } catch {
    return false;
  }
}

function headerMap(fields: readonly HeaderField[]): Record<string, string[]> {
  const map: Record<string, string[]> = Object.create(null);
  const names = new Map<string, string>();
  for (const { rawName, rawValue } of fields) {
    const name = names.get(rawName.toLowerCase()) ?? rawName;
    names.set(rawName.toLowerCase(), name);
    const list = map[name];
    if (list === undefined) map[name] = [unfold(rawValue)];
    else list.push(unfold(rawValue));
  }
  return map;
}

function summaryOf(fields: readonly HeaderField[], text: string): string {
  const lines = ['From', 'To', 'Date', 'Subject'].map((name) => {
    const field = findHeader(fields, name);
    const value = field === undefined ? '' : decodeHeaderText(field.rawValue);
    return `${name}: ${value.replace(/[\r\n\0]+/g, ' ').slice(0, 1000)}`;
  });
  return cut(`${lines.join('\n')}\n\n${text.replace(/\r\n?/g, '\n')}`, MAX_SUMMARY);
}

/** At most `most` octets of UTF-8, whole characters. */
export function cut(text: string, most: number): string {
  const octets = Buffer.from(text.length > most ? text.slice(0, most) : text, 'utf8');
  if (octets.length <= most) return octets.toString('utf8').replace(/\ufffd$/, '');
  let end = most;
  while (end > 0 && (octets[end]! & 0xc0) === 0x80) end--;
  return octets.toString('utf8', 0, end);
}

async function readMime(
  message: Buffer,
  body: Buffer,
): Promise<{ text: string; attachments: RenderedAttachment[] }> {
  const flat = { text: body.subarray(0, MAX_SUMMARY * 2).toString('utf8'), attachments: [] };
  if (isBomb(message, body)) return flat;
  try {
    const parsed = await PostalMime.parse(message, {
      maxNestingDepth: 50,
      maxHeadersSize: 512 * 1024,
      attachmentEncoding: 'arraybuffer',
    });
    return {
      text: parsed.text ?? textOfHtml(parsed.html ?? ''),
      attachments: parsed.attachments.slice(0, MAX_PARTS).map((attachment) => ({
        content_type: attachment.mimeType,
        filename: attachment.filename ?? '',
        encoding: 'base64',
        content: Buffer.from(attachment.content as ArrayBuffer).toString('base64'),
      })),
    };
  } catch {
    return flat;
  }
}

function tooManyMessages(message: Buffer): boolean {
  const nested = /message\/(?:rfc822|global)/gi;
  const text = message.toString('latin1');
  for (let count = 0; nested.exec(text) !== null; ) if (++count > MAX_MESSAGES) return true;
  return false;
}
/** More boundaries, lines or messages within messages than any mail has: parsing it would stop everyone else for seconds. */
function isBomb(message: Buffer, body: Buffer): boolean {
  const over = (octets: Buffer, text: string, most: number) => {
    let count = 0;
    for (let at = octets.indexOf(text); at !== -1; at = octets.indexOf(text, at + text.length))
      if (++count > most) return true;
    return false;
  };
  return over(body, '\n--', MAX_BOUNDARIES) || over(message, '\n', MAX_LINES) || tooManyMessages(message);
}

/** Readable text of an HTML part; for the summary only. Linear: one pass over the tags. */
function textOfHtml(html: string): string {
  const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
  return html
    .slice(0, 256 * 1024)
    .replace(/<(br|\/p|\/div|\/tr|\/h[1-6]|\/li)\b[^<>]{0,200}>/gi, '\n')
    .replace(/<[^<>]{0,2000}>/g, '')
    .replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name: string) => entities[name]!)
    .replace(/&#(\d{1,7});/g, (_, n: string) =>
      Number(n) <= 0x10ffff ? String.fromCodePoint(Number(n)) : '\ufffd',
    )
    .trim();
}
