import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixesOf } from './prefixes.ts';
import { perWidth } from './rates.ts';
import { createSlots, type Entered, type Slots } from './slots.ts';

/** Enters, and remembers who was dropped. `idle`: null for one that may not be. */
function setUp(most: number, ofOne: number) {
  const slots = createSlots({ most, parts: perWidth(ofOne) });
  const dropped: string[] = [];
  let serial = 0;
  const enter = (address: string, idle: number | null = 1_000 - ++serial, name = address): Entered =>
    slots.enter(prefixesOf(address), { idle: () => idle, drop: () => void dropped.push(name) });
  return { slots, dropped, enter };
}
const isIn = ({ kind }: Entered) => kind === 'in';
const isPressed = (slots: Slots) => slots.pressed;

test('an address has its part, its neighbours have theirs; who leaves makes room', () => {
  const { enter, slots } = setUp(100, 2);
  const first = enter('192.0.2.1');
  assert.ok(isIn(first) && isIn(enter('192.0.2.1')) && isIn(enter('192.0.2.2')));
  assert.deepEqual(enter('192.0.2.1'), { kind: 'full', network: { width: 'ipv4', text: '192.0.2.1' } });
  assert.ok(first.kind === 'in');
  first.leave();
  first.leave();
  assert.ok(isIn(enter('192.0.2.1')));
  assert.equal(slots.taken, 3);
});

test('a full /26 or /48: the idlest of its greediest address goes, and nobody for as much', () => {
  const { enter, dropped } = setUp(1_000, 3);
  for (const host of [1, 2, 3, 4]) for (let i = 0; i < 3; i += 1) enter(`192.0.2.${host}`, i, `${host}.${i}`);
  assert.ok(isIn(enter('192.0.2.9')));
  assert.deepEqual(dropped.length, 1);
  assert.match(dropped[0]!, /^\d\.2$/);
  assert.ok(isIn(enter('192.0.2.9')), 'two beside three');
  const third = enter('192.0.2.9');
  assert.ok(third.kind === 'full' && third.network?.text === '192.0.2.0/26', 'three beside three');
  for (let i = 0; i < 40; i += 1) assert.ok(isIn(enter(`2001:db8:0:${i}::1`)), 'each /64 is new');
  assert.equal(dropped.length, 2 + 40 - 12);
});

test('all taken: the idlest of the greediest goes; one with none of its own always gets in', () => {
  const { enter, dropped, slots } = setUp(100, 50);
  for (let i = 0; i < 50; i += 1) enter('192.0.2.1', i, `greedy ${i}`);
  for (let i = 0; i < 50; i += 1) enter(`10.${i}.0.1`, 100_000, `modest ${i}`);
  assert.ok(isIn(enter('203.0.113.1')) && isIn(enter('203.0.113.1')));
  assert.deepEqual(dropped, ['greedy 49', 'greedy 48']);
  assert.ok(isIn(enter('192.0.2.1')) === false, 'the greedy one is not let in for the modest');
  for (let i = 0; i < 300; i += 1) assert.ok(isIn(enter(`198.51.${i % 100}.1`, 1)));
  assert.equal(slots.taken, 100);
});

test('one connection each: the idlest of those makes room; a message being committed is not cut', () => {
  const { enter, dropped } = setUp(3, 50);
  enter('10.0.0.1', 5, 'a');
  enter('10.1.0.1', 9, 'b');
  enter('10.2.0.1', null, 'busy');
  assert.ok(isIn(enter('10.3.0.1', null, 'c')) && isIn(enter('10.4.0.1', null, 'd')));
  assert.deepEqual(dropped, ['b', 'a']);
  assert.deepEqual(enter('10.5.0.1'), { kind: 'full', network: null });
});

test('pressed above 70 %; trusted networks count for the whole and are never dropped', () => {
  const { enter, slots, dropped } = setUp(10, 50);
  const trusted = Array.from({ length: 7 }, () =>
    slots.enter(null, { idle: () => 1e9, drop: () => void dropped.push('trusted') }),
  );
  assert.equal(isPressed(slots), false);
  enter('192.0.2.1');
  assert.equal(isPressed(slots), true);
  for (let i = 0; i < 5; i += 1) enter(`10.${i}.0.1`);
  assert.ok(!dropped.includes('trusted'));
  for (const one of trusted) if (one.kind === 'in') one.leave();
  assert.equal(isPressed(slots), false);
});

test('a newcomer costs the same, whatever is there', () => {
  const { enter, slots, dropped } = setUp(5_000, 50);
  for (let host = 0; host < 100; host += 1)
    for (let i = 0; i < 50; i += 1) assert.ok(isIn(enter(`10.${host}.0.1`)));
  for (let i = 0; i < 6_000; i += 1) assert.ok(isIn(enter(`11.${i >> 8}.${i & 255}.1`, 0)) || true);
  assert.equal(slots.taken, 5_000);
  assert.ok(dropped.length >= 4_900);
});
