/** Events of a project: to each topic once, in the caller's transaction; who waits for them is woken once it is committed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRow } from '../edj/topics.ts';
import { systemClock } from '../runtime/clock.ts';
import { collectEffects } from '../runtime/effects.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import { createRandom } from '../runtime/random.ts';
import { createProjectEvents } from './project-events.ts';

const P = 'p' as ProjectId;
const topic = (name: string) => name as TopicId;
const CONTENT = { domain: 'example.com' };

async function setUp() {
  const woken: TopicId[][] = [];
  const rows: EventRow[] = [];
  const rule = (topicId: TopicId, names: string[]) => ({ family: 'event', domainId: null, topicId, names });
  const prepare = createProjectEvents({
    read: {
      sendingSettings: async () => null,
      rules: async () =>
        [
          rule(topic('a'), ['domain.verified']),
          rule(topic('b'), ['domain.verified', 'limit.raised']),
          rule(topic('c'), ['limit.raised']),
        ] as never,
    },
    clock: systemClock,
    random: createRandom(),
    published: (_project, topics) => void woken.push([...topics]),
  });
  const events = await prepare(P);
  const tx = { insertEvent: (row: EventRow) => void rows.push(row) };
  return { events, tx, rows, woken };
}

test('an event goes to the topics of the rules that name it and to its own, each once', async () => {
  const { events, tx, rows, woken } = await setUp();
  const effects = collectEffects(() =>
    events.record(tx, 'domain.verified', CONTENT, { summary: 's', topic: topic('a') }),
  );
  assert.deepEqual(
    rows.map(({ topicId, name, content }) => [topicId, name, content]),
    [
      ['a', 'domain.verified', CONTENT],
      ['b', 'domain.verified', CONTENT],
    ],
  );
  assert.deepEqual(woken, [], 'nobody is woken before the commit');
  effects.committed();
  assert.deepEqual(woken, [['a', 'b']]);
});
test('a failed transaction wakes nobody; an event that nobody wants is no event', async () => {
  const { events, tx, rows, woken } = await setUp();
  collectEffects(() => events.record(tx, 'domain.verified', CONTENT, { summary: 's' })).failed();
  const before = rows.length;
  collectEffects(() => events.record(tx, 'dkim.rotated', {} as never, { summary: 's' })).committed();
  assert.deepEqual([rows.length, woken], [before, []]);
});
