/** Of 200 random messages, Python's email sees the same parts, names and headers before and after they are converted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toSevenBit } from '../../src/mail/seven-bit.ts';
import { createDice, type Dice } from './generator.ts';

const WORDS = [
  '飛脚',
  'é',
  'plain text',
  '--b',
  '--',
  '=3D',
  '=',
  '.',
  ' ',
  '\t',
  '-- ',
  'From me',
  '<p>',
  '"',
];
const LONG = ['x'.repeat(80), 'x'.repeat(1200)];
const TYPES = [
  'Content-Type: text/plain\r\n',
  'Content-Type: text/plain; charset=utf-8\r\n',
  'Content-Type: text/html; charset="utf-8"; x=y\r\n',
  'Content-Type: application/pdf; name="é.pdf"\r\n',
  '',
];
const ENCODINGS = ['', ...['7bit', '8bit', 'binary'].map((name) => `Content-Transfer-Encoding: ${name}\r\n`)];
const FIELDS = [
  '',
  'Content-Description: 説明\r\n',
  'Content-Disposition: attachment; filename="見積.pdf"\r\n',
  'Content-Disposition: attachment; filename=見.pdf; size=3\r\n',
];
const KINDS = ['mixed', 'alternative', 'related', 'report'];

const times = (n: number, make: () => string) => Array.from({ length: n }, make);
function entity(dice: Dice, depth: number): string {
  const fields = dice.pick(ENCODINGS) + dice.pick(FIELDS);
  const kind = depth > 3 ? 9 : dice.below(10);
  if (kind < 4) {
    const boundary = `b${dice.below(1_000_000)}`;
    const parts = times(1 + dice.below(3), () => `--${boundary}\r\n${entity(dice, depth + 1)}\r\n`);
    const preamble = dice.pick(['', '前\r\n', 'before\r\n']);
    return `Content-Type: multipart/${dice.pick(KINDS)}; boundary=${boundary}\r\n${fields}\r\n${preamble}${parts.join('')}--${boundary}--${dice.pick(['', '\r\n後'])}`;
  }
  if (kind === 4)
    return `Content-Type: message/rfc822\r\n${fields}\r\nSubject: 中\r\nMIME-Version: 1.0\r\n${entity(dice, depth + 1)}`;
  const word = () => dice.pick(dice.once(8) ? LONG : WORDS);
  const lines = times(1 + dice.below(5), () => times(dice.below(4), word).join(dice.pick(['', ' '])));
  return `${dice.pick(TYPES)}${fields}\r\n${lines.join('\r\n')}`;
}

/** null: python3 is not installed. Otherwise what it sees differently, a line each. */
function compared(pairs: readonly string[]): string[] | null {
  const program = fileURLToPath(new URL('parts.py', import.meta.url));
  const run = spawnSync('python3', [program], { input: `${pairs.join('\n')}\n`, maxBuffer: 1e8 });
  if (run.error !== undefined) return null;
  assert.equal(run.status, 0, run.stderr.toString());
  return run.stdout.toString().trim().split('\n');
}

test("Python's email sees the same parts before and after", (t) => {
  const dice = createDice(0x68696b79);
  const pairs: string[] = [];
  for (let n = 0; n < 200; n += 1) {
    const message = Buffer.from(
      `From: 飛脚 <a@example.com>\r\nSubject: 題 é\r\nMIME-Version: 1.0\r\n${entity(dice, 0)}\r\n`,
    );
    const made = toSevenBit(message, { bodies: n % 2 === 0, signedAs: null });
    assert.ok(made.kind === 'converted', made.kind === 'refused' ? made.cause : message.toString());
    pairs.push(message.toString('base64'), made.message.toString('base64'));
  }
  const seen = compared(pairs);
  if (seen === null) return t.skip('python3 is not installed');
  assert.deepEqual(seen, ['compared 200']);
});

/** What boundaries may be, what may stand in a line of one, and what readers may take for one. */
const BOUNDARIES = [
  'b',
  'b',
  'b',
  '"b"',
  '"c"',
  'c',
  'bc',
  '"b "',
  '"=?utf-8?q?b?="',
  'b/c',
  '"b\\c"',
  '"b";x=é',
];
const LINES = [
  '--b',
  '--b',
  '--b',
  '--b--',
  '--c',
  '--c--',
  '--bc',
  '--=?utf-8?q?b?=',
  '--d',
  '--b c',
  '--é',
  '--',
];
const ENDS = ['', '', '', '', '', '', '', ' ', '\t', '\f', '\v', '\r', '-', '--', '\xa0', 'é', ' x'];
const LINE_ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n\r\n', '\r\n\r\n', '\n', '\r', ''];
const INSIDE = ['é', 'é', 'ä ö', 'x', 'text', '', 'a: b', 'no field', ' fold', 'x'.repeat(1000)];
const HEADERS = [
  'Content-Type: text/plain',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: 8bit',
  'Content-Type: message/rfc822',
  'Subject: é',
];
function disorder(dice: Dice): string {
  const multipart = () => {
    const separator = dice.once(12) ? dice.pick([' ', ' (c); ', ' ;', ';;', '; Boundary*=']) : '; boundary=';
    return `Content-Type: multipart/${dice.pick(KINDS)}${separator}${dice.pick(BOUNDARIES)}`;
  };
  const end = () => (dice.once(3) ? dice.pick(LINE_ENDS) : '\r\n');
  const line = () =>
    dice.pick(LINES.slice(0, dice.pick([5, 12]))) + dice.pick(ENDS.slice(0, dice.pick([7, 17])));
  const header = () => (dice.once(3) ? multipart() : dice.pick(HEADERS));
  const piece = () => {
    const fields = times(dice.below(3), () => header() + end()).join('');
    const text = times(dice.below(3), () => dice.pick(INSIDE) + end()).join('');
    return `${line()}${end()}${fields}\r\n${text}`;
  };
  return `${multipart()}\r\n\r\n${times(1 + dice.below(6), piece).join('')}${dice.pick(['--b--\r\n', ''])}`;
}

test("whatever boundaries look like, Python's email sees the same parts, or nothing is changed", (t) => {
  const dice = createDice(0x626f756e);
  const pairs: string[] = [];
  for (let n = 0; n < 8000; n += 1) {
    const message = Buffer.from(
      `From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n${disorder(dice)}`,
    );
    const made = toSevenBit(message, { bodies: n % 4 !== 0, signedAs: null });
    if (made.kind === 'converted') pairs.push(message.toString('base64'), made.message.toString('base64'));
  }
  const seen = compared(pairs);
  if (seen === null) return t.skip('python3 is not installed');
  assert.deepEqual(seen, [`compared ${pairs.length / 2}`]);
  assert.ok(pairs.length > 400, `${pairs.length / 2} messages are converted`);
});
