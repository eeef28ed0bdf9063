/**
 * Charsets by the names that mail gives them. A decoder is made once for each name and kept: making one for ISO-2022-JP
 * takes two milliseconds. Only names that are known are kept, some 250 at most. Never throws.
 */
import { TextDecoder } from 'node:util';

/** Names that mail uses and the Encoding Standard does not list, mostly of Japanese mailers. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['cp932', 'shift_jis'],
  ['ms932', 'shift_jis'],
  ['cp51932', 'euc-jp'],
  ['eucjp', 'euc-jp'],
  ['eucjp-ms', 'euc-jp'],
  ['eucjp-win', 'euc-jp'],
  ['cp50220', 'iso-2022-jp'],
  ['cp50221', 'iso-2022-jp'],
  ['cp50222', 'iso-2022-jp'],
  ['iso-2022-jp-1', 'iso-2022-jp'],
  ['iso-2022-jp-2', 'iso-2022-jp'],
  ['iso-2022-jp-ms', 'iso-2022-jp'],
  ['cp949', 'euc-kr'],
  ['cp936', 'gbk'],
  ['cp950', 'big5'],
]);
const decoders = new Map<string, TextDecoder>();

/** A decoder that makes U+FFFD of what is wrong, for whole texts (`decode(octets)`, never `stream`); null: not known. */
export function decoderOf(charset: string): TextDecoder | null {
  if (charset.length > 40) return null;
  const name = charset.toLowerCase();
  const kept = decoders.get(name);
  if (kept !== undefined) return kept;
  try {
    const made = new TextDecoder(ALIASES.get(name) ?? name);
    decoders.set(name, made);
    return made;
  } catch {
    return null;
  }
}
