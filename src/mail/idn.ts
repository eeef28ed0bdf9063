/**
 * Names people may take for others. The rule is "highly restrictive" of UTS 39 §5.2: each label is of one script, or of
 * Latin with the scripts that one East Asian writing system uses beside it. A label of one script alone is confusable
 * when each of its letters looks like a Latin one (UTS 39 §4, whole-script confusables, as browsers do it). Pure.
 */
import { domainToUnicode } from 'node:url';
import type { Domain } from './domain.ts';

export interface NameWarning {
  readonly code: 'mixed_script' | 'confusable' | 'unusual_script';
  readonly message: string;
  readonly message_ja: string;
}

/** UAX 31 Table 5: scripts in general modern use. */
const SCRIPTS = [
  'Arabic',
  'Armenian',
  'Bengali',
  'Bopomofo',
  'Cyrillic',
  'Devanagari',
  'Ethiopic',
  'Georgian',
  'Greek',
  'Gujarati',
  'Gurmukhi',
  'Hangul',
  'Han',
  'Hebrew',
  'Hiragana',
  'Kannada',
  'Katakana',
  'Khmer',
  'Lao',
  'Latin',
  'Malayalam',
  'Myanmar',
  'Oriya',
  'Sinhala',
  'Tamil',
  'Telugu',
  'Thaana',
  'Thai',
  'Tibetan',
] as const;
type Script = (typeof SCRIPTS)[number];
const TESTS: readonly (readonly [Script, RegExp])[] = SCRIPTS.map((script) => [
  script,
  new RegExp(`\\p{Script_Extensions=${script}}`, 'u'),
]);
const NEUTRAL = /[\p{Script=Common}\p{Script=Inherited}]/u;
/** Writing systems of several scripts (UTS 39 §5.1), each of which may stand beside Latin. */
const SYSTEMS: readonly (readonly Script[])[] = [
  ['Han', 'Hiragana', 'Katakana'],
  ['Han', 'Bopomofo'],
  ['Han', 'Hangul'],
];
/** Letters of other scripts that look like Latin ones in common typefaces (confusables.txt of UTS 39). */
const LOOKALIKES: Partial<Record<Script, string>> = {
  Cyrillic: 'асԁеһіјӏорԛѕԝхуүѵг',
  Greek: 'αικνορτυωγη',
  Armenian: 'ցհոօսք',
};
/** Katakana and Han that look like punctuation: harmless among their like, a trap beside Latin alone. */
const LIKE_SIGNS = /[ノソンー一丶丿〇ヘへ]/u;
/** Letters of Latin itself that look like others of it. */
const LATIN_LOOKALIKES = /[ıɩɡɑʋʟɪ]/u;

/** The name as people write it: U-labels. */
export function unicodeName(domain: Domain): string {
  return domainToUnicode(domain);
}

/** The first label that could be taken for something else, or null. */
export function nameWarning(domain: Domain): NameWarning | null {
  if (!domain.includes('xn--')) return null;
  for (const label of unicodeName(domain).split('.')) {
    const code = warningOf(label);
    if (code !== null) return inWords(code, label);
  }
  return null;
}

function warningOf(label: string): NameWarning['code'] | null {
  const letters = [...label].filter(
    (letter) => !NEUTRAL.test(letter) || /\p{Script_Extensions=Han}/u.test(letter),
  );
  const scripts = letters.map((letter) =>
    TESTS.filter(([, test]) => test.test(letter)).map(([name]) => name),
  );
  if (scripts.some((list) => list.length === 0)) return 'unusual_script';
  if (!fitsTogether(scripts)) return 'mixed_script';
  const own = scripts.map((list) => list[0]!);
  if (own.includes('Latin')) {
    const others = letters.filter((_, i) => own[i] !== 'Latin');
    const traps = others.length > 0 && others.every((letter) => LIKE_SIGNS.test(letter));
    return traps || LATIN_LOOKALIKES.test(label) ? 'confusable' : null;
  }
  for (const [script, looks] of Object.entries(LOOKALIKES)) {
    if (
      own.length > 0 &&
      own.every((one) => one === script) &&
      letters.every((letter) => looks.includes(letter))
    )
      return 'confusable';
  }
  return null;
}
function fitsTogether(scripts: readonly (readonly Script[])[]): boolean {
  const single = SCRIPTS.some((script) => scripts.every((list) => list.includes(script)));
  if (single) return true;
  return SYSTEMS.some((system) =>
    scripts.every((list) => list.some((script) => script === 'Latin' || system.includes(script))),
  );
}
function inWords(code: NameWarning['code'], label: string): NameWarning {
  switch (code) {
    case 'mixed_script':
      return {
        code,
        message: `"${label}" mixes scripts. People may mistake it for another name.`,
        message_ja: `「${label}」には複数の文字体系が混在しています。別の名前と見間違えられるおそれがあります。`,
      };
    case 'confusable':
      return {
        code,
        message: `"${label}" looks like a name in other letters. People may mistake it for that name.`,
        message_ja: `「${label}」は、別の文字で書かれた名前とよく似ています。その名前と見間違えられるおそれがあります。`,
      };
    case 'unusual_script':
      return {
        code,
        message: `"${label}" has characters of a script that names rarely use. Some people may not be able to read it.`,
        message_ja: `「${label}」には、名前にほとんど使われない文字が含まれています。読めない人がいるおそれがあります。`,
      };
  }
}
