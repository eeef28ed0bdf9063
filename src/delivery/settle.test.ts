/** Which deferrals are told, when a message's time is over, and what a sender hears of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SENDING } from '../limits/usage.ts';
import { createRandom } from '../runtime/random.ts';
import type { RecipientMove, RecipientRow } from '../spool/messages.ts';
import { moved } from '../spool/transitions.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { newsOf } from './news.ts';
import { deferredHere, type Outcome } from './outcome.ts';
import { type MessageHead, prepareSettle } from './settle.ts';

const HOUR = 3_600_000;
const outcome: Outcome = deferredHere('4.4.1', 'nobody answers');

async function setUp(over: { ages?: number[]; trusted?: boolean } = {}) {
  const clock = createFakeClock();
  const message = {
    id: 'm',
    projectId: 'p',
    domainId: 'd',
    direction: 'outgoing',
    source: 'smtp',
    mailFrom: 'a@example.com',
    messageIdHeader: '<1@example.com>',
    acceptedAt: clock.now(),
    expiresAt: clock.now() + 5 * 24 * HOUR,
    facts: {},
  } as unknown as MessageHead;
  const events: string[] = [];
  const sequences: number[] = [];
  const traffic: object[] = [];
  let row = {
    id: 'r',
    projectId: 'p',
    messageId: 'm',
    address: 'x@out.test',
    domain: 'out.test',
    lane: 'out.test',
    state: 'queued',
    attempts: 0,
    heldSince: null,
    heldMs: 0,
    moves: 0,
    dsn: { notify: ['DELAY', 'FAILURE'] },
    lastResult: null,
  } as unknown as RecipientRow;
  const deps = {
    clock,
    random: createRandom(),
    retry: { baseMs: HOUR, maxMs: HOUR },
    timeIsTrusted: () => over.trusted ?? true,
    read: {
      rules: async () => [{ names: ['deferred', 'expired'], topicId: 't' }],
      domain: async () => null,
      sendingSettings: async () => ({
        ...DEFAULT_SENDING,
        deferredAges: over.ages ?? DEFAULT_SENDING.deferredAges,
      }),
    },
  } as unknown as Parameters<typeof prepareSettle>[1];
  return {
    clock,
    events,
    sequences,
    traffic,
    get row() {
      return row;
    },
    set row(changed) {
      row = changed;
    },
    /** One failed attempt now; the actions a sender would be told of. */
    async fail(): Promise<string[]> {
      const settlement = await prepareSettle(message, deps);
      const told = newsOf([{ row, outcome }], settlement).flatMap((group) =>
        group.map(({ action }) => action),
      );
      let move: RecipientMove | null = null;
      const tx = {
        moveRecipient: (made: RecipientMove) => {
          move = made;
        },
        insertAttempt() {},
        addTraffic: (_project: string, _domain: string, _at: number, counts: object) => traffic.push(counts),
        insertEvent(event: { name: string; content: { sequence: number } }) {
          events.push(`${event.name}@${(clock.now() - message.acceptedAt) / HOUR}`);
          sequences.push(event.content.sequence);
        },
      };
      settlement.record(tx as never, { row, outcome, site: 'mx.out.test' });
      row = moved(row, move! as RecipientMove);
      return told;
    },
  };
}

test('a deferral is told at the first attempt and then once after each chosen age', async () => {
  const s = await setUp({ ages: [0, 2 * 3600, 5 * 3600] });
  for (let hour = 0; hour < 8; hour++) {
    await s.fail();
    await s.clock.advance(HOUR);
  }
  assert.deepEqual(s.events, ['deferred@0', 'deferred@2', 'deferred@5']);
  assert.deepEqual(s.sequences, [2, 4, 7], 'the sequence grows with what is not told, too');
  assert.equal(s.row.lane, 'mx.out.test');
  assert.deepEqual(s.traffic, [{ deferred: 1 }], 'a recipient is counted as deferred once');
});
test('a delay is told to the sender once, after four hours', async () => {
  const s = await setUp();
  const told: string[][] = [];
  for (let hour = 0; hour < 7; hour++) {
    told.push(await s.fail());
    await s.clock.advance(HOUR);
  }
  assert.deepEqual(told, [[], [], [], [], ['delayed'], [], []]);
});
test('time held does not count; a jumped clock expires nothing; the end is told as a failure', async () => {
  const s = await setUp();
  await s.fail();
  s.row = { ...s.row, heldMs: 24 * HOUR };
  await s.clock.advance(5 * 24 * HOUR + HOUR);
  await s.fail();
  assert.equal(s.row.state, 'deferred');
  await s.clock.advance(24 * HOUR);
  assert.deepEqual(await s.fail(), ['failed']);
  assert.equal(s.row.state, 'expired');
  assert.deepEqual(s.traffic, [{ deferred: 1 }, { expired: 1 }]);
  const doubtful = await setUp({ trusted: false });
  await doubtful.clock.advance(6 * 24 * HOUR);
  await doubtful.fail();
  assert.equal(doubtful.row.state, 'deferred');
  assert.ok(doubtful.row.nextAttemptAt! > doubtful.clock.now());
});
