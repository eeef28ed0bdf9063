/** Who is there: each once, whoever leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRoster, type Entry } from './roster.ts';

interface Guest extends Entry {
  readonly name: string;
}
const guest = (name: string): Guest => ({ name, place: 0 });
const names = (roster: Iterable<Guest>) => [...roster].map(({ name }) => name).sort();

test('whoever came and has not left is there, once', () => {
  const roster = createRoster<Guest>();
  const [a, b, c] = [guest('a'), guest('b'), guest('c')];
  for (const one of [a, b, c]) roster.add(one);
  assert.deepEqual(names(roster), ['a', 'b', 'c']);
  roster.remove(a);
  assert.deepEqual([names(roster), roster.size], [['b', 'c'], 2]);
  roster.add(a);
  roster.remove(c);
  roster.remove(a);
  assert.deepEqual([names(roster), roster.size], [['b'], 1]);
  roster.remove(b);
  assert.deepEqual([names(roster), roster.size], [[], 0]);
});

test('of many who come and go, those are there who should be', () => {
  const roster = createRoster<Guest>();
  const there = new Map<number, Guest>();
  for (let i = 0; i < 5_000; i++) {
    const number = (i * 7919) % 97;
    const one = there.get(number);
    if (one === undefined) {
      const made = guest(String(number));
      there.set(number, made);
      roster.add(made);
    } else {
      there.delete(number);
      roster.remove(one);
    }
    assert.equal(roster.size, there.size);
  }
  assert.deepEqual(names(roster), [...there.keys()].map(String).sort());
});
