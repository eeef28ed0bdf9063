/**
 * Parses a message once. The work is limited by counting, never by time (structure.ts). Invariants: it never
 * throws for any content of a message; the same octets give the same reading; each part is shown as text or
 * is listed, or a defect says what is missing. Apart from the walk over the structure, it reads each octet a
 * fixed number of times.
 */
import { isUtf8 } from 'node:buffer';
import { findHeader, readHeaderSection, unfold } from '../mail/headers.ts';
import { readParameters } from '../mail/mime-parameters.ts';
import { type Leaf, MOST_WORK, readStructure, type Span } from '../mail/structure.ts';
import { chooseTexts } from './choose-texts.ts';
import { onOneLine, readFields } from './header-fields.ts';
import { textOfHtml } from './html-text.ts';
import { MOST_TEXT, type Part, type Reading, type TextOf, VERSION } from './reading.ts';
import {
  cutText,
  decodeText,
  isJis,
  isPlainCharset,
  unflow,
  wholeCharacters,
  withPlainLineEnds,
} from './text.ts';
import { decodedSize, decodePiece, type Encoding } from './transfer.ts';

/** Octets of UTF-8: the size of a summary. */
const MOST_SUMMARY = 8 * 1024;
/**
 * The most octets of a text part that are decoded: enough for what is kept, with the least compact encoding
 * and charset.
 */
const MOST_ENCODED = 4 * MOST_TEXT;
const MOST_NAME = 1024;
const TOKEN = /^[!#$%&'*+.^_`{|}~0-9a-z-]{1,64}$/;
type Defect = (name: string) => void;

/** `forged`: where Authentication-Results fields stand that claim to be from this host. */
export function readMessage(raw: Buffer, forged: readonly Span[], mostWork = MOST_WORK): Reading {
  const defects = new Set<string>();
  const defect = (name: string) => void defects.add(name);
  const section = readHeaderSection(raw);
  const said = readFields(section, defect);
  if (raw.includes(0, section.bodyStart)) defect('nul-in-body');
  const leaves = readStructure(raw, section, mostWork, defect);
  const shown = chooseTexts(leaves, MOST_ENCODED);
  const of = (kind: 'text' | 'html') => leaves.filter((leaf) => shown.get(leaf) === kind);
  const text = readTexts(raw, of('text'), defect);
  const html = readTexts(raw, of('html'), defect);
  const summary = html !== null && (text?.said() ?? '').trim() === '' ? textOfHtml(html.said()) : null;
  return {
    version: VERSION,
    bodyStart: section.bodyStart,
    utf8: isUtf8(raw.subarray(section.bodyStart)),
    ...said,
    text: text?.of ?? null,
    html: html?.of ?? null,
    summary: summary === null ? null : cutText(summary, MOST_SUMMARY).text,
    parts: leaves.filter((leaf) => !shown.has(leaf)).map((leaf) => partOf(raw, leaf, defect)),
    forged,
    defects: [...defects],
  };
}

/** The texts of these parts, one after the other; null if there are none. */
function readTexts(
  raw: Buffer,
  leaves: readonly Leaf[],
  defect: Defect,
): { readonly of: TextOf; readonly said: () => string } | null {
  const [first, ...others] = leaves.map((leaf) => readText(raw, leaf, defect));
  if (first === undefined) return null;
  if (others.length === 0 && first.at !== null) return { of: { at: first.at }, said: first.text };
  const { text, cut } = cutText([first, ...others].map((one) => one.text()).join('\n'), MOST_TEXT);
  if (cut) defect('text-cut');
  return { of: { value: text }, said: () => text };
}

interface Text {
  /** Computed only when it is called: most mail does not need it. */
  readonly text: () => string;
  /** Its position if it stands in the message unencoded. */
  readonly at: Span | null;
}
function readText(raw: Buffer, leaf: Leaf, defect: Defect): Text {
  const [start, end] = leaf.at;
  const encoding = encodingOf(leaf, defect);
  const charset = leaf.parameters.get('charset') ?? '';
  const flowed = leaf.type === 'text/plain' && leaf.parameters.get('format')?.toLowerCase() === 'flowed';
  const octets = raw.subarray(start, Math.min(end, start + MOST_ENCODED));
  if (
    encoding === 'as-is' &&
    isPlainCharset(charset) &&
    isUtf8(octets.subarray(0, wholeCharacters(octets, MOST_TEXT))) &&
    !isJis(octets)
  ) {
    const whole = octets.subarray(0, wholeCharacters(octets, MOST_TEXT));
    if (whole.length < end - start) defect('text-cut');
    const text = () => withPlainLineEnds(whole.toString());
    const at: Span = [start, start + whole.length];
    if (!flowed) return { text, at };
    const asItStands = text();
    const joined = unflow(asItStands, deletesSpace(leaf));
    return { text: () => joined, at: joined === asItStands ? at : null };
  }
  const { octets: plain, broken } = decodePiece(encoding, octets, true);
  if (broken) defect('encoding-broken');
  const kept = plain.subarray(0, MOST_ENCODED);
  const cut = octets.length < end - start;
  if (cut) defect('text-cut');
  const { text, defect: wrong } = decodeText(kept, charset, cut);
  if (wrong !== null) defect(wrong);
  const lines = withPlainLineEnds(text);
  const joined = flowed ? unflow(lines, deletesSpace(leaf)) : lines;
  return { text: () => joined, at: null };
}
function deletesSpace({ parameters }: Leaf): boolean {
  return parameters.get('delsp')?.toLowerCase() === 'yes';
}

function partOf(raw: Buffer, leaf: Leaf, defect: Defect): Part {
  const encoding = encodingOf(leaf, defect);
  const { size, broken } = decodedSize(encoding, raw.subarray(...leaf.at));
  if (broken) defect('encoding-broken');
  const { value, parameters } = fieldOf(leaf, 'content-disposition');
  const name = parameters.get('filename') ?? leaf.parameters.get('name') ?? null;
  const id = findHeader(leaf.fields, 'content-id');
  return {
    contentType: leaf.type,
    disposition: TOKEN.test(value) ? value : null,
    name: name === null ? null : cutText(onOneLine(name), MOST_NAME).text,
    contentId: id === undefined ? null : cutText(unfold(id.rawValue).replace(/^<|>$/g, ''), MOST_NAME).text,
    encoding,
    at: leaf.at,
    size,
  };
}
function fieldOf({ fields }: Leaf, name: string): ReturnType<typeof readParameters> {
  return readParameters(findHeader(fields, name)?.rawValue ?? '');
}

/** RFC 2045 §6.4: a part with an unknown encoding stays as it is. */
function encodingOf(leaf: Leaf, defect: Defect): Encoding {
  const { value } = fieldOf(leaf, 'content-transfer-encoding');
  if (value === 'base64' || value === 'quoted-printable') return value;
  if (!AS_IS.has(value)) defect('encoding-unknown');
  return 'as-is';
}
const AS_IS = new Set(['', '7bit', '8bit', 'binary']);
