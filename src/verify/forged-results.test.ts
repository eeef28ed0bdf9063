/** Forged Authentication-Results are found in every dress; those of others stay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripForgedResults } from './forged-results.ts';

function left(header: string): string {
  const message = Buffer.from(`${header}\r\nAuthentication-Results: mx.test; in=body\r\n`, 'latin1');
  let rest = '';
  let at = 0;
  for (const { start, end } of stripForgedResults(message, 'mx.test').removed) {
    rest += message.toString('latin1', at, start);
    at = end;
  }
  return rest + message.toString('latin1', at);
}
const BODY = '\r\nAuthentication-Results: mx.test; in=body\r\n';

for (const [name, field] of Object.entries({
  plain: 'Authentication-Results: mx.test; dmarc=pass\r\n',
  'other case': 'AUTHENTICATION-results:MX.TEST;dmarc=pass\r\n',
  'with a version': 'Authentication-Results: mx.test 1; dmarc=pass\r\n',
  'after comments': 'Authentication-Results: (a (nested \\) ) b) mx.test; dmarc=pass\r\n',
  folded: 'Authentication-Results:\r\n mx.test\r\n ; dmarc=pass\r\n',
  quoted: 'Authentication-Results: "mx.\\test"; dmarc=pass\r\n',
  'quoted and folded': 'Authentication-Results: "\r\n mx.test"; dmarc=pass\r\n',
  'with a final dot': 'Authentication-Results: mx.test.; dmarc=pass\r\n',
  'a space before the colon': 'Authentication-Results \t: mx.test; dmarc=pass\r\n',
  'much space before the colon': `Authentication-Results${' '.repeat(5000)}: mx.test; dmarc=pass\r\n`,
  'an open comment': 'Authentication-Results: (mx.test; dmarc=pass\r\n',
  'no result': 'Authentication-Results: mx.test(x)\r\n',
  'a fold before the colon': 'Authentication-Results\r\n : mx.test; dmarc=pass\r\n',
})) {
  test(`found: ${name}`, () => {
    assert.equal(
      left(`From: a@b.test\r\n${field}To: c@d.test\r\n`),
      `From: a@b.test\r\nTo: c@d.test\r\n${BODY}`,
    );
  });
}

test('fields of others, look-alikes and the body stay', () => {
  const header =
    'Authentication-Results: other.test; dmarc=pass header.from=mx.test\r\nAuthentication-Results: mx.test.evil; x=y\r\n' +
    'Authentication-Results: notmx.test\r\nX-Authentication-Results: mx.test; a=b\r\nAuthentication-Results-Extra: mx.test\r\n' +
    'Subject: x\r\n Authentication-Results: mx.test; folded into the subject\r\n';
  assert.equal(left(header), header + BODY);
});

test('linear: a million comment openers, and many fields', () => {
  assert.equal(
    stripForgedResults(Buffer.from(`Authentication-Results: ${'('.repeat(1_000_000)}\r\n\r\n`), 'mx.test')
      .removed.length,
    0,
  );
  assert.equal(stripForgedResults(Buffer.alloc(0), 'mx.test').removed.length, 0);
});

test('beyond the limits of the reader, too: none is shown, and there are a thousand spans at most', () => {
  const junk = 'X: y\r\n'.repeat(20_000);
  const forged = 'Authentication-Results: mx.test; dmarc=pass\r\n';
  assert.equal(left(`${junk}${forged}`), junk + BODY);
  assert.equal(left(`X: ${'y'.repeat(300_000)}\r\n${forged}`), `X: ${'y'.repeat(300_000)}\r\n${BODY}`);
  const message = Buffer.from(`${`${forged}X: y\r\n`.repeat(100_000)}Last: z\r\n${BODY}`);
  const { removed } = stripForgedResults(message, 'mx.test');
  assert.equal(removed.length, 1000);
  const rest = left(`${`${forged}X: y\r\n`.repeat(100_000)}Last: z\r\n`);
  assert.equal(rest, `${'X: y\r\n'.repeat(999)}X: y\r\nLast: z\r\n${BODY}`);
});
