/** Replies of a server, in the chunks they come in. Whatever it says is a reply, a fault, or not yet either. */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Parser = typeof import('../../src/smtp/client/reply-parser.ts');
type Dialogue = typeof import('../../src/smtp/client/dialogue.ts');

const MOST_CHUNKS = 4096;

export const target: Target = {
  words: [
    '\r\n',
    '250 ',
    '250-',
    '354 ',
    '421 4.3.2 ',
    '5.1.1 ',
    '220 mx ESMTP',
    'SIZE 1000',
    'AUTH PLAIN LOGIN',
    'STARTTLS',
    '\n',
    '\0',
    '\x1b',
  ],
  // Each input is read four times, line by line; what is kept of a reply ends before.
  longest: 12 * 1024,
  async open(load) {
    const { createReplyParser, ProtocolFault } = await load<Parser>('smtp/client/reply-parser.ts');
    const { readCapabilities } = await load<Dialogue>('smtp/client/dialogue.ts');
    function read(octets: Buffer, step: number, final: boolean) {
      const parser = createReplyParser();
      const replies = [];
      try {
        for (let at = 0; at < octets.length; at += step) {
          parser.push(octets.subarray(at, at + step));
          for (let reply = parser.next(final); reply !== null; reply = parser.next(final))
            replies.push(reply);
        }
      } catch (error) {
        if (!(error instanceof ProtocolFault)) throw error;
        return { replies, fault: error.message };
      }
      return { replies, fault: null };
    }
    return (input) => {
      const step = Math.max(1 + (input[0] ?? 0), Math.ceil(input.length / MOST_CHUNKS));
      const octets = input.subarray(1);
      // Of a reply without end, what is read before it is decided depends on the chunks.
      const final = octets.length < 262_144 && read(octets, octets.length + 1, true);
      if (final) assert.deepEqual(read(octets, step, true), final);
      const whole = read(octets, octets.length + 1, false);
      assert.deepEqual(read(octets, step, false), whole);
      for (const { code, text, lines } of [...whole.replies, ...(final ? final.replies : [])]) {
        assert.ok(code >= 200 && code < 600 && lines.length > 0 && lines.length <= 128);
        assert.match(text, /^[^\0-\x1f\x7f-\x9f]{0,1000}$/);
        readCapabilities(lines.slice(1));
      }
    };
  },
};
