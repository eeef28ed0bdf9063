/**
 * Decodes the octets of a text part: charset, `format=flowed` (RFC 3676), line ends as LF, up to a size
 * limit. Linear; never throws. Defects are reported by name.
 */
import { isUtf8 } from 'node:buffer';
import { decoderOf } from '../mail/charsets.ts';

export interface DecodedText {
  readonly text: string;
  readonly defect: 'charset-unknown' | 'charset-broken' | null;
}
const PLAIN = new Set(['', 'us-ascii', 'ascii', 'utf-8', 'utf8']);

/** Whether text in this charset can be shown as UTF-8 without conversion. */
export function isPlainCharset(charset: string): boolean {
  return PLAIN.has(charset.trim().toLowerCase());
}

/**
 * Decodes in the named charset. If there is none or it is unknown, decodes as UTF-8, ISO-2022-JP or
 * Windows-1252. `cut`: the octets may end within a character.
 */
export function decodeText(octets: Buffer, named: string, cut: boolean): DecodedText {
  const { text, defect } = decodeAll(octets, named);
  if (!cut || !text.endsWith('\ufffd')) return { text, defect };
  const whole = text.replace(/\ufffd{1,3}$/, '');
  return { text: whole, defect: defect === 'charset-broken' && !whole.includes('\ufffd') ? null : defect };
}
function decodeAll(octets: Buffer, named: string): DecodedText {
  const charset = named.trim().toLowerCase();
  if (!isPlainCharset(charset)) {
    const decoder = decoderOf(charset);
    if (decoder === null) return { text: guess(octets), defect: 'charset-unknown' };
    const text = decoder.decode(octets);
    return { text, defect: text.includes('\ufffd') ? 'charset-broken' : null };
  }
  if (charset.startsWith('utf'))
    return { text: octets.toString(), defect: isUtf8(octets) ? null : 'charset-broken' };
  const plain = isUtf8(octets) || isJis(octets);
  return { text: guess(octets), defect: plain ? null : 'charset-unknown' };
}
function guess(octets: Buffer): string {
  if (isJis(octets)) return decoderOf('iso-2022-jp')!.decode(octets);
  return isUtf8(octets) ? octets.toString() : decoderOf('windows-1252')!.decode(octets);
}
/**
 * Has escapes to two-octet characters and no octet over 127: Japanese mailers sent this charset without
 * naming it.
 */
export function isJis(octets: Buffer): boolean {
  if (octets.indexOf('\x1b$', 0, 'latin1') === -1) return false;
  for (let i = 0; i < octets.length; i++) if (octets[i]! > 127) return false;
  return true;
}

/**
 * RFC 3676 §4: a line that ends in a space continues in the next line of the same quote depth. Stuffed spaces
 * are removed.
 */
export function unflow(text: string, deleteSpace: boolean): string {
  const out: string[] = [];
  /** Quote depth of the line that continues; -1 if none does. */
  let open = -1;
  for (const line of text.split('\n')) {
    let depth = 0;
    while (line[depth] === '>') depth++;
    const content = line.slice(line[depth] === ' ' ? depth + 1 : depth);
    // §4.3: the line before a signature ends everything.
    const flows = content.endsWith(' ') && content !== '-- ';
    const joined = flows && deleteSpace ? content.slice(0, -1) : content;
    if (open === depth && content !== '-- ') out.push(joined);
    else out.push(out.length === 0 ? '' : '\n', depth === 0 ? '' : `${'>'.repeat(depth)} `, joined);
    open = flows ? depth : -1;
  }
  return out.join('');
}

/** CRLF and CR alone become LF. */
export function withPlainLineEnds(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

/** At most this many octets of UTF-8, in whole characters. */
export function cutText(text: string, most: number): { readonly text: string; readonly cut: boolean } {
  if (text.length * 3 <= most) return { text, cut: false };
  const octets = Buffer.from(text.slice(0, most + 1), 'utf8');
  if (octets.length <= most) return { text, cut: false };
  return { text: octets.toString('utf8', 0, wholeCharacters(octets, most)), cut: true };
}
/** The last position up to `end` that does not split a character of UTF-8. */
export function wholeCharacters(octets: Buffer, end: number): number {
  if (end >= octets.length) return octets.length;
  let at = end;
  while (at > 0 && end - at < 3 && (octets[at]! & 0xc0) === 0x80) at--;
  return (octets[at]! & 0xc0) === 0x80 ? end : at;
}
