import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createReplyParser, ProtocolFault, type ServerReply } from './reply-parser.ts';

/** What is read of octets that come in pieces of a length. */
function read(octets: Buffer, step: number): { replies: ServerReply[]; fault: string | null } {
  const parser = createReplyParser();
  const replies: ServerReply[] = [];
  try {
    for (let at = 0; at < octets.length; at += step) {
      parser.push(octets.subarray(at, at + step));
      for (let reply = parser.next(); reply !== null; reply = parser.next()) replies.push(reply);
    }
  } catch (error) {
    assert.ok(error instanceof ProtocolFault);
    return { replies, fault: error.message };
  }
  return { replies, fault: null };
}

test('replies are read as they were written, however they come', () => {
  const line = fc.string({ unit: fc.constantFrom('a', ' ', '-', '2', '.', 'é'), maxLength: 40 });
  const lines = fc.array(line, { minLength: 1, maxLength: 5 });
  const reply = fc
    .tuple(fc.integer({ min: 200, max: 599 }), lines)
    .map(([code, texts]) => ({ code, lines: texts }));
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 6 }), fc.integer({ min: 1, max: 80 }), (written, step) => {
      const wire = written
        .map(({ code, lines }) =>
          lines.map((text, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${text}\r\n`).join(''),
        )
        .join('');
      const { replies, fault } = read(Buffer.from(wire), step);
      assert.equal(fault, null);
      assert.deepEqual(
        replies.map(({ code, lines }) => ({ code, lines })),
        written,
      );
    }),
  );
});

test('anything a server says is read the same however it comes, and ends as replies or a fault', () => {
  const piece = fc.constantFrom(
    '250',
    '250-',
    '250 ',
    '421 4.3.2 ',
    '5.1.1 ',
    '\r\n',
    '\n',
    '\r',
    '\0',
    'x',
    'é',
    'y'.repeat(1030),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 80 }), (parts, step) => {
      const octets = Buffer.from(parts.join(''));
      const whole = read(octets, octets.length + 1);
      assert.deepEqual(read(octets, step), whole);
      for (const { text } of whole.replies) assert.match(text, /^[^\0-\x1f\x7f-\x9f]{0,1000}$/);
    }),
  );
});

test('a line that is no reply, and a reply without end, are faults before they end', () => {
  assert.match(read(Buffer.alloc(10_000, 0x32), 1).fault ?? '', /^not an SMTP reply/);
  for (const endless of ['250-x\r\n'.repeat(100_000), `250 ${'x'.repeat(300_000)}`]) {
    const { replies, fault } = read(Buffer.from(endless), 1460);
    assert.deepEqual([replies, fault], [[], 'reply too long']);
  }
});

test('of a long text the beginning is kept, and the code decides', () => {
  for (const long of [
    `550 5.1.1 ${'x'.repeat(3000)}\r\n`,
    `${'550-5.1.1 x\r\n'.repeat(300)}550 5.1.1 end\r\n`,
  ]) {
    const { replies, fault } = read(Buffer.from(`${long}250 ok\r\n`), 100);
    assert.equal(fault, null);
    assert.deepEqual(
      replies.map(({ code, enhanced }) => [code, enhanced]),
      [
        [550, '5.1.1'],
        [250, null],
      ],
    );
    assert.ok(replies[0]!.lines.length <= 128 && replies[0]!.text.length <= 1000);
  }
});

test('codes that change within a reply: the last one with its words, and the first one', () => {
  const { replies } = read(Buffer.from('220-one\r\n521 5.7.1 client blocked\r\n'), 7);
  assert.deepEqual(replies, [
    { code: 521, enhanced: '5.7.1', text: 'client blocked', lines: ['5.7.1 client blocked'], firstCode: 220 },
  ]);
});

test('blank lines are nothing, in front of a reply and within it', () => {
  const { replies } = read(Buffer.from('\r\n\n250-a\r\n\r\n250 b\r\n\r\n'), 3);
  assert.deepEqual(
    replies.map(({ lines }) => lines),
    [['a', 'b']],
  );
});

test('behind the final dot a code stands in odd company, and a reply without end is decided by it', () => {
  for (const [octets, code] of [
    ['Warning: scan slow\r\n250 ok\r\n', 250],
    ['150 wait\r\n250 ok\r\n', 250],
    ['\u0000250 ok\r\n', 250],
    ['250ok\r\n', 250],
    ['250\tok\r\n', 250],
    ['250\r\n', 250],
    ['250-a\nof course\n250 b\n', 250],
    [`250 ${'x'.repeat(400_000)}`, 250],
    ['250-x\r\n'.repeat(60_000), 250],
    ['554-x\r\n'.repeat(60_000), 554],
  ] as const) {
    const parser = createReplyParser();
    let reply: ServerReply | null = null;
    for (let at = 0; at < octets.length && reply === null; at += 1460) {
      parser.push(Buffer.from(octets.slice(at, at + 1460), 'latin1'));
      assert.ok(parser.buffered() <= 4096);
      reply = parser.next(true);
    }
    assert.equal(reply?.code, code, octets.slice(0, 40));
  }
  const rubbish = createReplyParser();
  rubbish.push(Buffer.from('2500 octets\r\n25'));
  assert.deepEqual([rubbish.next(true), rubbish.begun()], [null, null]);
  const cut = createReplyParser();
  cut.push(Buffer.from('250'));
  assert.deepEqual([cut.next(true), cut.begun()?.code], [null, 250]);
});
