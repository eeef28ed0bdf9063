/** Work on items of many projects, of which some never end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRounds, type RoundItem } from './rounds.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const items = (projectId: string, count: number): RoundItem[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${projectId}${i}`, projectId }));

function stage(rest?: () => Promise<void>) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const rounds = createRounds<RoundItem>({
    atOnce: 8,
    work: ({ id, projectId }) => {
      started.push(id);
      if (projectId !== 'slow') return Promise.resolve();
      return new Promise((resolve) => ends.set(id, resolve));
    },
    ...(rest === undefined ? {} : { rest }),
  });
  const of = (project: string) => started.filter((id) => id.startsWith(project)).length;
  return { rounds, started, ends, of };
}

test('a project whose work does not end holds half of the places; all items of the others are done', async () => {
  const { rounds, ends, of } = stage();
  rounds.add([...items('slow', 30), ...items('quick', 30)]);
  await rounds.hasRoom();
  await settle();
  await rounds.hasRoom();
  assert.deepEqual([of('slow'), of('quick')], [4, 30]);
  ends.get('slow0')!();
  await settle();
  assert.deepEqual([of('slow'), of('quick')], [5, 30]);
});

test('several such projects leave places, and an item that is under way is not started again', async () => {
  const { rounds, started } = stage();
  rounds.add(items('slow', 30));
  rounds.clear();
  rounds.add(items('slow', 30));
  await settle();
  assert.deepEqual(started, ['slow0', 'slow1', 'slow2', 'slow3']);
});

test('a place that rests is not its project’s share: one project alone uses all places', async () => {
  const rested = Promise.withResolvers<void>();
  const { rounds, of } = stage(() => rested.promise);
  rounds.add(items('quick', 30));
  await settle();
  assert.equal(of('quick'), 8);
  rested.resolve();
  await rounds.hasRoom();
  await settle();
  assert.equal(of('quick'), 30);
});

test('after the stop nothing starts; it waits for what is under way', async () => {
  const { rounds, ends, of } = stage();
  rounds.add(items('slow', 30));
  const stopped = rounds.stop();
  for (const end of ends.values()) end();
  await stopped;
  rounds.add(items('quick', 3));
  await rounds.hasRoom();
  assert.deepEqual([of('slow'), of('quick')], [4, 0]);
});
