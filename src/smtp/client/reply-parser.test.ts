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

test('a line without end, and a reply without end, are faults as soon as they are too long', () => {
  assert.equal(read(Buffer.alloc(10_000, 0x32), 1).fault, 'reply line too long');
  const { replies, fault } = read(Buffer.from('250-x\r\n'.repeat(100_000)), 1460);
  assert.deepEqual([replies, fault], [[], 'reply of too many lines']);
});
