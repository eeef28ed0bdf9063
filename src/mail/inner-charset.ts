/**
 * The charset that text names inside: HTML in `meta`, XML in its declaration, CSS in `@charset`. A charset parameter
 * overrides it. Linear; never throws.
 */
import { decoderOf } from './charsets.ts';

/** Readers look for it at the beginning, some further than the 1,024 octets of the HTML standard. */
const MOST = 16 * 1024;
const META = /<meta\b[^<>]{0,1000}/gi;
const NAMED = /\bcharset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{1,40})/i;
const DECLARED = /^\s{0,99}<\?xml\b[^<>]{0,1000}?\bencoding\s{0,9}=\s{0,9}["']([\w.:-]{1,40})/i;
const STYLE = /^@charset "([\w.:-]{1,40})"/i;

/** The text names a charset inside that is not UTF-8. `type`: its media type; plain text names none. */
export function namesOtherThanUtf8(type: string, body: Buffer): boolean {
  if (type === 'text/plain') return false;
  const text = body.toString('latin1', 0, MOST).replace(/^\xef\xbb\xbf/, '');
  const names = [DECLARED.exec(text)?.[1], STYLE.exec(text)?.[1]];
  for (const [meta] of text.matchAll(META)) names.push(NAMED.exec(meta)?.[1]);
  return names.some((name) => name !== undefined && decoderOf(name)?.encoding !== 'utf-8');
}
