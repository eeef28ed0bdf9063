/**
 * DATA, read in the chunks it comes in and stuffed again (RFC 5321 §4.5.2). The first octets of an input say where it is
 * cut; the result is the same as of one chunk.
 */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Reader = typeof import('../../src/smtp/server/data-reader.ts');
type Stuffing = typeof import('../../src/mail/dot-stuffing.ts');

const LIMIT = 48 * 1024;
const MAX_LINE = 998;

export const target: Target = {
  words: ['\r\n', '\r', '\n', '.', '\r\n.', '\r\n..', '\r\n.\r\n', '\n.\n', '\r.\r', 'x'.repeat(998)],
  async open(load) {
    const { createDataReader } = await load<Reader>('smtp/server/data-reader.ts');
    const { dotStuffed } = await load<Stuffing>('mail/dot-stuffing.ts');
    function read(wire: Buffer, cuts: readonly number[]) {
      const reader = createDataReader(LIMIT, MAX_LINE);
      let from = 0;
      for (const cut of [...cuts, wire.length]) {
        const to = Math.max(from, Math.min(cut, wire.length));
        const end = reader.push(wire.subarray(from, to));
        assert.equal(reader.received, end === -1 ? to : from + end);
        if (end !== -1) return { end: from + end, result: reader.result() };
        from = to;
      }
      return { end: -1, result: null };
    }
    return (input) => {
      const cuts = [...input.subarray(0, 4)].sort((a, b) => a - b);
      const wire = Buffer.concat([input.subarray(4), Buffer.from('\r\n.\r\n')]);
      const whole = read(wire, []);
      assert.equal(whole.end, `\r\n${wire.toString('latin1')}`.indexOf('\r\n.\r\n') + 3);
      assert.deepEqual(read(wire, cuts), whole);
      if (whole.result?.kind !== 'message') return;
      const { message } = whole.result;
      const again = read(Buffer.concat([...dotStuffed(message)]), cuts);
      assert.deepEqual(again.result, whole.result);
    };
  },
};
