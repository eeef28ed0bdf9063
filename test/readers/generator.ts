/**
 * Random messages for readers of headers, one character per octet: well-formed ones in old and new syntax, and such as try to
 * hide an author, sender or Bcc. Whoever has OWN as domain may be an author; nobody at FOREIGN may. The same seed gives
 * the same messages.
 */
export const OWN = 'sender.test';
export const FOREIGN = 'other.test';
const CRLF = '\r\n';
const latin1 = (text: string) => Buffer.from(text).toString('latin1');

/** What is drawn from. */
export interface Dice {
  /** 0 to n - 1. */
  below(n: number): number;
  /** Once in n. */
  once(n: number): boolean;
  pick<T>(list: readonly T[]): T;
}
export function createDice(seed: number): Dice {
  let state = seed;
  const below = (n: number) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
  return { below, once: (n) => below(n) === 0, pick: (list) => list[below(list.length)]! };
}

const JIS = ['\x1b$BF|K\\\x1b(B', '\x1b$@;3ED\x1b(J', '\x1b$B<c@o\x1b(B', '\x1b(I1\x1b(B'];
const UTF8 = [latin1('飛脚'), latin1('é'), latin1('山田')];
const WORDS = [
  'x',
  'hello',
  'From:',
  'a:b',
  '<ceo@other.test>',
  '=?utf-8?B?6aOb?=',
  '=?iso-2022-jp?B?GyRCRnwbKEI=?=',
];
const SJIS = ['\x93\xfa\x96{', '\x83e\x83X\x83g\\'];
const ASCII_WORDS = [...WORDS, ...JIS];
const NAMES = [
  'Ann',
  'J. Doe',
  '"Ann, Bob"',
  '"a \\" b"',
  '"ceo@other.test"',
  '=?utf-8?Q?ceo=40other.test?=',
  '=?UTF-8?B?6aOb6ISa?= Ann',
];
const COMMENTS = ['(x)', '(a (b) \\) c)', '(<ceo@other.test>)', '(, ceo@other.test)'];

/** A field of a header, lines and all. */
export function wellFormed(dice: Dice): string {
  const fields: string[] = [];
  const add = (name: string, value: string) => fields.push(field(dice, name, value));
  add('From', mailboxes(dice, OWN, dice.once(100) ? 200 : dice.once(8) ? 3 : 1));
  if (dice.once(3)) add('Sender', mailboxes(dice, OWN, 1));
  if (dice.once(3)) add('Reply-To', mailboxes(dice, 'third.test', 2));
  if (!dice.once(5))
    add(
      'To',
      dice.once(9) ? 'undisclosed-recipients:;' : mailboxes(dice, 'third.test', dice.once(100) ? 200 : 3),
    );
  if (dice.once(3)) add('Cc', mailboxes(dice, FOREIGN, 2));
  if (!dice.once(5)) add('Subject', text(dice));
  if (!dice.once(4)) add('Date', dice.pick(['Fri, 27 Nov 2026 02:00:00 +0000', '27 Nov 26 02:00 GMT (x)']));
  if (!dice.once(4)) add('Message-ID', `<${dice.below(1e6)}@${OWN}>`);
  if (dice.once(4)) add('References', `<${dice.below(1e6)}@a.test> `.repeat(1 + dice.below(20)));
  if (dice.once(3)) add('MIME-Version', '1.0');
  if (dice.once(3)) add('Content-Type', dice.pick(['text/plain', 'text/plain; charset="utf-8"; x="a b"']));
  for (let n = dice.below(3); n > 0; n--) add('Bcc', dice.once(4) ? '' : mailboxes(dice, 'secret.test', 2));
  for (let n = dice.below(2); n > 0; n--) add('Return-Path', '<x@third.test>');
  for (let n = dice.once(4) ? dice.below(4) : 0; n > 0; n--) {
    add('Resent-From', mailboxes(dice, OWN, 1));
    add('Resent-To', mailboxes(dice, 'third.test', 1));
    if (dice.once(2)) add('Resent-Bcc', mailboxes(dice, 'secret.test', 1));
    if (dice.once(2)) add('Resent-Sender', mailboxes(dice, OWN, 1));
  }
  for (let n = dice.once(200) ? 900 : dice.below(4); n > 0; n--)
    if (dice.once(4)) add(dice.pick(['Keywords', 'Received-SPF']), text(dice, ASCII_WORDS));
    else add(dice.pick(['X-Odd', 'Comments', '>From', 'From-', 'XFrom', 'X!#$%']), text(dice));
  shuffle(dice, fields);
  const mbox = dice.once(10)
    ? dice.pick(['From x@other.test Fri Nov 27 02:00:00 2026\r\n', '>From x\r\n'])
    : '';
  return mbox + fields.join('') + body(dice);
}

/** Pieces of a field of authors, in which readers could find another than one of OWN. */
const AUTHOR_PIECES = [
  '"',
  '\\',
  '(',
  ')',
  ',',
  '.',
  ' ',
  `${CRLF} `,
  'x',
  'a@sender.test',
  '<a@sender.test>',
  '<ceo@other.test>',
  'ceo@other.test',
  '"<ceo@other.test>,"A',
  'a@sender.test (',
  '.other.test',
  '=?utf-8?q?=22?=',
  '=?utf-8?q?ceo=40other.test=2C?=',
  '\x1b$B',
  '\x1b$@',
  '\x1b(B',
  '\x1b(J',
  '\x1b$(D',
  '\xff',
  '\x01',
  '\x7f',
  latin1('あ'),
  latin1('\u0085'),
  latin1('\u00a0'),
  latin1('\u2028'),
  latin1('\ufeff'),
];
/** Such as an attacker found. */
const AUTHORS = [
  '"x\x1b$B"<ceo@other.test>,"A\x1b(B" (\xff) <a@sender.test>',
  '"x\x1b$B"<ceo@other.test>,"A\x1b(B" (\x1b$(Dzz\x1b(B) <a@sender.test>',
  '"x\x1b$B"<ceo@other.test>,"A\x1b(B" <a@sender.test>',
  '"<ceo@other.test>,"A\x1b(J\xffx <a@sender.test>',
  '"<ceo@other.test>,"A\xa0\x1b(B <a@sender.test>',
  '(\r\n ceo@other.test) <a@sender.test>',
  'a@sender.test (\r\n .other.test)',
  '\x1b$B"!\x1b(B <a@sender.test(\r\n .other.test)>',
  `"<ceo@other.test>)\r\n ${latin1('あ')}" <a@sender.test>`,
  `"a"@sender.test${latin1('\u2028')}`,
  '=?utf-8?q?=22?=a@sender.test',
  '(<ceo@other.test>, x) <a@sender.test>',
  'a@sender.te((x\r\n )st)',
  'a@sender.te\x1b(Jst',
];
/** The value of a field of authors. */
export function hostileAuthor(dice: Dice): string {
  if (dice.once(20)) return dice.pick(AUTHORS);
  const pieces = Array.from({ length: 1 + dice.below(7) }, () => dice.pick(AUTHOR_PIECES));
  return pieces.join('') + dice.pick(['', ' <a@sender.test>', '<a@sender.test>', ' <a@sender.test> (x)']);
}

/** A well-formed message with something in it that some reader may take for an author, a sender or a Bcc. */
export function hostile(dice: Dice): string {
  let message = wellFormed(dice);
  for (let n = 1 + dice.below(3); n > 0; n--) message = dice.pick(ATTACKS)(message, dice);
  return message;
}
type Attack = (message: string, dice: Dice) => string;

const HIDDEN = [
  'From: ceo@other.test',
  'FROM:<ceo@other.test>',
  'From : ceo@other.test',
  'From\t:\r\n\tceo@other.test',
  'From\r\n : ceo@other.test',
  ' From: ceo@other.test',
  'Fro\0m: ceo@other.test',
  '\x1b$BFrom: ceo@other.test',
  'Sender: "x" <ceo@other.test>',
  'Resent-From: a@sender.test, ceo@other.test',
  'Resent-Sender: ceo@other.test',
  'From: a@sender.test (\r\nSender: ceo@other.test',
  'Bcc: x@secret.test',
  'bCC : x@secret.test',
  'Resent-Bcc:\r\n x@secret.test',
  'Bcc\0: x@secret.test',
  '\xef\xbb\xbfFrom: ceo@other.test',
  'From\xa0: ceo@other.test',
  'From\x0b: ceo@other.test',
];
const JUNK = [
  ': x',
  'X Y: z',
  'no colon',
  '>From x',
  'From x',
  'From : x',
  '',
  ' ',
  '\t\t',
  '.',
  '--',
  '\x80',
  'X\x80: y',
  ' x: y',
];
const OCTETS = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  ':',
  ' ',
  '\t',
  '\x0b',
  '\x0c',
  '\x1b',
  '\x7f',
  '\x80',
  '\x85',
  ...SJIS,
  '"',
  '\\',
  '(',
  ')',
  '<',
  '>',
  '@',
  ',',
  ';',
  '\x1b$B',
  '\x1b(B',
  '=?',
];

const ATTACKS: readonly Attack[] = [
  (message, dice) => insertLine(message, dice, `${dice.pick(JUNK)}${CRLF}${dice.pick(HIDDEN)}`),
  (message, dice) => insertLine(message, dice, dice.pick(HIDDEN)),
  (message, dice) => insertLine(message, dice, dice.pick(JUNK)),
  (message, dice) => insertAt(message, dice.below(Math.min(message.length, 2000)), dice.pick(OCTETS)),
  (message, dice) =>
    insertAt(
      message,
      dice.below(Math.min(message.length, 2000)),
      `${dice.pick(['\r', '\n', '\x0c', '\x85', '\0'])}${dice.pick(HIDDEN)}`,
    ),
  (message, dice) => {
    const at = dice.below(Math.min(message.length, 2000));
    return message.slice(0, at) + message.slice(at + 1 + dice.below(3));
  },
  (message, dice) =>
    message.replace(
      /^(from|sender|resent-from)([ \t]*:)[^\r\n]*(?:\r\n[ \t][^\r\n]*)*/im,
      (_, name: string, colon: string) => `${name}${colon} ${hostileAuthor(dice)}`,
    ),
  // Within an author's field.
  (message, dice) => {
    const at = message.search(/^from[ \t]*:/im) + 6 + dice.below(12);
    const inner = [
      '<ceo@other.test>',
      ', ceo@other.test',
      '"',
      '(',
      '\\',
      `${CRLF} `,
      '\x1b$B',
      '@other.test,',
      ' (x) ',
      '\x93\\',
    ];
    return insertAt(message, at, dice.pick(inner));
  },
  (message, dice) =>
    dice.pick([
      'From x\r\n From: y\r\n',
      ' folded\r\n',
      CRLF,
      '\n',
      '>From y\r\n>From z\r\n',
      '\xef\xbb\xbf',
    ]) + message,
  (message, dice) => `${'X: y\r\n'.repeat(dice.once(4) ? 1001 : 10)}${message}`,
];

function mailboxes(dice: Dice, domain: string, most: number): string {
  return Array.from({ length: 1 + dice.below(most) }, () => mailbox(dice, domain)).join(
    dice.pick([', ', ',', ' , ']),
  );
}
function mailbox(dice: Dice, domain: string): string {
  const address = `${dice.pick(['a', 'x.y', '"q,r"', 'a+b', "o'x"])}@${dice.once(4) ? domain.toUpperCase() : domain}`;
  const comment = dice.once(5) ? ` ${dice.pick(COMMENTS)}` : '';
  const name = dice.once(4) ? dice.pick([...JIS, ...UTF8]) : dice.pick(NAMES);
  return `${dice.pick([address, `<${address}>`, `${name} <${address}>`, `${name}  <${address}>`])}${comment}`;
}
function text(dice: Dice, words = [...ASCII_WORDS, ...UTF8]): string {
  // Some lines are longer than a line may be, and are folded.
  const length = dice.once(100) ? 300 : dice.below(8);
  return Array.from({ length }, () => dice.pick(words)).join(' ');
}
/** The name in any case, white space before the colon, folds at spaces, some of white space alone. */
function field(dice: Dice, name: string, value: string): string {
  const written = dice.pick([name, name, name.toUpperCase(), name.toLowerCase()]);
  const gap = dice.once(6) ? dice.pick([' ', '\t', '  \t']) : '';
  const folded = value.replaceAll(' ', () =>
    dice.once(8) ? dice.pick([`${CRLF} `, `${CRLF}\t`, `${CRLF} ${CRLF}\t`, ` ${CRLF}  `]) : ' ',
  );
  const start = dice.pick([' ', ' ', '', '\t', `${CRLF} `, `${CRLF} ${CRLF} `]);
  return `${written}${gap}:${start}${folded}${CRLF}`;
}
function body(dice: Dice): string {
  if (dice.once(8)) return '';
  return `${CRLF}${dice.pick(['', 'x\r\n', 'From: ceo@other.test\r\nBcc: x@secret.test\r\n\r\nx\r\n', ' x\r\n'])}`;
}

function shuffle(dice: Dice, list: string[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
}
function insertAt(text: string, at: number, what: string): string {
  return text.slice(0, at) + what + text.slice(at);
}
function insertLine(message: string, dice: Dice, line: string): string {
  const lines = message.split(CRLF);
  lines.splice(dice.below(Math.min(lines.length, 60)), 0, line);
  return lines.join(CRLF);
}
