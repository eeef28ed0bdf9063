/** Sessions that share one small budget, in any order of mail, octets, judgements and lost connections; without sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '../../runtime/logger.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { reply } from '../reply.ts';
import { type ByteBudget, createByteBudget, SMALL } from './byte-budget.ts';
import type { Receiver } from './receiver.ts';
import { createSession } from './session.ts';

const KIB = 1024;
const MOST = 1024 * KIB;
const LIMIT = 700_000;
const PIECE = Buffer.from(`${'x'.repeat(78)}\r\n`.repeat(1_250));

/** A session from an address, and what came of its mail. Its messages are judged when the test says so. */
async function open(budget: ByteBudget, address: string) {
  const state = { said: '', closed: false, begun: 0, ended: 0, committed: 0, inHand: 0 };
  const judging: (() => void)[] = [];
  const receiver: Receiver = {
    connect: async () => ({ ok: true, value: null }),
    authenticate: async () => ({ ok: true, value: {} }),
    async mail() {
      state.begun += 1;
      return {
        ok: true,
        value: {
          sizeLimit: LIMIT,
          rcpt: async () => ({ ok: true, value: null }),
          async data({ length }, committing) {
            state.ended += 1;
            const large = length > SMALL ? length : 0;
            state.inHand += large;
            await new Promise<void>((resolve) => judging.push(resolve));
            state.inHand -= large;
            if (!committing()) return reply(451, '4.3.2', 'gone');
            state.committed += 1;
            return reply(250, '2.0.0', 'accepted');
          },
          abort() {
            state.ended += 1;
          },
        },
      };
    },
  };
  const session = createSession(
    { id: 'session', role: 'mx', remoteAddress: address, remotePort: 1, tls: null },
    {
      hostname: 'mx.example.test',
      receiver,
      budget,
      logger: silentLogger,
      announcedSize: () => LIMIT,
      tlsAvailable: false,
      authNeeds: () => 'TLSv1.3',
    },
    {
      write(text) {
        state.said += text;
      },
      startTls() {},
      close() {
        state.closed = true;
        session.closed();
      },
      phase() {},
    },
  );
  await session.begin();
  session.feed(Buffer.from('EHLO client.test\r\n'));
  await session.settled();
  return {
    state,
    /** Goes on as far as it can without a judgement. */
    async feed(octets: Buffer | string) {
      session.feed(Buffer.from(octets));
      await new Promise(setImmediate);
    },
    async judge() {
      for (const judged of judging.splice(0)) judged();
      await new Promise(setImmediate);
    },
    lose: () => session.closed(),
    /** It waits for octets of a message. */
    inData: () => !state.closed && /354 [^\r\n]*\r\n$/.test(state.said),
    accepted: () => state.said.split('250 2.0.0 accepted').length - 1,
  };
}

const move = fc.record({
  which: fc.nat({ max: 4 }),
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('MAIL', 'MAIL 300000', 'MAIL 300000', 'MAIL 700000', 'RSET') },
    { weight: 8, arbitrary: fc.constantFrom('octets', 'octets', 'octets', 'end', 'end', 'judge') },
    { weight: 1, arbitrary: fc.constant('lose') },
  ),
});
const ADDRESSES = ['192.0.2.1', '192.0.2.1', '192.0.2.2', '198.51.100.1', '2001:db8::1'];

test('mail is committed and answered 250, or neither; each transaction ends once; all room comes back', () =>
  fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 40, maxLength: 200, size: 'max' }), async (moves) => {
      const budget = createByteBudget(createFakeClock(), undefined, 2 * MOST, MOST);
      const sessions = await Promise.all(ADDRESSES.map((address) => open(budget, address)));
      const all = [...sessions];
      for (const { which, what } of moves) {
        const one = sessions[which]!;
        if (what.startsWith('MAIL') && !one.inData()) {
          const size = what.slice(5);
          await one.feed(`MAIL FROM:<a@b.test>${size === '' ? '' : ` SIZE=${size}`}\r\n`);
          await one.feed('RCPT TO:<x@example.test>\r\n');
          await one.feed('DATA\r\n');
        } else if (what === 'RSET' && !one.inData()) await one.feed('RSET\r\n');
        else if (what === 'octets' && one.inData()) await one.feed(PIECE);
        else if (what === 'end' && one.inData()) await one.feed('.\r\n');
        else if (what === 'judge') await one.judge();
        else if (what === 'lose') one.lose();
        if (one.state.closed || what === 'lose') {
          const next = await open(budget, ADDRESSES[which]!);
          sessions[which] = next;
          all.push(next);
        }
        const inHand = all.reduce((sum, { state }) => sum + state.inHand, 0);
        assert.ok(inHand <= budget.used && budget.used <= MOST, `${inHand} in hand, ${budget.used} taken`);
        for (const { state, accepted } of all) assert.equal(accepted(), state.committed);
      }
      for (const one of all) one.lose();
      for (const one of all) await one.judge();
      for (const { state, accepted } of all) {
        assert.equal(accepted(), state.committed);
        assert.equal(state.ended, state.begun);
      }
      assert.equal(budget.used, 0);
    }),
    { numRuns: 60 },
  ));
